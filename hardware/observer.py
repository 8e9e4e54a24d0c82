"""Transitions of what others do: nothing is asked of the robot, only listened to. No ROS here.

A transition is one policy period: what was seen before it, the command at its end, which the safety
node had interpolated towards until then, and what was seen after it.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import numpy as np

from hardware.contract import Contract
from hardware.contract_file import to_values
from hardware.endpoints import IMAGES
from hardware.link import Report
from hardware.safety import GRIPPER, request_names
from hardware.state_vector import StateVector
from hardware.streams import Aligned

if TYPE_CHECKING:
    from robot_rl.env import Observation
    from robot_rl.schema import Schema
    from robot_rl.transition import Source, Transition

EXTRA = ("sent", "requested", "reasons")
"""Further arrays of each transition, as ``HardwareEnv`` names them in ``info``."""


class Observer:
    """Makes transitions of aligned sets and of what the safety node reports.

    The action is the command as sent, in the contract's mode, then the gripper's value in the unit
    of its driver. It begins with the first command: before, there is nothing to learn from.

    Args:
        contract: The robot; its cameras are the ones that are recorded.
        source: What the transitions are from.
    """

    def __init__(self, contract: Contract, source: Source = "demo") -> None:
        self.contract = contract
        self._source: Source = source
        self._state = StateVector(contract)
        self._names = request_names(contract)
        self._reports: list[Report] = []
        self._gripper: float | None = None
        self._action: np.ndarray | None = None
        self._before: tuple[float, Observation] | None = None
        self._told = 0.0
        self._lock = threading.Lock()

    @property
    def schema(self) -> Schema:
        """What is recorded, with the contract embedded."""
        from robot_rl.env import ArraySpec
        from robot_rl.schema import Schema

        contract = self.contract
        specs = {"state": ArraySpec((len(self._state.names),), names=self._state.names)}
        for camera in contract.cameras:
            shape = (camera.height, camera.width, 3)
            specs[IMAGES + camera.name] = ArraySpec(shape, "uint8", 0, 255)
        names = self._names if contract.gripper is None else (*self._names, GRIPPER)
        action, dt = ArraySpec((len(names),), names=names), 1 / contract.rates.policy
        return Schema(specs, action, dt, contract.name, to_values(contract))

    @property
    def commanded(self) -> bool:
        """Whether anything has been sent to the arm yet."""
        return self._action is not None

    def hear(self, report: Report) -> None:
        """Takes a report of the safety node."""
        with self._lock:
            self._reports.append(report)

    def grip(self, value: float) -> None:
        """Takes a command to the gripper."""
        self._gripper = value

    def tick(self, aligned: Aligned) -> Transition | None:
        """What happened since the last whole set; None if there is nothing to tell."""
        if not aligned.whole:
            return None
        with self._lock:
            reports, self._reports = self._reports, []
        seen = aligned.stamp, self._observe(aligned)
        before, self._before = self._before, seen
        self._told = reports[-1].stamp if reports else self._told
        sent = [report.sent for report in reports if np.isfinite(report.sent).all()]
        if sent:
            self._action = self._with_gripper(sent[-1])
        if before is None or self._action is None:
            return None
        return self._transition(before, seen[1], self._action, reports)

    def _transition(
        self,
        before: tuple[float, Observation],
        after: Observation,
        action: np.ndarray,
        reports: list[Report],
    ) -> Transition:
        from robot_rl.transition import Transition

        nothing = np.full(len(self._names), np.nan)
        sent = reports[-1].sent if reports else nothing
        asked = [r.requested for r in reports if np.isfinite(r.requested).all()]
        requested = asked[-1] if asked else nothing
        policy_action = np.r_[requested, action[len(requested) :]] if asked else action
        reasons = np.bitwise_or.reduce([0, *(report.reasons for report in reports)])
        return Transition(
            observation=before[1],
            next_observation=after,
            action=action.astype(np.float32),
            policy_action=policy_action.astype(np.float32),
            reward=0.0,
            terminated=False,
            truncated=False,
            intervened=any(report.person for report in reports),
            source=self._source,
            sensor_stamp=before[0],
            command_stamp=self._told,
            extra=dict(zip(EXTRA, (sent, requested, np.array(reasons)), strict=True)),
        )

    def _observe(self, aligned: Aligned) -> Observation:
        images = {n: s.value for n, s in aligned.samples.items() if n.startswith(IMAGES)}
        return {"state": self._state(aligned), **images}

    def _with_gripper(self, command: np.ndarray) -> np.ndarray:
        """The whole action; a gripper that nobody has commanded counts as open."""
        gripper = self.contract.gripper
        if gripper is None:
            return command
        return np.append(command, gripper.open if self._gripper is None else self._gripper)
