"""What a command is: joint positions or a pose of the tool, with its limits.

A command is cut into groups of coordinates whose length is bounded together: each joint by itself,
the translation and the rotation of a tool. See ``rate_limit`` for what follows from that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

from controllers.lie import quat_exp, quat_inverse, quat_log, quat_multiply
from controllers.limits import Limits
from controllers.rate_limit import braking, furthest, length, stopping_distance, stopping_shift
from controllers.reason import Reason

if TYPE_CHECKING:
    from controllers.kinematics import Kinematics

_ROUNDING = 1e-9
"""Margin inside the workspace for what arithmetic adds [m]."""
_SHARES = np.linspace(0, 1, 17)[1:]
"""Of the way from braking to what is wanted, in steps of a sixteenth."""
_UNIT = 1e-2
"""How far the length of a quaternion may be from one before it counts as something else."""


class CommandSpace(Protocol):
    """What the safety filter asks of a kind of command."""

    @property
    def size(self) -> int:
        """Length of a command."""
        ...

    @property
    def speed(self) -> np.ndarray:
        """Largest speed of each group. Shape (groups,)."""
        ...

    @property
    def acceleration(self) -> np.ndarray:
        """Largest acceleration of each group. Shape (groups,)."""
        ...

    @property
    def engage_radius(self) -> np.ndarray:
        """How far a first command may be from the arm. Shape (groups,)."""
        ...

    def valid(self, command: np.ndarray) -> bool:
        """Whether ``command`` means anything."""
        ...

    def beyond(self, command: np.ndarray) -> Reason:
        """The limits that ``command`` is beyond."""
        ...

    def clip(self, command: np.ndarray) -> tuple[np.ndarray, Reason]:
        """The nearest command inside, as far as that is known in closed form."""
        ...

    def gap(self, start: np.ndarray, end: np.ndarray) -> np.ndarray:
        """The way between two commands. Shape (groups, dims)."""
        ...

    def too_fast(self, start: np.ndarray, end: np.ndarray, duration: float) -> bool:
        """Whether who gets from one to the other in this time [s] passes a limit of speed."""
        ...

    def move(self, start: np.ndarray, gap: np.ndarray) -> np.ndarray:
        """The command at the end of a way."""
        ...

    def confine(
        self, start: np.ndarray, velocity: np.ndarray, wanted: np.ndarray, dt: float
    ) -> tuple[np.ndarray, Reason]:
        """The velocity nearest to ``wanted`` after which the stream can still stop inside."""
        ...


class JointSpace:
    """Joint positions, with joint limits, and the workspace and the speed of the tool.

    How fast the tool moves is known from where it is at each command; that its way bends within a
    period, and while the arm brakes, is left out.
    """

    def __init__(self, limits: Limits, arm: Kinematics | None, engage_radius: float = 0.2) -> None:
        """Binds commands to an arm.

        Args:
            limits: Limits of the arm.
            arm: Tells where the tool is; with None neither its workspace nor its speed is watched.
            engage_radius: How far each joint of a first command may be from the arm [rad].
        """
        if arm is not None and len(arm.joints) != limits.joints:
            raise ValueError(f"limits of {limits.joints} joints for the arm's {arm.joints}")
        self.size = limits.joints
        self.speed, self.acceleration = limits.dq, limits.ddq
        self.engage_radius = np.full(self.size, engage_radius)
        self._limits = limits
        self._tool_speed = np.array([limits.speed, limits.angular_speed])
        self._arm = arm
        self._reach = np.zeros(self.size) if arm is None else arm.reach()

    def valid(self, command: np.ndarray) -> bool:
        """Whether all joints are finite."""
        return bool(np.isfinite(command).all())

    def beyond(self, command: np.ndarray) -> Reason:
        """The limits that ``command`` is beyond."""
        beyond = (command < self._limits.q_lower) | (command > self._limits.q_upper)
        position = Reason.POSITION if beyond.any() else Reason.NONE
        return position | (Reason.WORKSPACE if self._room(command) < 0 else Reason.NONE)

    def clip(self, command: np.ndarray) -> tuple[np.ndarray, Reason]:
        """Into the joint limits."""
        inside = np.minimum(np.maximum(command, self._limits.q_lower), self._limits.q_upper)
        return inside, Reason.NONE if (inside == command).all() else Reason.POSITION

    def gap(self, start: np.ndarray, end: np.ndarray) -> np.ndarray:
        """Shape (joints, 1) [rad]."""
        return (end - start)[:, None]

    def too_fast(self, start: np.ndarray, end: np.ndarray, duration: float) -> bool:
        """Joint by joint, and the tool."""
        with np.errstate(over="ignore"):
            way = end - start
            if (np.abs(way) > self.speed * duration).any():
                return True
        if self._arm is None:
            return False
        tool = length((self._arm.jacobian(start) @ way).reshape(2, 3))
        return bool((tool > self._tool_speed * duration).any())

    def move(self, start: np.ndarray, gap: np.ndarray) -> np.ndarray:
        """Shape (joints,) [rad]."""
        return self.clip(start + gap[:, 0])[0]

    def confine(
        self, start: np.ndarray, velocity: np.ndarray, wanted: np.ndarray, dt: float
    ) -> tuple[np.ndarray, Reason]:
        """Joint limits one by one, then workspace and speed of the tool for all joints together."""
        brake = braking(velocity, dt, self.acceleration)
        inside = furthest(brake, wanted, lambda v: self._stops_in_limits(start, v, dt))
        reasons = Reason.NONE if inside is wanted else Reason.POSITION
        if self._arm is None:
            return inside, reasons
        slow = self._slowly(self._arm.jacobian(start), brake, inside)
        chosen = furthest(brake, slow, lambda v: self._stops_in_workspace(start, v, dt))
        reasons |= Reason.NONE if slow is inside else Reason.VELOCITY
        return chosen, reasons | (Reason.NONE if chosen is slow else Reason.WORKSPACE)

    def _stops_in_limits(self, start: np.ndarray, velocity: np.ndarray, dt: float) -> np.ndarray:
        end = start + (velocity * dt + stopping_shift(velocity, self.acceleration))[:, 0]
        return (end >= self._limits.q_lower) & (end <= self._limits.q_upper)

    def _stops_in_workspace(self, start: np.ndarray, velocity: np.ndarray, dt: float) -> np.ndarray:
        """Whether the tool stays in the box while all joints brake.

        A joint that still turns by d moves the tool by less than reach times d, so the tool stays
        within the sum of these of where it is. Each braking step shrinks the sum by at least what
        it moves the tool: the condition is an invariant of braking.
        """
        way = self._reach @ stopping_distance(velocity, self.acceleration)
        return np.array([self._room(start + velocity[:, 0] * dt) >= way])

    def _slowly(self, jacobian: np.ndarray, brake: np.ndarray, wanted: np.ndarray) -> np.ndarray:
        """The velocity nearest to the wanted one with which the tool keeps its speeds to the end.

        To the end of braking, for a joint that rests early may have held another's motion back.
        Between two such moments all velocities change evenly, and the length of a twist is convex:
        it is longest at one of them, or now.
        """
        if (_levers(jacobian) @ length(wanted) <= self._tool_speed).all():
            return wanted
        ways = (brake + _SHARES * (wanted - brake)).T
        rates = np.abs(ways)
        moments = np.concatenate([np.zeros_like(rates[:, :1]), rates / self.acceleration], 1)
        left = np.maximum(0, rates[..., None] - self.acceleration[:, None] * moments[:, None])
        twists = jacobian @ (np.sign(ways)[..., None] * left)
        speeds = np.sqrt(np.square(twists).reshape(len(ways), 2, 3, -1).sum(2).max(-1))
        slow = (speeds <= self._tool_speed).all(1)
        if slow[-1]:
            return wanted
        return ways[slow][-1][:, None] if slow.any() else brake

    def _room(self, command: np.ndarray) -> float:
        """Distance of the tool from the nearest wall of the box, less than 0 outside [m]."""
        if self._arm is None:
            return np.inf
        tool = self._arm.position(command)
        lower, upper = self._limits.workspace_lower, self._limits.workspace_upper
        return float(np.minimum(tool - lower, upper - tool).min()) - _ROUNDING


class PoseSpace:
    """Poses of the tool in the base frame, ``x y z qx qy qz qw``, with the workspace.

    Velocity and angular velocity are those of the base frame.
    """

    size = 7

    def __init__(self, limits: Limits, engage_radius: tuple[float, float] = (0.05, 0.3)) -> None:
        """Binds commands to a tool.

        Args:
            limits: Limits of the tool.
            engage_radius: How far a first command may be from the arm [m, rad].
        """
        self.speed = np.array([limits.speed, limits.angular_speed])
        self.acceleration = np.array([limits.acceleration, limits.angular_acceleration])
        self.engage_radius = np.array(engage_radius)
        self._lower, self._upper = limits.workspace_lower, limits.workspace_upper

    def valid(self, command: np.ndarray) -> bool:
        """Whether the position is finite and the quaternion has length one."""
        if not np.isfinite(command).all():
            return False
        return bool((np.abs(command[3:]) < 2).all() and abs(_length(command[3:]) - 1) < _UNIT)

    def beyond(self, command: np.ndarray) -> Reason:
        """``WORKSPACE``, or ``NONE``."""
        position = command[:3]
        outside = (position < self._lower) | (position > self._upper)
        return Reason.WORKSPACE if outside.any() else Reason.NONE

    def clip(self, command: np.ndarray) -> tuple[np.ndarray, Reason]:
        """Into the workspace; the quaternion to length one."""
        position = np.minimum(np.maximum(command[:3], self._lower), self._upper)
        same = (position == command[:3]).all()
        quat = command[3:] / _length(command[3:])
        return np.concatenate([position, quat]), Reason.NONE if same else Reason.WORKSPACE

    def gap(self, start: np.ndarray, end: np.ndarray) -> np.ndarray:
        """Translation and rotation vector in the base frame. Shape (2, 3) [m, rad]."""
        gap = np.empty((2, 3))
        gap[0] = end[:3] - start[:3]
        gap[1] = quat_log(quat_multiply(end[3:], quat_inverse(start[3:])))
        return gap

    def too_fast(self, start: np.ndarray, end: np.ndarray, duration: float) -> bool:
        """Translation or rotation."""
        with np.errstate(over="ignore"):
            return bool((length(self.gap(start, end)) > self.speed * duration).any())

    def move(self, start: np.ndarray, gap: np.ndarray) -> np.ndarray:
        """Shape (7,)."""
        quat = quat_multiply(quat_exp(gap[1]), start[3:])
        return self.clip(np.concatenate([start[:3] + gap[0], quat]))[0]

    def confine(
        self, start: np.ndarray, velocity: np.ndarray, wanted: np.ndarray, dt: float
    ) -> tuple[np.ndarray, Reason]:
        """The workspace; orientations have no limit."""
        brake = braking(velocity, dt, self.acceleration)
        chosen = furthest(brake, wanted, lambda v: self._stops_inside(start, v, dt))
        return chosen, Reason.NONE if chosen is wanted else Reason.WORKSPACE

    def _stops_inside(self, start: np.ndarray, velocity: np.ndarray, dt: float) -> np.ndarray:
        shift = velocity * dt + stopping_shift(velocity, self.acceleration)
        end = start[:3] + shift[0]
        return np.array([((end >= self._lower) & (end <= self._upper)).all(), True])


def _levers(jacobian: np.ndarray) -> np.ndarray:
    """How much each joint moves and turns the tool. Shape (2, joints) [m/rad, 1]."""
    return np.sqrt(np.square(jacobian).reshape(2, 3, -1).sum(1))


def _length(vector: np.ndarray) -> float:
    return float(np.sqrt(vector @ vector))
