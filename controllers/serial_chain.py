"""Forward kinematics and Jacobian of a serial chain for a whole batch of configurations at once."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    import mujoco


class ToolState(NamedTuple):
    """Pose and Jacobian of the tool in the base frame."""

    position: np.ndarray
    """Shape (batch, 3) [m]."""
    rotation: np.ndarray
    """Shape (batch, 3, 3)."""
    jacobian: np.ndarray
    """Linear rows, then angular rows, in the base frame. Shape (batch, 6, joints)."""


@dataclass(frozen=True)
class SerialChain:
    """Revolute joints in a row: fixed transform, then rotation about the joint's axis."""

    offset: np.ndarray
    """Position of each joint frame in the previous one. Shape (joints, 3) [m]."""
    rotation: np.ndarray
    """Orientation of each joint frame in the previous one. Shape (joints, 3, 3)."""
    axis: np.ndarray
    """Unit joint axes in their own frames. Shape (joints, 3)."""
    tool_offset: np.ndarray
    """Position of the tool in the last joint frame. Shape (3,) [m]."""
    tool_rotation: np.ndarray
    """Orientation of the tool in the last joint frame. Shape (3, 3)."""
    lower: np.ndarray
    """Lower joint limits. Shape (joints,) [rad]."""
    upper: np.ndarray
    """Upper joint limits. Shape (joints,) [rad]."""

    @classmethod
    def from_mujoco(cls, model: mujoco.MjModel, joints: tuple[str, ...], site: str) -> SerialChain:
        """Reads the chain that carries ``site``; its hinges stand at their bodies' origins."""
        ids = [model.joint(name).id for name in joints]
        bodies = [int(model.jnt_bodyid[i]) for i in ids]
        links = [_relative(model, *pair) for pair in itertools.pairwise([0, *bodies])]
        tool_body = int(model.site(site).bodyid[0])
        tool_offset, tool_rotation = _relative(model, bodies[-1], tool_body)
        site_rotation = _matrix(model.site(site).quat)
        return cls(
            offset=np.array([offset for offset, _ in links]),
            rotation=np.array([rotation for _, rotation in links]),
            axis=model.jnt_axis[ids].copy(),
            tool_offset=tool_offset + tool_rotation @ model.site(site).pos,
            tool_rotation=tool_rotation @ site_rotation,
            lower=model.jnt_range[ids, 0].copy(),
            upper=model.jnt_range[ids, 1].copy(),
        )

    def forward(self, q: np.ndarray) -> ToolState:
        """Tool pose and Jacobian at ``q``, shape (batch, joints) [rad]."""
        q = np.asarray(q, dtype=np.float64)
        batch, joints = q.shape
        position, rotation = np.zeros((batch, 3)), np.broadcast_to(np.eye(3), (batch, 3, 3))
        origins, axes = np.empty((joints, batch, 3)), np.empty((joints, batch, 3))
        turns = _about_axis(self.axis, q.T)
        for i in range(joints):
            position = position + rotation @ self.offset[i]
            rotation = rotation @ self.rotation[i]
            origins[i], axes[i] = position, rotation @ self.axis[i]
            rotation = rotation @ turns[i]
        position = position + rotation @ self.tool_offset
        linear = np.cross(axes, position - origins)
        jacobian = np.concatenate([linear, axes], axis=-1).transpose(1, 2, 0)
        return ToolState(position, rotation @ self.tool_rotation, jacobian)

    def solve(
        self,
        tool: ToolState,
        q: np.ndarray,
        twist: np.ndarray,
        posture: np.ndarray,
        damping: float = 0.02,
        posture_gain: float = 0.1,
    ) -> np.ndarray:
        """One damped least-squares step that moves the tool by ``twist``.

        Args:
            tool: ``forward(q)``.
            q: Configuration to start from. Shape (batch, joints) [rad].
            twist: Translation, then rotation vector, in the base frame. Shape (batch, 6) [m, rad].
            posture: Configuration that the null space is drawn to. Shape (joints,) [rad].
            damping: Damping of the least squares (Nakamura and Hanafusa, 1986).
            posture_gain: Share of the posture error that the null space removes.

        Returns:
            The configuration within the joint limits. Shape (batch, joints) [rad].
        """
        jacobian = tool.jacobian
        transpose = jacobian.transpose(0, 2, 1)
        gram = jacobian @ transpose + damping**2 * np.eye(6)
        pull = posture_gain * (posture - q)
        wanted = twist - (jacobian @ pull[..., None])[..., 0]
        step = pull + (transpose @ np.linalg.solve(gram, wanted[..., None]))[..., 0]
        return np.clip(q + step, self.lower, self.upper)


def _relative(model: mujoco.MjModel, ancestor: int, body: int) -> tuple[np.ndarray, np.ndarray]:
    """Pose of ``body`` in ``ancestor`` at zero joint angles."""
    position, rotation = np.zeros(3), np.eye(3)
    while body != ancestor:
        turn = _matrix(model.body_quat[body])
        position, rotation = model.body_pos[body] + turn @ position, turn @ rotation
        body = int(model.body_parentid[body])
    return position, rotation


def _matrix(quat_wxyz: np.ndarray) -> np.ndarray:
    w, x, y, z = quat_wxyz / np.linalg.norm(quat_wxyz)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )


def _about_axis(axis: np.ndarray, angle: np.ndarray) -> np.ndarray:
    """Rodrigues' formula. Shapes (joints, 3), (joints, batch) -> (joints, batch, 3, 3)."""
    x, y, z = axis.T
    zero = np.zeros_like(x)
    cross = np.stack([zero, -z, y, z, zero, -x, -y, x, zero], axis=-1).reshape(-1, 1, 3, 3)
    angle = angle[..., None, None]
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * (cross @ cross)
