"""Our Cartesian controller for arms that take joint positions: poses in, joint commands out.

No ROS here: time is an argument, of two clocks: ``now`` is the loop's own, which nobody sets;
``ros`` is the clock of stamps. Poses come filtered from the safety node; so that nothing depends on
that, joint limits, speeds, accelerations and the workspace are kept here as well.
"""

from __future__ import annotations

import threading
from collections import Counter
from typing import NamedTuple

import numpy as np

from controllers.command_space import JointSpace, PoseSpace
from controllers.damped_least_squares import DampedLeastSquares
from controllers.kinematics import Kinematics
from controllers.lie import se3_from_vector, vector_from_se3
from controllers.rate_limit import length
from controllers.reason import Reason
from controllers.safety import SafetyFilter, Sent
from hardware.contract import Contract
from hardware.endpoints import subscriptions
from hardware.stream import Stream
from hardware.streams import Streams

_PULL_TIME = 1.0
"""Time in which spare joints go most of the way back to where the arm was taken up [s]."""
_SKIPPED = 2.0
"""Periods that one step of the joints is worth at most, however late it comes."""
_JOINTS = "joint_states"


class Motion(NamedTuple):
    """What the node does in one tick."""

    command: np.ndarray | None
    """Joint positions; None: send nothing. Shape (joints,) [rad]."""
    reasons: Reason
    """Why it is not what the target pose asks for."""
    pose: np.ndarray | None
    """Tool of joints that are new, ``x y z qx qy qz qw``. Shape (7,) [m]."""
    stamp: float
    """When it was measured [s]."""


class CartesianController:
    """Target poses in from any thread, one joint command per tick out.

    A target is solved to its end and the joints then move there within their limits: so they can
    brake in time, and a pose out of reach ends at the nearest one. The first target, and the first
    after silence, must be near the tool.

    Args:
        contract: The robot, commanded by a pose of the tool.
        arm: Its kinematics.

    Attributes:
        streams: Where the node pushes what the arm reports.
        targets: How many were taken.
        ignored: Why others were not.

    Raises:
        ValueError: The contract commands something else, or does not say when silence ends motion.
    """

    def __init__(self, contract: Contract, arm: Kinematics) -> None:
        rates, limits = contract.rates, contract.limits
        self._contract, self._arm = contract, arm
        self._timeout = _timeout(contract)
        found = (s for s in subscriptions(contract) if s.name == _JOINTS)
        self.streams = Streams(Stream(s.name, s.max_age, 1 / s.rate) for s in found)
        self.targets = 0
        self.ignored: Counter[str] = Counter()
        self._poses, self._joints = PoseSpace(limits), JointSpace(limits, arm)
        self._solver = DampedLeastSquares(arm, limits, 1 / (_PULL_TIME * rates.stream))
        self._lock = threading.Lock()
        self._target: np.ndarray | None = None
        self._asked_at = self._ticked_at = self._told = -np.inf
        self._most = _SKIPPED / rates.stream
        self._forget()

    def target(self, pose: np.ndarray, frame: str, stamp: float, now: float, ros: float) -> bool:
        """Takes a pose for the tool; one that makes no sense is counted and left out.

        Args:
            pose: ``x y z qx qy qz qw``. Shape (7,) [m].
            frame: Frame that it is given in; empty stands for the base.
            stamp: When it was asked [s], on the clock of stamps; 0 if nobody knows.
            now: Loop time [s].
            ros: Time on the clock of stamps [s].
        """
        if stamp and abs(ros - stamp) > self._timeout:
            return self._ignore("late")
        if frame not in ("", self._contract.frames.base):
            return self._ignore(f"in frame {frame}")
        if not self._poses.valid(pose):
            return self._ignore("no pose")
        with self._lock:
            self._target, self._asked_at = self._poses.clip(pose)[0], now
            self.targets += 1
        return True

    def tick(self, now: float, ros: float) -> Motion:
        """What to send now, by the newest joints.

        Args:
            now: Loop time [s].
            ros: Time on the clock of stamps [s].
        """
        sample = self.streams[_JOINTS].newest()
        if sample is None or self.streams.faults(ros):
            self._forget()
            return Motion(None, Reason.STALE, None, 0.0)
        q = sample.value[0, : self._joints.size]
        self._pass_time(now)
        command, reasons = self._follow(q, now)
        fresh, self._told = sample.stamp != self._told, sample.stamp
        return Motion(command, reasons, self._pose(q) if fresh else None, sample.stamp)

    def _follow(self, q: np.ndarray, now: float) -> Sent:
        target = self._newest_target(now)
        if target is None:
            self._goal = None
            return self._filter.hold(q, self._time)
        if self._goal is None and not self._near(q, target):
            command, reasons = self._filter.hold(q, self._time)
            return Sent(command, reasons | Reason.ENGAGE)
        if self._goal is None:
            self._goal = self._posture = q
        self._goal = self._solver.step(self._goal, se3_from_vector(target), self._posture)
        return self._filter.filter(self._goal, q, self._time)

    def _pass_time(self, now: float) -> None:
        """The filter's time: who comes late does not catch up with one long step.

        After more than the timeout the arm has held itself, and is taken up anew.
        """
        passed, self._ticked_at = now - self._ticked_at, now
        if abs(passed) > self._timeout:
            self._forget()
        self._time += min(passed, self._most)

    def _newest_target(self, now: float) -> np.ndarray | None:
        """The target; None after silence."""
        with self._lock:
            return self._target if now - self._asked_at <= self._timeout else None

    def _near(self, q: np.ndarray, target: np.ndarray) -> bool:
        way = length(self._poses.gap(self._pose(q), target))
        return bool((way <= self._poses.engage_radius).all())

    def _pose(self, q: np.ndarray) -> np.ndarray:
        return vector_from_se3(self._arm.pose(q))

    def _forget(self) -> None:
        """Whatever was commanded is too long ago: the arm is taken up where it will be."""
        self._filter = SafetyFilter(self._joints, self._contract.limits, self._timeout)
        self._time = 0.0
        self._goal: np.ndarray | None = None
        self._posture = np.zeros(self._joints.size)

    def _ignore(self, why: str) -> bool:
        self.ignored[why] += 1
        return False


def _timeout(contract: Contract) -> float:
    if contract.command.mode != "cartesian_pose":
        raise ValueError(
            f"{contract.name} is commanded by {contract.command.mode}, and the controller takes "
            "cartesian_pose; choose it with Contract.with_mode"
        )
    if contract.rates.command_timeout is None:
        raise ValueError(
            f"{contract.name} has rates.command_timeout: null, but the controller holds the arm "
            "when poses stop; give the silence after which it shall, e.g. 0.1"
        )
    return contract.rates.command_timeout
