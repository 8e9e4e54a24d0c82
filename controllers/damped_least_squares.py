"""Inverse kinematics without a solver: a damped step that also rests where the tool cannot go."""

from __future__ import annotations

import numpy as np

from controllers.impedance import project_out
from controllers.kinematics import Kinematics
from controllers.lie import pose_error
from controllers.limits import Limits

_WEIGHT = np.repeat([1.0, 0.3], 3)
"""A radian counts as much as 0.3 m."""
_LEAST_DAMPING = 1e-4
"""Of a target that is reached, so that a singular arm does not jerk."""


class DampedLeastSquares:
    """Levenberg-Marquardt steps towards a pose of the tool, within the joint limits.

    The damping is the squared error itself (Sugihara, "Solvability-unconcerned inverse kinematics
    by the Levenberg-Marquardt method", 2011): near its target the step is Newton's, and for a pose
    out of reach it shrinks to rest at the nearest one, where an undamped step chatters.

    Args:
        arm: The arm.
        limits: Its joint limits.
        pull: Share of the way to the posture that spare joints go per step.
    """

    def __init__(self, arm: Kinematics, limits: Limits, pull: float = 0.0) -> None:
        if limits.joints != len(arm.joints):
            raise ValueError(f"limits of {limits.joints} joints for the arm's {arm.joints}")
        self._arm, self._limits, self._pull = arm, limits, pull

    def step(self, q: np.ndarray, target: np.ndarray, posture: np.ndarray) -> np.ndarray:
        """One step.

        Args:
            q: Joint positions to start from. Shape (joints,) [rad].
            target: ``pose_base_target``. Shape (4, 4).
            posture: Where spare joints are drawn to. Shape (joints,) [rad].

        Returns:
            Joint positions nearer to the target. Shape (joints,) [rad].
        """
        state = self._arm.state(q)
        error = _WEIGHT * pose_error(state.pose, target)
        jacobian = _WEIGHT[:, None] * state.jacobian
        gram = jacobian @ jacobian.T + (error @ error + _LEAST_DAMPING) * np.eye(6)
        step = jacobian.T @ np.linalg.solve(gram, error)
        step += project_out(state.jacobian, self._pull * (posture - state.q))
        return np.clip(state.q + step, self._limits.q_lower, self._limits.q_upper)
