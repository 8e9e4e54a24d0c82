"""From actions, displacements of the tool, to requests in the contract's mode, and back."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from controllers.command_space import JointSpace, PoseSpace
from controllers.lie import quat_from_so3, so3_from_quat
from controllers.rate_limit import length
from controllers.serial_chain import SerialChain
from controllers.tool_control import ROTATION_DOWN, ToolAim, ToolControl, ToolSettings
from hardware.contract import Contract
from hardware.tool_reader import Arm
from robot_rl.env import ArraySpec

_FIRST = 0.8
"""Share of the way that a first command may be from an arm, which has moved since it was seen."""


class Request(NamedTuple):
    """What the safety node is asked for."""

    target: np.ndarray
    """In the contract's mode. Shape (size,)."""
    gripper: float | None
    """In the unit of its driver."""
    action: np.ndarray
    """The part of the action that workspace and cone let through. Shape (1, action)."""


class ToolAction:
    """Actions of one robot: translation, rotation vector and, unless it is held, the gripper.

    Args:
        contract: Commanded in joints, with a model, or at its tool.
        chain: Kinematics of the arm, if there is a model.
        settings: How far an action goes.
        held: Opening (0 to 1) at which the gripper stays; None lets the action move it.
        level: Orientation that tilt and yaw count from. Shape (3, 3).

    Attributes:
        opening: Where the gripper is wanted, 0 closed to 1 open.
        lead: By how many actions the last command leads the tool; zeros without a leash.
            Shape (1, 6).

    Raises:
        ValueError: If the contract lacks what an action needs.
    """

    def __init__(
        self,
        contract: Contract,
        chain: SerialChain | None,
        settings: ToolSettings,
        held: float | None,
        level: np.ndarray = ROTATION_DOWN,
    ) -> None:
        _require_usable(contract, chain)
        self.aim = ToolAim(settings, level)
        self.opening = 1.0 if held is None else held
        self.lead = np.zeros((1, 6))
        self._moves_gripper = held is None and contract.gripper is not None
        self._gripper, self._chain = contract.gripper, chain
        joints = contract.command.in_joints
        self._space = JointSpace(contract.limits, None) if joints else PoseSpace(contract.limits)
        self._held = True
        self._control = None
        if chain and joints:
            self._control = ToolControl(chain, np.array(contract.home.q), settings, level)

    @property
    def spec(self) -> ArraySpec:
        """Spec of the action."""
        names = ("x", "y", "z", "rx", "ry", "rz")
        if self._moves_gripper:
            names = (*names, "gripper")
        return ArraySpec((len(names),), low=-1.0, high=1.0, names=names)

    def accept(self, action: np.ndarray) -> np.ndarray:
        """The action within bounds; standing still where it is not finite. Shape (1, action).

        Raises:
            ValueError: If it has another shape.
        """
        action, spec = np.asarray(action, np.float64), self.spec
        if action.shape != (1, *spec.shape):
            raise ValueError(
                f"action has shape {action.shape}, this robot takes {(1, *spec.shape)}: "
                f"{', '.join(spec.names)}"
            )
        usable = np.isfinite(action).all()
        return np.clip(action, -1, 1) if usable else self.with_gripper(np.zeros((1, 6)))

    def with_gripper(self, motion: np.ndarray) -> np.ndarray:
        """A motion of the tool, shape (1, 6), with the gripper where it is wanted."""
        fingers = np.full((1, self.spec.shape[0] - 6), 2 * self.opening - 1)
        return np.hstack([motion, fingers])

    def request(self, action: np.ndarray, arm: Arm) -> Request:
        """What to ask for; ``action`` is as ``accept`` returned it."""
        if self._moves_gripper:
            self.opening = float(action[0, 6] + 1) / 2
        if self._control is not None:
            q, sent = self._control.target(action[:, :6], arm.tool, arm.q, self.lead)
            target = q[0]
        else:
            position, rotation, sent = self.aim.aim(action[:, :6], arm.tool, self.lead)
            target = np.r_[position[0], quat_from_so3(rotation[0])]
        if self._held and (near := self._near(target, arm)) is not target:
            target, sent = near, self.amounts_to(near, arm)
        return Request(target, self._grip(), np.hstack([sent, action[:, 6:]]))

    def towards(self, arm: Arm, position: np.ndarray, yaw: np.ndarray) -> np.ndarray:
        """The motion that asks for an upright pose. Shape (1, 6)."""
        return self.aim.action_towards(arm.tool, position, yaw, self.lead)

    def amounts_to(self, command: np.ndarray, arm: Arm) -> np.ndarray:
        """The motion that asks for a command, from where the arm was. Shape (1, 6)."""
        return self.aim.action_between(arm.tool, *self._pose(command), self.lead)

    def follow(self, command: np.ndarray | None, arm: Arm) -> None:
        """The next action adds to this command, as long as the arm has not got there.

        Args:
            command: The last one that was sent, in the contract's mode; None if the arm was held.
            arm: As measured since.
        """
        self._held = command is None
        if command is None:
            self.lead = np.zeros((1, 6))
        else:
            self.lead = self.aim.lead(arm.tool, *self._pose(command))

    def fingers(self, value: float | None) -> np.ndarray:
        """The gripper's part of the action that asks for a value, in the unit of its driver.

        None is where it is wanted anyway. Shape (1, 1), or (1, 0) where the gripper is held.
        """
        gripper, opening = self._gripper, self.opening
        if not self._moves_gripper or gripper is None:
            return np.empty((1, 0))
        if value is not None:
            opening = (value - gripper.closed) / (gripper.open - gripper.closed)
        return np.full((1, 1), 2 * opening - 1)

    def _pose(self, command: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Where a command wants the tool. Shapes (1, 3) and (1, 3, 3)."""
        if self._control is not None and self._chain is not None:
            tool = self._chain.forward(command[None])
            return tool.position, tool.rotation
        return command[None, :3], so3_from_quat(command[3:])[None]

    def _near(self, target: np.ndarray, arm: Arm) -> np.ndarray:
        """As much of the way to a target as a first command may go.

        An action's is shorter, but for a tool outside of the workspace, which is brought back.
        """
        tool, in_joints = arm.tool, self._control is not None
        here = arm.q[0] if in_joints else np.r_[tool.position[0], quat_from_so3(tool.rotation[0])]
        way = self._space.gap(here, target)
        share = float((_FIRST * self._space.engage_radius / np.maximum(length(way), 1e-9)).min())
        return target if share >= 1 else self._space.move(here, share * way)

    def _grip(self) -> float | None:
        gripper = self._gripper
        if gripper is None:
            return None
        return gripper.closed + self.opening * (gripper.open - gripper.closed)


def _require_usable(contract: Contract, chain: SerialChain | None) -> None:
    name = contract.name
    if chain is None and contract.command.in_joints:
        raise ValueError(f"{name} has no model to find joint positions with; give model.file")
    if chain is None and contract.state.current_pose is None:
        raise ValueError(f"{name} has neither model nor state.current_pose; give one of them")
