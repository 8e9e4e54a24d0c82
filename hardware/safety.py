"""The safety node without ROS: streams, requests of policy and person, the guard, and its report.

Between every source of commands and the arm. Time is an argument, of two clocks: ``now`` is the
loop's own, which nobody sets; ``ros`` is the clock of stamps.
"""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from controllers.kinematics import Kinematics
from controllers.lie import vector_from_se3
from hardware.contract import Contract
from hardware.guard import SILENCE, Guard, Order
from hardware.joint_order import JointOrder
from hardware.streams import Streams

POSE_NAMES = ("x", "y", "z", "qx", "qy", "qz", "qw")
"""Names of the numbers of a request for a pose."""
GRIPPER = "gripper"
"""Name of the gripper's number in a request."""


class Decision(NamedTuple):
    """What the node does in one tick."""

    order: Order
    gripper: float | None
    """A new value for the gripper, in the unit of its driver."""
    person: bool
    """Whether a person's request counts."""


class Safety:
    """Requests in from any thread, one decision per tick out.

    Args:
        contract: The robot.
        arm: Kinematics for the workspace of joint commands and the pose of the tool.
        watch_cameras: Whether a silent camera stops the stream as well.
    """

    def __init__(
        self, contract: Contract, arm: Kinematics | None = None, watch_cameras: bool = True
    ) -> None:
        self.contract = contract
        # Nothing near the arm depends on where an object is.
        self.streams = Streams.of(replace(contract, extra=()), cameras=watch_cameras)
        self.guard = Guard(contract, arm)
        self.names = request_names(contract)
        self.ignored: Counter[str] = Counter()
        self._arm = arm
        self._joints = contract.command.mode == "joint_position"
        self._silence = SILENCE / contract.rates.policy
        self._lock = threading.Lock()
        self._gripper: float | None = None
        self._person_at = -np.inf
        self._order = JointOrder(self.names)

    def request(
        self,
        names: list[str],
        values: np.ndarray,
        stamp: float,
        now: float,
        ros: float,
        person: bool = False,
    ) -> bool:
        """Takes a request by names; one that is late, or not whole, is counted and left out.

        Args:
            names: Of the numbers.
            values: Joint positions or a pose, and the gripper's if it shall move.
            stamp: When it was asked [s], on the clock of stamps.
            now: Loop time [s].
            ros: Time on the clock of stamps [s].
            person: Whether a person asks, who goes before everything else.
        """
        with self._lock:
            if abs(ros - stamp) > self._silence:
                return self._ignore("late")
            if not person and now - self._person_at <= self._silence:
                return self._ignore("a person commands")
            try:
                target = self._order(names, values).q
            except ValueError:
                return self._ignore("joints missing")
            if person:
                self._person_at = now
            self.guard.request(target, now)
            if GRIPPER in names:
                self._grip(float(values[names.index(GRIPPER)]))
            return True

    def let_go(self) -> None:
        """A person let go: the arm is held from the next tick on."""
        with self._lock:
            self._person_at = -np.inf
            self.guard.release()

    def stop(self) -> None:
        """Latches the stop; effective with the next tick."""
        with self._lock:
            self.guard.stop()

    def reset(self) -> None:
        """Opens the latch; the next request must be near the arm."""
        with self._lock:
            self.guard.reset()

    def tick(self, now: float, ros: float) -> Decision:
        """What to send now, by the newest state.

        Args:
            now: Loop time [s].
            ros: Time on the clock of stamps [s].
        """
        faults = self.streams.faults(ros)
        with self._lock:
            wrench = self.streams["wrench"].newest() if "wrench" in self.streams.names else None
            order = self.guard.tick(
                self._measured(faults), now, None if wrench is None else wrench.value, faults
            )
            gripper, self._gripper = self._gripper, None
            moves = order.command is not None and not self.guard.latched
            person = now - self._person_at <= self._silence
            return Decision(order, gripper if moves else None, person)

    def report(self, decision: Decision) -> tuple[list[str], np.ndarray]:
        """Names and numbers of ``safety/report``; NaN where nothing was sent or asked."""
        nothing = np.full(len(self.names), np.nan)
        sent, requested, reasons = decision.order[0], decision.order[1], decision.order[2]
        numbers = [
            *(nothing if sent is None else sent),
            *(nothing if requested is None else requested),
            float(reasons.value),
            float(self.guard.latched.value),
            float(decision.person),
        ]
        return report_names(self.names), np.array(numbers)

    def _ignore(self, why: str) -> bool:
        self.ignored[why] += 1
        return False

    def _grip(self, value: float) -> None:
        gripper = self.contract.gripper
        if gripper is None or not np.isfinite(value):
            self._ignore("gripper")
            return
        self._gripper = float(np.clip(value, *sorted((gripper.open, gripper.closed))))

    def _measured(self, faults: dict[str, str]) -> np.ndarray:
        """Where the arm is, in the coordinates of commands; zeros while nobody knows."""
        name = "joint_states" if self._joints else "current_pose"
        if not self._joints and name not in self.streams.names:
            name = "joint_states"
        sample = self.streams[name].newest()
        if sample is None:
            return np.zeros(self.guard.size)
        if name == "current_pose":
            return sample.value
        q = sample.value[0, : len(self.contract.joints.arm)]
        if self._joints:
            return q
        assert self._arm is not None
        return vector_from_se3(self._arm.pose(q))


def request_names(contract: Contract) -> tuple[str, ...]:
    """Names of the numbers of a request."""
    return contract.joints.arm if contract.command.mode.startswith("joint") else POSE_NAMES


def report_names(names: tuple[str, ...]) -> list[str]:
    """Names of the numbers of ``safety/report``."""
    sides = [f"{side}/{name}" for side in ("sent", "requested") for name in names]
    return [*sides, "reasons", "latched", "person"]
