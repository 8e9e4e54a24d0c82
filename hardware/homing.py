"""The way from where an arm stands to its home, as requests in the contract's mode."""

from __future__ import annotations

import numpy as np

from controllers.lie import quat_from_so3, so3_log
from controllers.serial_chain import SerialChain, ToolState
from controllers.trajectory import interpolate_joints, interpolate_pose_vector
from hardware.contract import Contract
from hardware.tool_reader import Arm


class Homing:
    """A straight way: of the joints, or, where targets are poses, of the tool.

    Args:
        contract: The robot.
        chain: Its kinematics; poses need it.
        arm: Where it stands.

    Raises:
        ValueError: Targets are poses, and nobody knows the one at home.
    """

    def __init__(self, contract: Contract, chain: SerialChain | None, arm: Arm) -> None:
        goal, self._tool = np.array(contract.home.q), None
        if contract.command.in_joints:
            self._start, self._end = arm.q[0], goal
            self._interpolate = interpolate_joints
            return
        if chain is None:
            raise ValueError(
                f"{contract.name} has no model to find the pose of its home with; give model.file, "
                "or bring it home with its own driver"
            )
        self._tool = chain.forward(goal[None])
        self._start, self._end = _pose(arm.tool), _pose(self._tool)
        self._interpolate = interpolate_pose_vector

    def at(self, share: float) -> np.ndarray:
        """What to ask for after a share (0 to 1) of the way, starting and ending gently."""
        share = min(max(share, 0.0), 1.0)
        return self._interpolate(self._start, self._end, share**2 * (3 - 2 * share))

    def left(self, arm: Arm) -> float:
        """What is left of the way for the joint, or the part of the pose, with most [rad, m]."""
        if self._tool is None:
            return float(np.abs(self._end - arm.q[0]).max())
        turn = so3_log(self._tool.rotation[0] @ arm.tool.rotation[0].T)
        way = np.linalg.norm(self._tool.position[0] - arm.tool.position[0])
        return float(max(way, np.linalg.norm(turn)))


def _pose(tool: ToolState) -> np.ndarray:
    return np.r_[tool.position[0], quat_from_so3(tool.rotation[0])]
