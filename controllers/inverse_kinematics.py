"""Differential inverse kinematics with limits and collision avoidance, on mink and daqp."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from controllers.kinematics import Kinematics
from controllers.lie import vector_from_se3
from controllers.limits import Limits

if TYPE_CHECKING:
    import mink

GeomPair = tuple[Sequence[str], Sequence[str]]
"""Two groups of geom names that must not touch each other."""

_ROUNDING = 1e-6
"""Slack for configurations that earlier arithmetic put on a limit [rad]."""


class IKStep(NamedTuple):
    """Result of one control period."""

    q: np.ndarray
    """Where the joints should be at its end. Shape (joints,) [rad]."""
    feasible: bool
    """Whether all limits could be kept; if not, ``q`` is where the joints were."""


class InverseKinematics:
    """One quadratic program per period: the step that brings the tool nearest to its target.

    Hard: joint positions and speeds of ``limits`` and the distance between ``collisions``. Soft: the
    pose of the tool, then with a small weight the posture. Joints that are not the arm's stand still.

    Raises:
        ImportError: mink or daqp is missing.
        ValueError: ``limits`` is for another number of joints, or a period is not positive.
    """

    def __init__(
        self,
        arm: Kinematics,
        limits: Limits,
        dt: float,
        posture: np.ndarray,
        collisions: Sequence[GeomPair] = (),
        clearance: float = 0.01,
    ) -> None:
        """Builds the program.

        Args:
            arm: The arm.
            limits: Its limits.
            dt: Control period [s].
            posture: Configuration that a redundant arm prefers. Shape (joints,) [rad].
            collisions: Groups of geoms to keep apart.
            clearance: Distance to keep between them [m].
        """
        if limits.joints != len(arm.joints):
            raise ValueError(f"limits of {limits.joints} joints for the arm's {arm.joints}")
        if not dt > 0:
            raise ValueError(f"the control period is {dt} s; it must be above zero")
        self._mink = _load_mink()
        self._arm = arm
        self._limits = limits
        self._dt = dt
        self._qpos = arm.reference
        self._configuration = self._mink.Configuration(arm.model, self._qpos)
        self._tool = self._mink.FrameTask(
            arm.site, "site", position_cost=1.0, orientation_cost=0.3, lm_damping=1e-4
        )
        self._tasks = [self._tool, self._posture(posture)]
        self._constraints = self._others_locked()
        self._collision = self._collision_limits(collisions, clearance)

    def step(self, q: np.ndarray, target: np.ndarray) -> IKStep:
        """Moves the joints for one period towards a target.

        Args:
            q: Current joint positions. Shape (joints,) [rad].
            target: ``pose_base_target``. Shape (4, 4).

        Returns:
            The joint positions after the period.

        Raises:
            ValueError: ``q`` or ``target`` is not finite; filter commands first.
        """
        q = np.asarray(q, dtype=np.float64)
        if not (np.isfinite(q).all() and np.isfinite(target).all()):
            raise ValueError(f"q {q} and target {target} must be finite; filter commands first")
        x = vector_from_se3(self._arm.pose_world_base @ target)
        self._tool.set_target(self._mink.SE3(x[[6, 3, 4, 5, 0, 1, 2]]))
        self._qpos[self._arm.qpos_index] = q
        self._configuration.update(self._qpos)
        dq = self._solve(q)
        return IKStep(q, False) if dq is None else IKStep(self._integrate(q, dq), True)
