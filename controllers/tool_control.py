"""From actions to joint targets: one damped least-squares step per policy step."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from controllers.lie import so3_exp, so3_log
from controllers.ranges import require_not_negative, require_positive
from controllers.serial_chain import SerialChain, ToolState

ROTATION_DOWN = np.diag([1.0, -1.0, -1.0])
"""Orientation of a tool in the base frame that points straight down."""
_START_ITERATIONS = 15


@dataclass(frozen=True)
class ToolSettings:
    """How far an action goes, and where the tool may be."""

    translation: float = 0.015
    """Shift of the target that a full action asks for along each axis [m]."""
    rotation: float = 0.1
    """Turn of the target that a full action asks for about each axis [rad]."""
    tilt: float = 0.2
    """Largest roll and pitch of the target away from level: straight down, or on a robot with a
    model and without a task as at home [rad]."""
    yaw: float = 0.7
    """Largest yaw of the target away from level [rad]."""
    workspace: tuple[tuple[float, float, float], tuple[float, float, float]] = (
        (0.3, -0.3, 0.01),
        (0.75, 0.3, 0.45),
    )
    """Corners of the box that the target cannot leave, base frame [m]. A robot without a task has
    that of its contract instead, unless this is given."""
    relative_frame: bool = False
    """Actions, twist and wrench in the tool frame instead of the base frame (as SERL's wrapper)."""
    leash: float = 0.0
    """How many full actions the target may lead the measured tool by, before the next one is added
    to it: then an arm that answers late is no slower, and ``state`` has the lead. 0 adds actions to
    the measured pose."""

    def __post_init__(self) -> None:
        require_positive(self, "translation", "rotation")
        require_not_negative(self, "tilt", "yaw", "leash")
        low, high = self.workspace
        if not all(a < b for a, b in zip(low, high, strict=True)):
            raise ValueError(
                f"workspace is {self.workspace}; give the lowest x, y, z first, then the highest"
            )


class ToolAim:
    """Where an action wants the tool: the *measured* pose plus the action, as in SERL.

    So the force in contact is bounded by stiffness times action, and the observation says all about
    what an action will do. With a leash the action adds to what the last target leads the measured
    pose by, at most the leash, which bounds the force as well; ManiSkill calls that ``use_target``.

    Args:
        settings: How far an action goes, and where the tool may be.
        level: Orientation that tilt and yaw count from. Shape (3, 3).
    """

    def __init__(self, settings: ToolSettings, level: np.ndarray = ROTATION_DOWN) -> None:
        self._settings = settings
        self.level = level

    def aim(
        self, action: np.ndarray, tool: ToolState, lead: np.ndarray | float = 0.0
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Position, rotation, and the part of the action that workspace and cone let through.

        Args:
            action: Tool displacement in units of the settings. Shape (worlds, 6), in [-1, 1].
            tool: Measured tool.
            lead: Of the last target, as of ``lead``.

        Returns:
            Shapes (worlds, 3) [m], (worlds, 3, 3) and (worlds, 6).
        """
        settings, frame = self._settings, self.frame(tool.rotation)
        back = frame.transpose(0, 2, 1)
        whole = action + lead
        shift = rotate(back, whole[:, :3]) * settings.translation
        turn = rotate(back, whole[:, 3:]) * settings.rotation
        asked = tool.position + shift
        position = np.clip(asked, *settings.workspace)
        if (position != asked).any():
            position = self._sayable(tool, position, np.broadcast_to(lead, action.shape)[:, :3])
        rotation = self._within_cone(so3_exp(turn) @ tool.rotation)
        return position, rotation, self.action_between(tool, position, rotation, lead)

    def action_towards(
        self,
        tool: ToolState,
        position: np.ndarray,
        yaw: np.ndarray,
        lead: np.ndarray | float = 0.0,
    ) -> np.ndarray:
        """The action that asks for an upright pose. Shape (worlds, 6), in [-1, 1]."""
        return self.action_between(tool, position, upright(yaw), lead)

    def action_between(
        self,
        tool: ToolState,
        position: np.ndarray,
        rotation: np.ndarray,
        lead: np.ndarray | float = 0.0,
    ) -> np.ndarray:
        """The action that asks for a pose. Shape (worlds, 6), in [-1, 1]."""
        return np.clip(self._in_actions(tool, position, rotation) - lead, -1, 1)

    def lead(self, tool: ToolState, position: np.ndarray, rotation: np.ndarray) -> np.ndarray:
        """By how many actions a target leads the tool, at most the leash. Shape (worlds, 6)."""
        leash = self._settings.leash
        return np.clip(self._in_actions(tool, position, rotation), -leash, leash)

    def outside(self, tool: ToolState) -> str | None:
        """Why the first action of one tool would be a leap: its target could not be near enough."""
        settings = self._settings
        low, high = settings.workspace
        position, turn = tool.position[0], away_from(self.level, tool.rotation)[0]
        reach = settings.translation
        if (position < np.array(low) - reach).any() or (position > np.array(high) + reach).any():
            return (
                f"the tool is at {position.round(3).tolist()} m, outside of {low} to {high}, which "
                "actions can aim at; move it there, or widen limits.workspace_lower and _upper of "
                "the contract, or --options workspace"
            )
        if (np.abs(turn) > self._cone + settings.rotation).any():
            return (
                f"the tool is turned by {turn.round(2).tolist()} rad from level, and actions can "
                f"aim at {self._cone.tolist()}; turn it back, or widen --options tilt or yaw"
            )
        return None

    def frame(self, tool_rotation: np.ndarray) -> np.ndarray:
        """Turns base-frame vectors into the frame of actions and observations."""
        if self._settings.relative_frame:
            return tool_rotation.transpose(0, 2, 1)
        return np.broadcast_to(np.eye(3), tool_rotation.shape)

    def _in_actions(
        self, tool: ToolState, position: np.ndarray, rotation: np.ndarray
    ) -> np.ndarray:
        """The way from a tool to a pose in units of actions. Shape (worlds, 6)."""
        frame, twist = self.frame(tool.rotation), between(tool, position, rotation)
        shift = rotate(frame, twist[:, :3]) / self._settings.translation
        turn = rotate(frame, twist[:, 3:]) / self._settings.rotation
        return np.hstack([shift, turn])

    def _sayable(self, tool: ToolState, position: np.ndarray, lead: np.ndarray) -> np.ndarray:
        """Nearer to the last target where no action says so much.

        A wall that stands at an angle to a tilted tool takes from one of its axes and adds to
        another. Both ends of the way are within the workspace, and so is all between; a tool
        outside is brought back at once.
        """
        back = self.frame(tool.rotation).transpose(0, 2, 1)
        start = tool.position + rotate(back, lead) * self._settings.translation
        way = self._in_actions(tool, position, tool.rotation)[:, :3] - lead
        share = 1 / np.maximum(1, np.abs(way).max(1, keepdims=True))
        inside = (start == np.clip(start, *self._settings.workspace)).all(1, keepdims=True)
        return np.where(inside & (share < 1), start + share * (position - start), position)

    def _within_cone(self, rotation: np.ndarray) -> np.ndarray:
        """The nearest orientation within the allowed tilt and yaw."""
        turn = np.clip(away_from(self.level, rotation), -self._cone, self._cone)
        return self.level @ so3_exp(turn)

    @property
    def _cone(self) -> np.ndarray:
        return np.array([self._settings.tilt, self._settings.tilt, self._settings.yaw])


class ToolControl(ToolAim):
    """Joint targets that bring the tool where an action wants it.

    The joint servos of the arm follow the target at their own rate.

    Args:
        chain: Kinematics of the arm.
        posture: Configuration that spare joints are drawn to. Shape (joints,) [rad].
        settings: How far an action goes, and where the tool may be.
        level: Orientation that tilt and yaw count from. Shape (3, 3).
    """

    def __init__(
        self,
        chain: SerialChain,
        posture: np.ndarray,
        settings: ToolSettings,
        level: np.ndarray = ROTATION_DOWN,
    ) -> None:
        super().__init__(settings, level)
        self._chain, self._posture = chain, np.asarray(posture)

    def target(
        self,
        action: np.ndarray,
        tool: ToolState,
        q: np.ndarray,
        lead: np.ndarray | float = 0.0,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Joint targets, and the part of the action that ``aim`` lets through.

        Args:
            action: As of ``aim``.
            tool: Measured tool.
            q: Measured configuration. Shape (worlds, joints) [rad].
            lead: As of ``aim``.

        Returns:
            Targets, shape (worlds, joints) [rad], and the action as sent, shape (worlds, 6).
        """
        position, rotation, sent = self.aim(action, tool, lead)
        twist = between(tool, position, rotation)
        return self._chain.solve(tool, q, twist, self._posture), sent

    def configuration(self, position: np.ndarray, yaw: np.ndarray) -> np.ndarray:
        """Joint angles that bring the tool to an upright pose. Shape (worlds, joints) [rad]."""
        rotation = upright(yaw)
        q = np.tile(self._posture, (len(yaw), 1))
        for _ in range(_START_ITERATIONS):
            tool = self._chain.forward(q)
            twist = between(tool, position, rotation)
            q = self._chain.solve(tool, q, twist, self._posture, posture_gain=0.0)
        return q


def rotate(rotation: np.ndarray, vector: np.ndarray) -> np.ndarray:
    """Shapes (..., 3, 3), (..., 3) -> (..., 3)."""
    return (rotation @ vector[..., None])[..., 0]


def away_from(level: np.ndarray, rotation: np.ndarray) -> np.ndarray:
    """Rotation vector from level to the tool, in the tool's axes. Shape (..., 3) [rad]."""
    return so3_log(level.T @ rotation)


def upright(yaw: np.ndarray) -> np.ndarray:
    """Orientation of the tool that points down, turned about the vertical. Shape (worlds, 3, 3)."""
    zero = np.zeros_like(yaw)
    return so3_exp(np.column_stack([zero, zero, yaw])) @ ROTATION_DOWN


def between(tool: ToolState, position: np.ndarray, rotation: np.ndarray) -> np.ndarray:
    """The way from a tool to a pose, base frame. Shape (worlds, 6) [m, rad]."""
    turn = so3_log(rotation @ tool.rotation.transpose(0, 2, 1))
    return np.hstack([position - tool.position, turn])
