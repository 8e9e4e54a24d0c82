"""Differential inverse kinematics with limits and collision avoidance, on mink and daqp."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from types import ModuleType
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from controllers.kinematics import Kinematics
from controllers.lie import vector_from_se3
from controllers.limits import Limits

if TYPE_CHECKING:
    import mink

GeomPair = tuple[Sequence[str], Sequence[str]]
"""Two groups of geom names that must not touch each other."""

_ORIENTATION_COST = 0.3
"""Cost of a radian, where a metre costs one."""
_POSTURE_COST = 1e-3
"""Cost of a radian away from the posture: too little to move the tool."""
_DAMPING = 1e-8
_APPROACH = 0.2
"""Share of the free distance between two geoms that one period may use up."""
_WATCHED = 0.05
"""Distance beyond the clearance from which on two geoms constrain the step [m]."""
_UNBOUNDED = 1e30
"""What daqp takes for infinity."""


class IKStep(NamedTuple):
    """Result of one control period."""

    q: np.ndarray
    """Where the joints should be at its end. Shape (joints,) [rad]."""
    feasible: bool
    """Whether all limits could be kept; if not, ``q`` is where the joints were."""


class InverseKinematics:
    """One quadratic program per period: the step that brings the tool nearest to its target.

    Hard: joint positions and speeds of ``limits``, and the distance of ``collisions``, which is
    linear within one step only (a tenth of the clearance may go at full speed). Soft: the pose of
    the tool, then with a small weight the posture. Joints that are not the arm's stand still.

    Raises:
        ImportError: mink or daqp is missing.
        ValueError: ``limits`` is for another number of joints, the period is not positive, or
            ``collisions`` names no two geoms that can meet.
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
        self._mink, self._daqp = _load_solvers()
        self._arm = arm
        self._limits = limits
        self._dt = dt
        self._qpos = arm.reference
        self._configuration = self._mink.Configuration(arm.model, self._qpos)
        self._tool = self._mink.FrameTask(
            arm.site, "site", position_cost=1.0, orientation_cost=_ORIENTATION_COST
        )
        self._tasks = [self._tool, self._posture(posture)]
        self._collisions = self._collision_limits(collisions, clearance)

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
        change = self._solve(q)
        if change is None:
            return IKStep(q, False)
        return IKStep(np.clip(q + change, *self._range(q)), True)

    def _solve(self, q: np.ndarray) -> np.ndarray | None:
        """The best change of the arm's joints, or None. Shape (joints,) [rad]."""
        full = self._mink.build_ik(
            self._configuration, self._tasks, self._dt, _DAMPING, self._collisions
        )
        # Leaving out the columns of other joints locks them, and the program stays small.
        mine = self._arm.dof_index
        rows = np.empty((0, len(mine))) if full.G is None else np.ascontiguousarray(full.G[:, mine])
        bound = np.empty(0) if full.h is None else np.minimum(full.h, _UNBOUNDED)
        lower, upper = self._range(q)
        change, _, outcome, _ = self._daqp.solve(
            np.ascontiguousarray(full.P[np.ix_(mine, mine)]),
            full.q[mine],
            rows,
            np.concatenate([upper - q, bound]),
            np.concatenate([lower - q, np.full(len(bound), -_UNBOUNDED)]),
        )
        return np.asarray(change) if outcome > 0 else None

    def _range(self, q: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Where the joints may be after the period; beyond a limit only the way back is open."""
        far, limits = self._limits.dq * self._dt, self._limits
        lower, upper = q - far, q + far
        return np.clip(limits.q_lower, lower, upper), np.clip(limits.q_upper, lower, upper)

    def _posture(self, posture: np.ndarray) -> mink.PostureTask:
        task = self._mink.PostureTask(self._arm.model, cost=_POSTURE_COST)
        qpos = self._arm.reference
        qpos[self._arm.qpos_index] = posture
        task.set_target(qpos)
        return task

    def _collision_limits(
        self, pairs: Sequence[GeomPair], clearance: float
    ) -> list[mink.CollisionAvoidanceLimit]:
        if not pairs:
            return []
        # mink leaves out pairs that the simulator is told to let through each other; an arm that
        # does not collide with itself in simulation still must not do so here.
        solid = copy.copy(self._arm.model)
        solid.geom_contype[:] = solid.geom_conaffinity[:] = 1
        limit = self._mink.CollisionAvoidanceLimit(
            solid,
            pairs,
            gain=_APPROACH,
            minimum_distance_from_collisions=clearance,
            collision_detection_distance=clearance + _WATCHED,
        )
        if not limit.geom_id_pairs:
            raise ValueError(
                f"no two geoms of {pairs} can collide: they belong to one body or to neighbours; "
                "name geoms of links that are not neighbours"
            )
        return [limit]


def _load_solvers() -> tuple[ModuleType, ModuleType]:
    try:
        import daqp
        import mink
    except ImportError as error:
        raise ImportError(
            f"inverse kinematics needs {error.name}; install it with: pip install mink daqp"
        ) from error
    return mink, daqp
