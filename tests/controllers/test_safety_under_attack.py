from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from controllers.command_space import CommandSpace, JointSpace, PoseSpace
from controllers.kinematics import Kinematics
from controllers.lie import quat_exp, quat_multiply, vector_from_se3
from controllers.limits import PANDA, Limits
from controllers.rate_limit import length
from controllers.reason import Reason
from controllers.safety import SafetyFilter
from sim import panda

DT = 0.002
TIMEOUT = 0.1
ACTIONS = {"joints": 50_000, "workspace": 20_000, "tool": 5_000, "pose": 25_000}
"""100,000 in all."""
ROUNDING = 1e-9

POSE = np.array([0.45, 0.0, 0.3, 1.0, 0.0, 0.0, 0.0])
HARD = np.array([0.0, 0.0, PANDA.force + 1, 0.0, 0.0, 0.0])


class Tick(NamedTuple):
    command: np.ndarray
    dt: float
    wrench: np.ndarray | None


class Adversary:
    """A source that does everything wrong, and the ordinary in between."""

    def __init__(self, home: np.ndarray, is_pose: bool, rng: np.random.Generator) -> None:
        self._home = home
        self._is_pose = is_pose
        self._rng = rng

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

    def __init__(self, space: CommandSpace, inside: Callable[[np.ndarray], bool]) -> None:
        self._space = space
        self._inside = inside
        self._last: tuple[np.ndarray, np.ndarray, float] | None = None
        self.moves = 0
        self.speed = np.zeros(len(space.speed))
        """Largest share of the limit that was used. Shape (groups,)."""
        self.acceleration = np.zeros(len(space.speed))
        """Likewise."""

    def see(self, command: np.ndarray | None, time: float) -> None:
        if command is None:
            self._last = None
            return
        assert self._inside(command)
        if self._last is None or abs(time - self._last[2]) > TIMEOUT:
            self._last = (command, np.zeros_like(self._space.gap(command, command)), time)
            return
        before, velocity, then = self._last
        if not time > then:
            np.testing.assert_array_equal(command, before)
            return
        gap = self._space.gap(before, command)
        now = gap / (time - then)
        self._hold_against_limits(now, now - velocity, time - then)
        self.moves += bool(gap.any())
        self._last = (command, now, time)

    def _hold_against_limits(self, velocity: np.ndarray, change: np.ndarray, dt: float) -> None:
        speed = length(velocity) / self._space.speed
        acceleration = length(change) / dt / self._space.acceleration
        # Positions are known to about 1e-15, so their second difference to 1e-15 / dt^2.
        assert (speed <= 1 + ROUNDING).all()
        assert (acceleration <= 1 + ROUNDING + 1e-15 / dt**2).all()
        self.speed = np.maximum(self.speed, speed)
        self.acceleration = np.maximum(self.acceleration, acceleration)


class ToolChecker(Checker):
    """Holds the tool's speed against its limits as well, without a Jacobian."""

    def __init__(self, space: CommandSpace, arm: Kinematics, limits: Limits) -> None:
        super().__init__(space, joints_inside)
        self._arm, self._speeds = arm, np.array([limits.speed, limits.angular_speed])
        self.tool = np.zeros(2)
        """Largest share of speed and angular speed that was used."""

    def _hold_against_limits(self, velocity: np.ndarray, change: np.ndarray, dt: float) -> None:
        super()._hold_against_limits(velocity, change, dt)
        assert self._last is not None
        poses = [
            self._arm.pose(self._last[0] + moved[:, 0]) for moved in (0 * velocity, velocity * dt)
        ]
        before, after = map(vector_from_se3, poses)
        shares = length(PoseSpace(PANDA).gap(before, after)) / dt / self._speeds
        # The way bends within a step, and the levers change while the arm brakes.
        assert (shares <= 1.01).all()
        self.tool = np.maximum(self.tool, shares)


def attack(
    space: CommandSpace,
    home: np.ndarray,
    inside: Callable[[np.ndarray], bool],
    actions: int,
    checker: Checker | None = None,
) -> tuple[Checker, Reason]:
    """Sends random actions through a filter; returns what was seen, and the reasons."""
    rng = np.random.default_rng(0)
    source = Adversary(home, isinstance(space, PoseSpace), rng)
    guard, reasons = SafetyFilter(space, PANDA, TIMEOUT), Reason.NONE
    checker = checker or Checker(space, inside)
    time, measured = 0.0, home
    for tick in source.ticks(actions):
        now = time + tick.dt
        sent = guard.filter(tick.command, measured, now, tick.wrench)
        reasons |= sent.reasons
        checker.see(sent.command, now)
        measured = home if sent.command is None else sent.command
        time = max(time, now) if np.isfinite(now) else time
        if guard.latched and rng.random() < 0.01:
            guard.reset()
    return checker, reasons


def joints_inside(q: np.ndarray) -> bool:
    return bool(((q >= PANDA.q_lower) & (q <= PANDA.q_upper)).all())


def tool_inside(position: np.ndarray) -> bool:
    lower, upper = PANDA.workspace_lower, PANDA.workspace_upper
    return bool(((position >= lower) & (position <= upper)).all())


ANYWHERE = (
    Reason.INVALID
    | Reason.CLOCK
    | Reason.VELOCITY
    | Reason.ACCELERATION
    | Reason.ENGAGE
    | Reason.FORCE
)


def test_random_joint_commands_pass_no_limit() -> None:
    seen, reasons = attack(
        JointSpace(PANDA, arm=None), panda.Q_READY, joints_inside, ACTIONS["joints"]
    )
    assert seen.moves > ACTIONS["joints"] / 2
    assert (seen.speed > 0.99).all()
    assert (seen.acceleration > 0.99).all()
    assert reasons == ANYWHERE | Reason.POSITION


def test_random_joint_commands_keep_the_tool_in_the_workspace(arm: Kinematics) -> None:
    def inside(q: np.ndarray) -> bool:
        return joints_inside(q) and tool_inside(arm.pose(q)[:3, 3])

    seen, reasons = attack(JointSpace(PANDA, arm), panda.Q_READY, inside, ACTIONS["workspace"])
    assert seen.moves > ACTIONS["workspace"] / 2
    assert (seen.acceleration > 0.99).all()
    assert reasons == ANYWHERE | Reason.POSITION | Reason.WORKSPACE


def test_random_joint_commands_keep_the_tool_slow(arm: Kinematics) -> None:
    slow = replace(PANDA, speed=0.25, angular_speed=0.5)
    space = JointSpace(slow, arm)
    checker = ToolChecker(space, arm, slow)
    _, reasons = attack(space, panda.Q_READY, joints_inside, ACTIONS["tool"], checker)
    assert checker.moves > ACTIONS["tool"] / 2
    assert (checker.tool > 0.99).all()
    assert Reason.VELOCITY in reasons


def test_random_poses_pass_no_limit() -> None:
    def inside(pose: np.ndarray) -> bool:
        return tool_inside(pose[:3]) and abs(float(np.linalg.norm(pose[3:])) - 1) < ROUNDING

    seen, reasons = attack(PoseSpace(PANDA), POSE, inside, ACTIONS["pose"])
    assert seen.moves > ACTIONS["pose"] / 2
    assert (seen.speed > 0.99).all()
    assert (seen.acceleration > 0.99).all()
    assert reasons == ANYWHERE | Reason.WORKSPACE
