"""Operational-space control: the tool answers like a unit mass, alike in every direction."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from controllers.impedance import NullSpace
from controllers.kinematics import ArmState
from controllers.lie import pose_error

_SINGULAR = 1e-3
"""Damping of the inverse mobility, so that the task inertia stays finite at singularities."""


@dataclass(frozen=True, eq=False)
class OperationalSpace:
    """Khatib's law: the inertia of the task turns wanted accelerations into a wrench.

    ``torque = J^T L (a - dJ/dt dq) + N^T M pull + bias`` with task inertia ``L = (J M^-1 J^T)^-1``
    and the dynamically consistent null space ``N^T = I - J^T L J M^-1``, from which no torque
    accelerates the tool (Khatib, "A unified approach for motion and force control of robot
    manipulators: the operational space formulation", 1987).
    """

    null_space: NullSpace
    """Posture of a redundant arm; stiffness in 1/s^2, damping in 1/s."""
    max_torque: np.ndarray
    """Torque that the motors can give. Shape (joints,) [N m]."""
    stiffness: np.ndarray = field(default_factory=lambda: np.full(6, 150.0))
    """Acceleration per error. Shape (6,) [1/s^2]."""
    damping: np.ndarray = field(default_factory=lambda: np.full(6, 2 * np.sqrt(150.0)))
    """Deceleration per velocity; the default is critical. Shape (6,) [1/s]."""
    max_spring_force: float = 40.0
    """Force that the spring cannot exceed [N]."""
    max_spring_torque: float = 20.0
    """Torque that the spring cannot exceed [N m]."""

    def torque(self, state: ArmState, target: np.ndarray) -> np.ndarray:
        """Torque towards a target.

        Args:
            state: Measured arm.
            target: ``pose_base_target``. Shape (4, 4).

        Returns:
            Motor torques. Shape (joints,) [N m].
        """
        task = _Task.of(state)
        spring = self._bounded(task.inertia @ (self.stiffness * pose_error(state.pose, target)))
        brake = task.inertia @ (self.damping * state.twist + state.drift)
        free = task.project_out(state.mass @ self.null_space.pull(state))
        torque = state.jacobian.T @ (spring - brake) + free + state.bias
        return np.clip(torque, -self.max_torque, self.max_torque)

    def _bounded(self, wrench: np.ndarray) -> np.ndarray:
        """Shortens the wrench as a whole, so that the tool keeps its direction."""
        force, torque = np.linalg.norm(wrench.reshape(2, 3), axis=1)
        excess = max(force / self.max_spring_force, torque / self.max_spring_torque)
        return wrench / max(excess, 1.0)


@dataclass(frozen=True, eq=False)
class _Task:
    """The dynamics as the tool feels them."""

    jacobian: np.ndarray
    inertia: np.ndarray
    """``L``. Shape (6, 6)."""
    inverse: np.ndarray
    """Dynamically consistent inverse of the Jacobian, ``M^-1 J^T L``. Shape (joints, 6)."""

    @classmethod
    def of(cls, state: ArmState) -> _Task:
        response = np.linalg.solve(state.mass, state.jacobian.T)
        mobility = state.jacobian @ response
        inertia = np.linalg.inv(mobility + _SINGULAR**2 * np.eye(6))
        return cls(state.jacobian, inertia, response @ inertia)

    def project_out(self, torque: np.ndarray) -> np.ndarray:
        """The part of ``torque`` that does not accelerate the tool. Shape (joints,) [N m]."""
        return torque - self.jacobian.T @ (self.inverse.T @ torque)
