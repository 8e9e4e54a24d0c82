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
    reasons: Counter[str] = field(default_factory=Counter)
    """Ticks by name of the reason."""


class Guard:
    """One robot's filter with its clock of requests; not thread-safe by itself."""

    def __init__(self, contract: Contract, arm: Kinematics | None = None) -> None:
        """Guards the robot of a contract.

        Args:
            contract: Its limits, rates and command mode count.
            arm: Kinematics for the workspace of joint commands; None leaves it unwatched.
        """
        self._space, self._interpolate = _space(contract, arm)
        self._period = 1 / contract.rates.policy
        self._blend = contract.rates.blend * self._period
        self._filter = SafetyFilter(self._space, contract.limits, timeout=SILENCE * self._period)
        self._targets: TargetInterpolator | None = None
        self._asked_at = -np.inf
        self.tally = Tally()

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
        """Forgets the source: a person let go, or a link was closed."""
        self._targets, self._asked_at = None, -np.inf

    def request(self, target: np.ndarray, now: float) -> None:
        """Takes a target, shape (size,), to be reached ``rates.blend`` periods from ``now`` [s].

        Raises:
            ValueError: The target has another shape.
        """
        target = np.asarray(target, np.float64)
        if target.shape != (self.size,):
            raise ValueError(f"the request has shape {target.shape}; give ({self.size},)")
        self.tally.requests += 1
        here = target if self._targets is None else self._targets.at(now)
        if self._targets is None or not np.isfinite([here, target]).all():
            self._targets = TargetInterpolator(target, self._blend, self._interpolate)
        else:
            self._targets.aim(target, now)
        self._asked_at = now

    def tick(
        self,
        measured: np.ndarray,
        now: float,
        wrench: np.ndarray | None = None,
        faults: Mapping[str, str] | None = None,
    ) -> Order:
        """What to send now.

        Args:
            measured: Where the arm is, in the coordinates of commands. Shape (size,).
            now: Time of the node's clock [s].
            wrench: Contact force and torque, if the arm has a sensor. Shape (6,) [N, N m].
            faults: Streams that are stale, by name; with any of them nothing is sent.
        """
        order = self._order(measured, now, wrench, faults or {})
        self.tally.ticks += 1
        self.tally.sent += order.command is not None
        self.tally.withheld += order.command is None
        self.tally.reasons.update(reason.name or "" for reason in order.reasons)
        return order

    def _order(
        self,
        measured: np.ndarray,
        now: float,
        wrench: np.ndarray | None,
        faults: Mapping[str, str],
    ) -> Order:
        if faults:
            self.release()
            return Order(None, None, Reason.STALE | self.latched)
        if self._targets is None or now - self._asked_at > SILENCE * self._period:
            self.release()
            command, reasons = self._filter.hold(measured, now, wrench)
            return Order(command, None, reasons)
        requested = self._targets.at(now)
        command, reasons = self._filter.filter(requested, measured, now, wrench)
        return Order(command, requested, reasons)


def _space(contract: Contract, arm: Kinematics | None) -> tuple[CommandSpace, Interpolate]:
    mode = contract.command.mode
    if mode == "joint_position":
        return JointSpace(contract.limits, arm), interpolate_joints
    if mode == "cartesian_pose":
        return PoseSpace(contract.limits), interpolate_pose_vector
    raise ValueError(
        f"{contract.name} is commanded by {mode}, which the guard does not filter yet; "
        "choose joint_position or cartesian_pose, e.g. with Contract.with_mode"
    )
