"""Motion between targets: jerk-limited joint moves, and targets between the steps of a policy."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from controllers.lie import (
    quat_exp,
    quat_inverse,
    quat_log,
    quat_multiply,
    se3,
    so3_exp,
    so3_log,
)
from controllers.limits import Limits

if TYPE_CHECKING:
    import ruckig

_ROUNDING = 1e-9
"""By how much arithmetic may overshoot a limit that is a motion's end [rad]."""


class Setpoint(NamedTuple):
    """State of a motion at one control tick."""

    q: np.ndarray
    """Shape (joints,) [rad]."""
    dq: np.ndarray
    """Shape (joints,) [rad/s]."""
    ddq: np.ndarray
    """Shape (joints,) [rad/s^2]."""
    arrived: bool
    """Whether the joints rest at the target asked for."""


class JointMotion:
    """Time-optimal, jerk-limited motion to targets that may change at any tick, on ruckig.

    Speed, acceleration and jerk keep their limits (Berscheid and Kroeger, "Jerk-limited Real-time
    Trajectory Generation with Arbitrary Target States", 2021). Ruckig does not watch positions: a
    target that changes at speed can make it swing past a limit. Such a change waits until it no
    longer does, and the motion goes on towards the target before, which keeps the limits.

    Raises:
        ImportError: ruckig is missing.
        ValueError: The period is not positive.
    """

    def __init__(self, limits: Limits, dt: float) -> None:
        if not dt > 0:
            raise ValueError(f"the control period is {dt} s; it must be above zero")
        self._ruckig = _load_ruckig()
        self._limits = limits
        self._dt = dt
        self._planner = self._ruckig.Ruckig(limits.joints, dt)
        self._input = self._ruckig.InputParameter(limits.joints)
        self._input.max_velocity = limits.dq.tolist()
        self._input.max_acceleration = limits.ddq.tolist()
        self._input.max_jerk = limits.dddq.tolist()
        self._trajectory: ruckig.Trajectory | None = None
        self._target = np.zeros(limits.joints)
        self._elapsed = 0.0

    def start(self, q: np.ndarray) -> None:
        """Begins at rest at ``q``, shape (joints,) [rad], within the limits."""
        q = self._checked("start", q)
        self._input.current_position = q.tolist()
        self._input.current_velocity = self._input.current_acceleration = [0.0] * len(q)
        self._trajectory = None
        self._replan(q)

    def step(self, target: np.ndarray) -> Setpoint:
        """Moves on by one period.

        Args:
            target: Where to rest. Shape (joints,) [rad].

        Returns:
            The state at the end of the period.

        Raises:
            ValueError: The target is not finite or beyond a joint limit.
            RuntimeError: The motion was not started.
        """
        target = self._checked("target", target)
        if self._trajectory is None:
            raise RuntimeError(
                "the motion has no beginning; call start(q) with the measured joints"
            )
        if not np.array_equal(target, self._target):
            self._replan(target)
        self._elapsed += self._dt
        q, dq, ddq = self._trajectory.at_time(self._elapsed)
        self._input.current_position = q
        self._input.current_velocity = dq
        self._input.current_acceleration = ddq
        ended = self._elapsed >= self._trajectory.duration
        arrived = ended and np.array_equal(target, self._target)
        return Setpoint(np.array(q), np.array(dq), np.array(ddq), arrived)

    def _replan(self, target: np.ndarray) -> None:
        """Takes a new target unless the way there passes a joint limit."""
        self._input.target_position = target.tolist()
        trajectory = self._ruckig.Trajectory(self._limits.joints)
        outcome = self._planner.calculate(self._input, trajectory)
        if outcome < 0 or not self._keeps_limits(trajectory):
            return
        self._trajectory, self._target, self._elapsed = trajectory, target, 0.0

    def _keeps_limits(self, trajectory: ruckig.Trajectory) -> bool:
        bounds = trajectory.position_extrema
        low = np.array([bound.min for bound in bounds])
        high = np.array([bound.max for bound in bounds])
        lower, upper = self._limits.q_lower - _ROUNDING, self._limits.q_upper + _ROUNDING
        return bool((low >= lower).all() and (high <= upper).all())

    def _checked(self, name: str, q: np.ndarray) -> np.ndarray:
        q = np.array(q, dtype=np.float64)
        lower, upper = self._limits.q_lower, self._limits.q_upper
        wrong = np.flatnonzero(~((q >= lower) & (q <= upper)))
        if wrong.size:
            i = wrong[0]
            raise ValueError(
                f"{name} of joint {i} is {q[i]} rad, outside [{lower[i]}, {upper[i]}]; "
                "clip it to the limits"
            )
        return q


Interpolate = Callable[[np.ndarray, np.ndarray, float], np.ndarray]


def interpolate_joints(start: np.ndarray, goal: np.ndarray, fraction: float) -> np.ndarray:
    """The straight way between joint positions. Shape (joints,)."""
    return start + fraction * (goal - start)


def interpolate_pose(start: np.ndarray, goal: np.ndarray, fraction: float) -> np.ndarray:
    """Straight in position, the shortest turn in orientation. Shape (4, 4)."""
    turn = so3_exp(fraction * so3_log(goal[:3, :3] @ start[:3, :3].T))
    position = interpolate_joints(start[:3, 3], goal[:3, 3], fraction)
    return se3(position, turn @ start[:3, :3])


def interpolate_pose_vector(start: np.ndarray, goal: np.ndarray, fraction: float) -> np.ndarray:
    """As ``interpolate_pose``, for ``x y z qx qy qz qw``. Shape (7,)."""
    turn = quat_log(quat_multiply(goal[3:], quat_inverse(start[3:])))
    quat = quat_multiply(quat_exp(fraction * turn), start[3:])
    return np.concatenate([interpolate_joints(start[:3], goal[:3], fraction), quat])


class TargetInterpolator:
    """Spreads the targets of a policy, one per period, over the ticks of a controller.

    Each new target is approached from where the interpolation stands, at constant velocity, and
    reached one period later; then it waits.
    """

    def __init__(
        self, start: np.ndarray, period: float, interpolate: Interpolate = interpolate_pose
    ) -> None:
        """Begins at rest.

        Args:
            start: The target before the first one.
            period: Time between two targets [s].
            interpolate: ``interpolate_pose`` or ``interpolate_joints``.
        """
        if not period > 0:
            raise ValueError(f"the period of the policy is {period} s; it must be above zero")
        self._period = period
        self._interpolate = interpolate
        self._start = self._goal = np.array(start, dtype=np.float64)
        self._since = -np.inf

    def aim(self, target: np.ndarray, time: float) -> None:
        """Takes a new target at ``time`` [s]."""
        self._start = self.at(time)
        self._goal = np.array(target, dtype=np.float64)
        self._since = time

    def at(self, time: float) -> np.ndarray:
        """The target for the controller at ``time`` [s]."""
        fraction = (time - self._since) / self._period
        if fraction >= 1:
            return self._goal.copy()
        return self._interpolate(self._start, self._goal, max(fraction, 0.0))


def _load_ruckig() -> ModuleType:
    try:
        import ruckig
    except ImportError as error:
        raise ImportError(
            "jerk-limited motion needs ruckig; install it with: pip install ruckig"
        ) from error
    return ruckig
