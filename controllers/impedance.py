"""Joint and Cartesian impedance: a virtual spring and damper that cannot pull past a bound."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from controllers.kinematics import ArmState
from controllers.lie import pose_error


@dataclass(frozen=True, eq=False)
class JointImpedance:
    """Springs and dampers at the joints, on top of the compensated dynamics of the arm."""

    stiffness: np.ndarray
    """Shape (joints,) [N m/rad]."""
    damping: np.ndarray
    """Shape (joints,) [N m s/rad]."""
    max_spring: np.ndarray
    """Torque that a spring cannot exceed, however far the target. Shape (joints,) [N m]."""
    max_torque: np.ndarray
    """Torque that the motors can give. Shape (joints,) [N m]."""

    def torque(self, state: ArmState, q: np.ndarray, dq: np.ndarray | float = 0.0) -> np.ndarray:
        """Torque towards a target.

        Args:
            state: Measured arm.
            q: Target positions. Shape (joints,) [rad].
            dq: Target velocities. Shape (joints,) [rad/s].

        Returns:
            Motor torques. Shape (joints,) [N m].
        """
        spring = np.clip(self.stiffness * (q - state.q), -self.max_spring, self.max_spring)
        torque = spring + self.damping * (dq - state.dq) + state.bias
        return np.clip(torque, -self.max_torque, self.max_torque)


@dataclass(frozen=True, eq=False)
class NullSpace:
    """A soft spring to a posture, felt only where the tool does not move."""

    posture: np.ndarray
    """Shape (joints,) [rad]."""
    stiffness: float = 10.0
    """Per unit of inertia or of angle, as the law that uses it says."""
    damping: float = 6.0
    """Likewise, per velocity."""

    def pull(self, state: ArmState) -> np.ndarray:
        """Spring and damper before any projection. Shape (joints,)."""
        return self.stiffness * (self.posture - state.q) - self.damping * state.dq


@dataclass(frozen=True, eq=False)
class CartesianImpedance:
    """A spring and a damper between the tool and a target pose, in the axes of the base frame.

    The defaults are those of SERL (Luo et al., 2024). SERL clips the position error; here the force
    itself is bounded and keeps its direction, so a target 30 cm inside a table presses no harder
    than ``max_force``.
    """

    null_space: NullSpace
    """Posture of a redundant arm; stiffness in N m/rad, damping in N m s/rad."""
    max_torque: np.ndarray
    """Torque that the motors can give. Shape (joints,) [N m]."""
    stiffness: np.ndarray = field(default_factory=lambda: np.repeat([2000.0, 150.0], 3))
    """Shape (6,) [N/m, N m/rad]."""
    damping: np.ndarray = field(default_factory=lambda: np.repeat([89.0, 7.0], 3))
    """Shape (6,) [N s/m, N m s/rad]."""
    max_spring_force: float = 20.0
    """Force that the spring cannot exceed [N]."""
    max_spring_torque: float = 7.5
    """Torque that the spring cannot exceed [N m]."""

    def torque(self, state: ArmState, target: np.ndarray) -> np.ndarray:
        """Torque towards a target.

        Args:
            state: Measured arm.
            target: ``pose_base_target``. Shape (4, 4).

        Returns:
            Motor torques. Shape (joints,) [N m].
        """
        wrench = self.spring(state.pose, target) - self.damping * state.twist
        free = project_out(state.jacobian, self.null_space.pull(state))
        torque = state.jacobian.T @ wrench + free + state.bias
        return np.clip(torque, -self.max_torque, self.max_torque)

    def spring(self, pose: np.ndarray, target: np.ndarray) -> np.ndarray:
        """Wrench of the spring on the tool, bounded. Shapes (4, 4) -> (6,) [N, N m]."""
        wrench = self.stiffness * pose_error(pose, target)
        return clip_wrench(wrench, self.max_spring_force, self.max_spring_torque)


def clip_wrench(wrench: np.ndarray, force: float, torque: float) -> np.ndarray:
    """Shortens force and torque to their bounds, each in its direction. Shape (6,) [N, N m]."""
    halves = wrench.reshape(2, 3)
    length = np.linalg.norm(halves, axis=1)
    bound = np.array([force, torque])
    scale = bound / np.maximum(length, bound)
    return (halves * scale[:, None]).ravel()


def project_out(jacobian: np.ndarray, torque: np.ndarray, damping: float = 0.01) -> np.ndarray:
    """Removes the part of joint torques that pushes the tool, at rest.

    ``(I - J^T (J J^T + damping^2 I)^-1 J) torque``; the damping keeps it finite at singularities
    (Nakamura and Hanafusa, 1986).

    Args:
        jacobian: Shape (6, joints).
        torque: Shape (joints,) [N m].
        damping: Singular value below which a direction counts as free.

    Returns:
        The rest. Shape (joints,) [N m].
    """
    gram = jacobian @ jacobian.T + damping**2 * np.eye(6)
    return torque - jacobian.T @ np.linalg.solve(gram, jacobian @ torque)
