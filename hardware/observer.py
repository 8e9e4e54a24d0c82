"""Transitions of what others do: nothing is asked of the robot, only listened to. No ROS here.

A transition is one policy period: what was seen before it, the command at its end, which the safety
node had interpolated towards until then, and what was seen after it. Commands belong to a period by
their stamps, also when the news of them comes late.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from hardware.contract import Contract
from hardware.contract_file import to_values
from hardware.endpoints import IMAGES
from hardware.link import SET_BACK, Report
from hardware.safety import GRIPPER, request_names
from hardware.state_vector import StateVector
from hardware.streams import Aligned

if TYPE_CHECKING:
    from robot_rl.env import Observation
    from robot_rl.schema import Schema
    from robot_rl.transition import Source, Transition

_PATIENCE = 5
"""Periods of the policy after which a safety node that says nothing is not waited for."""
_KEPT = 2000
"""Reports that are kept while nothing is seen."""
EXTRA = ("sent", "requested", "reasons")
"""Further arrays of each transition, as ``HardwareEnv`` names them in ``info``."""


class _Frame(NamedTuple):
    """What was seen."""

    time: float
    """Of the tick [s]."""
    stamp: float
    """Of the slowest stream [s]."""
    observation: Observation


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
        self._slack = 1.5 / contract.rates.state
        self._patience = _PATIENCE / contract.rates.policy
        self._reports: deque[Report] = deque(maxlen=_KEPT)
        self._told = 0.0
        self._frames: deque[_Frame] = deque()
        self._gripper: float | None = None
        self._action: np.ndarray | None = None
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
            if report.stamp < self._told - SET_BACK:  # What was before lies in the future now.
                self._reports.clear()
            self._reports.append(report)
            self._told = report.stamp

    def grip(self, value: float) -> None:
        """Takes a command to the gripper."""
        self._gripper = value

    def tick(self, aligned: Aligned, now: float) -> list[Transition]:
        """What has happened, as far as it is known by now; often one transition.

        Args:
            aligned: The newest set; one that is not whole is not used.
            now: Time on the clock of stamps [s].
        """
        if self._frames and now < self._frames[-1].time - SET_BACK:
            self._frames.clear()
        if aligned.whole:
            self._frames.append(_Frame(now, aligned.stamp, self._observe(aligned)))
        found: list[Transition] = []
        while len(self._frames) > 1 and self._is_known(self._frames[1].time, now):
            before = self._frames.popleft()
            after = self._frames[0]
            told = self._take(after.time)
            reports = [report for report in told if report.stamp > before.time]
            if (action := self._note(told)) is not None:
                found.append(self._transition(before, after, action, reports))
        return found

    def _is_known(self, time: float, now: float) -> bool:
        """Whether the safety node has told what it sent until then, or tells nothing any more."""
        return self._told >= time - self._slack or now - time > self._patience

    def _take(self, until: float) -> list[Report]:
        """The reports up to a time [s], in order."""
        taken: list[Report] = []
        with self._lock:
            while self._reports and self._reports[0].stamp <= until:
                taken.append(self._reports.popleft())
        return taken

    def _note(self, reports: list[Report]) -> np.ndarray | None:
        """The last command of all, with the gripper's; None if there never was one."""
        sent = [report.sent for report in reports if np.isfinite(report.sent).all()]
        if sent:
            self._action = self._with_gripper(sent[-1])
        return self._action

    def _transition(
        self, before: _Frame, after: _Frame, action: np.ndarray, reports: list[Report]
    ) -> Transition:
        from robot_rl.transition import Transition

        nothing = np.full(len(self._names), np.nan)
        sent = reports[-1].sent if reports else nothing
        asked = [r.requested for r in reports if np.isfinite(r.requested).all()]
        requested = asked[-1] if asked else nothing
        policy_action = np.r_[requested, action[len(requested) :]] if asked else action
        reasons = np.bitwise_or.reduce([0, *(report.reasons for report in reports)])
        return Transition(
            observation=before.observation,
            next_observation=after.observation,
            action=action.astype(np.float32),
            policy_action=policy_action.astype(np.float32),
            reward=0.0,
            terminated=False,
            truncated=False,
            intervened=any(report.person for report in reports),
            source=self._source,
            sensor_stamp=before.stamp,
            command_stamp=reports[-1].stamp if reports else after.time,
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
