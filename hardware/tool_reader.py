"""Where the tool is and how it moves, from the streams of one robot."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from controllers.lie import so3_from_quat, so3_log
from controllers.serial_chain import SerialChain, ToolState
from hardware.contract import Contract
from hardware.streams import Aligned


class Arm(NamedTuple):
    """The arm as measured, as a batch of one. Base frame."""

    stamp: float
    """Of the joints, or of the pose [s]."""
    tool: ToolState
    twist: np.ndarray
    """Shape (1, 6) [m/s, rad/s]."""
    opening: np.ndarray
    """Of the gripper, 0 closed to 1 open. Shape (1,)."""
    wrench: np.ndarray
    """Zeros without a sensor. Shape (1, 6) [N, N m]."""
    q: np.ndarray
    """Shape (1, joints) [rad]."""


class ToolReader:
    """Reads joints through the model's kinematics, or the pose that the arm reports.

    Velocities that a driver does not report are differentiated.

    Args:
        contract: The robot.
        chain: Its kinematics; None takes ``current_pose``.
    """

    def __init__(self, contract: Contract, chain: SerialChain | None) -> None:
        self._contract, self._chain = contract, chain
        self._joints = len(contract.joints.arm)
        self._before: tuple[float, ToolState] | None = None
        self._twist = np.zeros((1, 6))

    def read(self, aligned: Aligned, told: float | None = None) -> Arm:
        """The arm of one aligned set that has ``joint_states``.

        Args:
            aligned: The set.
            told: What the gripper was last told, in the unit of its driver; it counts where nobody
                measures the fingers. None: nothing yet.
        """
        sample = aligned.samples["joint_states"]
        q, dq = sample.value[:, : self._joints]
        pose = aligned.samples.get("current_pose")
        tool = self._tool(q[None], None if pose is None else pose.value)
        wrench = aligned.samples.get("wrench")
        return Arm(
            stamp=sample.stamp,
            tool=tool,
            twist=self._twist_of(sample.stamp, tool, dq),
            opening=np.array([self._opening(aligned, told)]),
            wrench=np.zeros((1, 6)) if wrench is None else wrench.value[None],
            q=q[None],
        )

    def forget(self) -> None:
        """A new episode: what was before tells no velocity."""
        self._before, self._twist = None, np.zeros((1, 6))

    def _tool(self, q: np.ndarray, pose: np.ndarray | None) -> ToolState:
        if self._chain is not None:
            return self._chain.forward(q)
        assert pose is not None
        return ToolState(pose[None, :3], so3_from_quat(pose[3:])[None], np.empty(0))

    def _twist_of(self, stamp: float, tool: ToolState, dq: np.ndarray) -> np.ndarray:
        if self._chain is not None and np.isfinite(dq).all():
            return (tool.jacobian @ dq[None, :, None])[..., 0]
        if self._before is not None and stamp > self._before[0]:
            then, before = self._before
            turn = so3_log(tool.rotation @ before.rotation.transpose(0, 2, 1))
            way = np.hstack([tool.position - before.position, turn])
            self._twist = way / (stamp - then)
        self._before = stamp, tool
        return self._twist.copy()

    def _opening(self, aligned: Aligned, told: float | None) -> float:
        gripper = self._contract.gripper
        if gripper is None:
            return 1.0
        if self._contract.joints.gripper:
            value = float(np.mean(self._fingers(aligned)))
        else:
            value = gripper.open if told is None else told
        return (value - gripper.closed) / (gripper.open - gripper.closed)

    def _fingers(self, aligned: Aligned) -> np.ndarray:
        own = aligned.samples.get("gripper")
        if own is not None:
            return own.value[0]
        return aligned.samples["joint_states"].value[0, self._joints :]
