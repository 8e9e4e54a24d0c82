"""From actions to joint targets: one damped least-squares step per policy step."""

from __future__ import annotations

import numpy as np

from controllers.lie import so3_exp, so3_log
from controllers.serial_chain import SerialChain, ToolState
from sim import panda
from sim.config import EnvConfig

_START_ITERATIONS = 15


class ToolControl:
    """The target is the *measured* tool pose plus the action, as in SERL.

    So the force in contact is bounded by stiffness times action, and the observation says all about
    what an action will do. The joint servos inside the engine follow the target at physics rate.
    """

    def __init__(self, chain: SerialChain, config: EnvConfig) -> None:
        self._chain = chain
        self._config = config

    def target(
        self, action: np.ndarray, tool: ToolState, q: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Joint targets, and the part of the action that workspace and cone let through.

        Args:
            action: Tool displacement in units of the configuration. Shape (worlds, 6), in [-1, 1].
            tool: Measured tool.
            q: Measured configuration. Shape (worlds, 7) [rad].

        Returns:
            Targets, shape (worlds, 7) [rad], and the action as sent, shape (worlds, 6).
        """
        config, frame = self._config, self.frame(tool.rotation)
        back = frame.transpose(0, 2, 1)
        shift = rotate(back, action[:, :3]) * config.translation
        turn = rotate(back, action[:, 3:]) * config.rotation
        position = np.clip(tool.position + shift, *config.workspace)
        rotation = self._within_cone(so3_exp(turn) @ tool.rotation)
        twist = _between(tool, position, rotation)
        sent = self._action(frame, twist)
        return self._chain.solve(tool, q, twist, panda.Q_READY), sent

    def action_towards(self, tool: ToolState, position: np.ndarray, yaw: np.ndarray) -> np.ndarray:
        """The action that asks for an upright pose. Shape (worlds, 6), in [-1, 1]."""
        return self._action(self.frame(tool.rotation), _between(tool, position, upright(yaw)))

    def configuration(self, position: np.ndarray, yaw: np.ndarray) -> np.ndarray:
        """Joint angles that bring the tool to an upright pose. Shape (worlds, 7) [rad]."""
        rotation = upright(yaw)
        q = np.tile(panda.Q_READY, (len(yaw), 1))
        for _ in range(_START_ITERATIONS):
            tool = self._chain.forward(q)
            twist = _between(tool, position, rotation)
            q = self._chain.solve(tool, q, twist, panda.Q_READY, posture_gain=0.0)
        return q

    def frame(self, tool_rotation: np.ndarray) -> np.ndarray:
        """Turns base-frame vectors into the frame of actions and observations."""
        if self._config.relative_frame:
            return tool_rotation.transpose(0, 2, 1)
        return np.broadcast_to(np.eye(3), tool_rotation.shape)

    def _action(self, frame: np.ndarray, twist: np.ndarray) -> np.ndarray:
        shift = rotate(frame, twist[:, :3]) / self._config.translation
        turn = rotate(frame, twist[:, 3:]) / self._config.rotation
        return np.clip(np.hstack([shift, turn]), -1, 1)

    def _within_cone(self, rotation: np.ndarray) -> np.ndarray:
        """The nearest orientation within the allowed tilt and yaw."""
        limit = np.array([self._config.tilt, self._config.tilt, self._config.yaw])
        return panda.ROTATION_DOWN @ so3_exp(np.clip(away_from_down(rotation), -limit, limit))


def rotate(rotation: np.ndarray, vector: np.ndarray) -> np.ndarray:
    """Shapes (..., 3, 3), (..., 3) -> (..., 3)."""
    return (rotation @ vector[..., None])[..., 0]


def away_from_down(rotation: np.ndarray) -> np.ndarray:
    """Rotation vector from straight down to the tool, in the tool's axes. Shape (..., 3) [rad]."""
    return so3_log(panda.ROTATION_DOWN.T @ rotation)


def upright(yaw: np.ndarray) -> np.ndarray:
    """Orientation of the tool that points down, turned about the vertical. Shape (worlds, 3, 3)."""
    zero = np.zeros_like(yaw)
    return so3_exp(np.column_stack([zero, zero, yaw])) @ panda.ROTATION_DOWN


def _between(tool: ToolState, position: np.ndarray, rotation: np.ndarray) -> np.ndarray:
    turn = so3_log(rotation @ tool.rotation.transpose(0, 2, 1))
    return np.hstack([position - tool.position, turn])
