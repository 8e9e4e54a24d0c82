from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pytest

from controllers.command_space import CommandSpace, JointSpace, PoseSpace
from controllers.kinematics import Kinematics
from controllers.lie import quat_exp, quat_multiply, vector_from_se3
from controllers.limits import PANDA
from controllers.rate_limit import length
from controllers.reason import Reason
from controllers.safety import SafetyFilter, Sent
from sim import panda

DT = 0.002
TIMEOUT = 0.1
ACTIONS = 100_000
ROUNDING = 1e-9

POSE = np.array([0.45, 0.0, 0.3, 1.0, 0.0, 0.0, 0.0])
HARD = np.array([0.0, 0.0, PANDA.force + 1, 0.0, 0.0, 0.0])


@pytest.fixture
def joints() -> SafetyFilter:
    return SafetyFilter(JointSpace(PANDA, arm=None), PANDA, TIMEOUT)


@pytest.fixture
def engaged(joints: SafetyFilter) -> SafetyFilter:
    """Has sent the ready position at time 0."""
    assert joints.filter(panda.Q_READY, panda.Q_READY, 0.0).command is not None
    return joints


def run(guard: SafetyFilter, command: np.ndarray, measured: np.ndarray, ticks: range) -> list[Sent]:
    return [guard.filter(command, measured, i * DT) for i in ticks]


class Tick(NamedTuple):
    command: np.ndarray
    dt: float
    wrench: np.ndarray | None


class Adversary:
    """A source that does everything wrong, and the ordinary in between."""

    def __init__(self, home: np.ndarray, seed: int) -> None:
        self._rng = np.random.default_rng(seed)
        self._home = home
        self._is_pose = len(home) == 7 and abs(np.linalg.norm(home[3:]) - 1) < 1e-9

    def ticks(self, count: int) -> Iterator[Tick]:
        rng, command = self._rng, self._home
        for _ in range(count):
            kind = rng.random()
            if kind < 0.02:
                command = self._somewhere(1.0)
            elif kind < 0.03:
                command = self._somewhere(1e-3) if rng.random() < 0.5 else self._home
            elif kind < 0.05:
                yield Tick(self._broken(), self._period(), None)
                continue
            elif kind < 0.5:
                command = self._nudged(command)
            wrench = HARD if rng.random() < 2e-4 else np.zeros(6)
            yield Tick(command, self._period(), wrench)

    def _somewhere(self, scale: float) -> np.ndarray:
        """Often beyond the limits, seldom by many orders of magnitude."""
        rng = self._rng
        huge = 1e300 if rng.random() < 0.05 else 1.0
        if not self._is_pose:
            return self._home + huge * scale * rng.normal(0, 2, len(self._home))
        position = self._home[:3] + huge * scale * rng.normal(0, 0.5, 3)
        quat = quat_multiply(quat_exp(scale * rng.normal(0, 1, 3)), self._home[3:])
        return np.concatenate([position, quat])

    def _nudged(self, command: np.ndarray) -> np.ndarray:
        step = self._rng.normal(0, 0.003, 6 if self._is_pose else len(command))
        if not self._is_pose:
            return command + step
        return np.concatenate(
            [command[:3] + step[:3], quat_multiply(quat_exp(step[3:]), command[3:])]
        )

    def _broken(self) -> np.ndarray:
        command = self._home.copy()
        spoil = self._rng.choice([np.nan, np.inf, -np.inf, 1e308])
        command[self._rng.integers(len(command))] = spoil
        return command

    def _period(self) -> float:
        rng = self._rng
        if rng.random() < 0.005:
            return float(rng.choice([0.0, -DT, 10 * TIMEOUT, np.nan]))
        return float(DT * rng.choice([0.01, 0.5, 1.0, 1.0, 1.0, 1.7, 10.0]))


class Checker:
    """Differentiates what was sent, without asking the filter, and holds it against the limits."""

    def __init__(self, space: CommandSpace) -> None:
        self._space = space
        self._last: tuple[np.ndarray, np.ndarray, float] | None = None
        self.moved = 0
        self.fastest = np.zeros(len(space.speed))
        self.hardest = np.zeros(len(space.speed))

    def see(self, command: np.ndarray | None, time: float) -> None:
        if command is None:
            self._last = None
            return
        assert self._space.valid(command)
        assert self._space.beyond(command) == Reason.NONE
        if self._last is None or abs(time - self._last[2]) > TIMEOUT:
            self._last = (command, np.zeros_like(self._space.gap(command, command)), time)
            return
        before, velocity, then = self._last
        gap = self._space.gap(before, command)
        if not time - then > 0:
            np.testing.assert_array_equal(gap, 0)
            return
        now = gap / (time - then)
        change = length(now - velocity) / (time - then)
        # Differences of positions know velocities to about 1e-15 / dt, accelerations to that / dt.
        slack = 1e-14 / (time - then) ** 2
        assert (length(now) <= self._space.speed * (1 + ROUNDING) + slack).all()
        assert (change <= self._space.acceleration * (1 + ROUNDING) + 2 * slack).all()
        self.moved += bool(gap.any())
        self.fastest = np.maximum(self.fastest, length(now) / self._space.speed)
        self.hardest = np.maximum(self.hardest, change / self._space.acceleration)
        self._last = (command, now, time)


def attack(space: CommandSpace, home: np.ndarray, seed: int) -> tuple[Checker, Reason]:
    """Sends random actions through a filter; returns how far limits were used, and the reasons."""
    guard, checker, seen = SafetyFilter(space, PANDA, TIMEOUT), Checker(space), Reason.NONE
    time, measured = 0.0, home
    for tick in Adversary(home, seed).ticks(ACTIONS):
        now = time + tick.dt
        sent = guard.filter(tick.command, measured, now, tick.wrench)
        seen |= sent.reasons
        checker.see(sent.command, now)
        if sent.command is None and not guard.latched:
            measured = home
        elif sent.command is not None:
            measured = sent.command
        if np.isfinite(now):
            time = max(now, time)
        if guard.latched and checker.moved % 7 == 0:
            guard.reset()
    return checker, seen
