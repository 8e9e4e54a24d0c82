"""The heart of the safety node: requests in at the policy's rate, safe commands out at the arm's.

No ROS here: time is an argument. Whoever asks, a policy, a person, a replay or a reset, asks with
``request``; ``tick`` says what to send now. Between two requests the target is interpolated; every
command then passes ``controllers.safety.SafetyFilter``. When the source falls silent, or a required
stream is stale, the arm is held where it was measured.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from controllers.command_space import CommandSpace, JointSpace, PoseSpace
from controllers.kinematics import Kinematics
from controllers.reason import Reason
from controllers.safety import SafetyFilter
from controllers.trajectory import (
    Interpolate,
    TargetInterpolator,
    interpolate_joints,
    interpolate_pose_vector,
)
from hardware.contract import Contract

SILENCE = 2.0
"""Policy periods without a request after which the arm is held."""
_BRIDGED = 2.0
"""Stream periods that one command makes up for at most: a delayed arm lags, and never leaps."""
_PAUSE = 10.0
"""Stream periods without a command after which the arm has come to rest at the last one."""


class Order(NamedTuple):
    """What to send now, and why it is not what was asked for."""

    command: np.ndarray | None
    """None: send nothing."""
    requested: np.ndarray | None
    """The interpolated request it was made of; None while nobody asks."""
    reasons: Reason


@dataclass
class Tally:
    """What the guard has done since it was made."""

    ticks: int = 0
    sent: int = 0
    withheld: int = 0
    """Ticks without a command, because a required stream was stale or nothing was engaged."""
    requests: int = 0
    objections: Counter[str] = field(default_factory=Counter)
    """Requests that nobody may follow to the letter, by name of the reason."""
    masks: Counter[int] = field(default_factory=Counter)
    """Ticks by the bit mask of their reasons; names would be looked up at each tick."""

    @property
    def reasons(self) -> Counter[str]:
        """Ticks by name of the reason."""
        found: Counter[str] = Counter()
        for mask, ticks in self.masks.items():
            found.update(dict.fromkeys(_names(Reason(mask)), ticks))
        return found


class Guard:
    """One robot's filter with its clock of requests; not thread-safe by itself."""

    def __init__(self, contract: Contract, arm: Kinematics | None = None) -> None:
        """Guards the robot of a contract.

        Args:
            contract: Its limits, rates and command mode count.
            arm: Kinematics for the workspace of joint commands; None leaves it unwatched.
        """
        self._space, self._interpolate = _space(contract, arm)
        self._period, self._tick = 1 / contract.rates.policy, 1 / contract.rates.stream
        self._silence = SILENCE * self._period
        self._blend = contract.rates.blend * self._period
        self._filter = SafetyFilter(self._space, contract.limits, timeout=self._silence)
        self._targets: TargetInterpolator | None = None
        self._asked_at = self._commanded_at = -np.inf
        self._time = 0.0
        self.tally = Tally()

    @property
    def space(self) -> CommandSpace:
        """What requests and targets are: joint positions, or poses of the tool."""
        return self._space

    @property
    def size(self) -> int:
        """Length of a request."""
        return self._space.size

    @property
    def latched(self) -> Reason:
        """Why the arm is stopped until ``reset``; ``NONE`` if it is not."""
        return self._filter.latched

    def stop(self) -> None:
        """Latches the stop; effective with the next tick."""
        self._filter.stop()

    def reset(self) -> None:
        """Opens the latch; the next request must be near the arm."""
        self._filter.reset()
        self.release()

    def release(self) -> None:
        """Forgets the source: it let go, fell silent, or cannot be followed."""
        self._targets, self._asked_at = None, -np.inf

    def request(self, target: np.ndarray, now: float, age: float = 0.0) -> None:
        """Takes a target to be reached ``rates.blend`` policy periods from now.

        Args:
            target: Shape (size,).
            now: Time of the node's clock [s].
            age: How long ago it was asked for; silence begins then [s].

        Raises:
            ValueError: The target has another shape.
        """
        target = np.asarray(target, np.float64)
        if target.shape != (self.size,):
            raise ValueError(f"the request has shape {target.shape}; give ({self.size},)")
        before = None if self._targets is None else self._targets.at(now)
        if before is not None and not self._space.valid(before):
            before = None
        objections = self._objections(target, before)
        self.tally.requests += 1
        self.tally.objections.update(_names(objections))
        # Interpolating with what is no command would hide it.
        if self._targets is None or before is None or Reason.INVALID in objections:
            self._targets = TargetInterpolator(target, self._blend, self._interpolate)
        else:
            self._targets.aim(target, now)
        self._asked_at = now - max(0.0, age)

    def tick(
        self,
        measured: np.ndarray,
        now: float,
        wrench: np.ndarray | None = None,
        faults: Mapping[str, str] | None = None,
        contested: bool = False,
    ) -> Order:
        """What to send now.

        Args:
            measured: Where the arm is, in the coordinates of commands. Shape (size,).
            now: Time of the node's clock [s].
            wrench: Contact force and torque, if the arm has a sensor that is heard. Shape (6,)
                [N, N m].
            faults: Streams that are stale, by name; with any of them nothing is sent.
            contested: Whether somebody else commands the arm; nothing is sent then either.
        """
        withheld = Reason.STALE if faults else Reason.NONE
        withheld |= Reason.CONTESTED if contested else Reason.NONE
        order = self._withhold(withheld, wrench) if withheld else self._order(measured, now, wrench)
        self.tally.ticks += 1
        self.tally.sent += order.command is not None
        self.tally.withheld += order.command is None
        self.tally.masks[order.reasons.value] += 1
        return order

    def retract(self) -> None:
        """The command of the last tick came too late to be sent, and does not count."""
        self._filter.retract()
        self.tally.sent -= 1
        self.tally.withheld += 1

    def _withhold(self, reasons: Reason, wrench: np.ndarray | None) -> Order:
        self._filter.feel(wrench)
        self.release()
        return Order(None, None, reasons | self.latched)

    def _order(self, measured: np.ndarray, now: float, wrench: np.ndarray | None) -> Order:
        if now == self._commanded_at:  # /clock stands still, and so does its world
            return Order(None, None, Reason.CLOCK | self.latched)
        self._elapse(now)
        # One tick earlier than silence is over, so that the arm is held when it is.
        if self._targets is None or abs(now - self._asked_at) > self._silence - self._tick:
            self.release()
            command, reasons = self._filter.hold(measured, self._time, wrench)
            return Order(command, None, reasons)
        requested = self._targets.at(now)
        command, reasons = self._filter.filter(requested, measured, self._time, wrench)
        return Order(command, requested, reasons)

    def _elapse(self, now: float) -> None:
        """Advances the filter's time: a delay is bridged, after a pause the arm starts from rest.

        After silence, and when the clock was set, it is taken up where it is measured.
        """
        step, self._commanded_at = now - self._commanded_at, now
        if not 0 < step <= self._silence:
            self._time += 2 * self._silence
            return
        if step > _PAUSE * self._tick:
            self._filter.rest()
        self._time += min(step, _BRIDGED * self._tick)

    def _objections(self, target: np.ndarray, before: np.ndarray | None) -> Reason:
        """The limits that a request would pass if it were followed to the letter."""
        if not self._space.valid(target):
            return Reason.INVALID
        found = self._space.beyond(target)
        too_fast = before is not None and self._space.too_fast(before, target, self._period)
        return found | (Reason.VELOCITY if too_fast else Reason.NONE)


def _names(reasons: Reason) -> list[str]:
    return [reason.name or "" for reason in reasons]


def _space(contract: Contract, arm: Kinematics | None) -> tuple[CommandSpace, Interpolate]:
    if contract.command.in_joints:
        return JointSpace(contract.limits, arm), interpolate_joints
    return PoseSpace(contract.limits), interpolate_pose_vector
