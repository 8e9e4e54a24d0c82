"""The one filter between every source of commands and the arm.

Ordered: validity before any arithmetic (``np.clip`` lets NaN through), clock, limits of position
and workspace, guard of the first frame, speed and acceleration against the last command *sent*. A
stop, once latched, replaces the request, so that stopping keeps the limits like any other motion.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from controllers.command_space import CommandSpace
from controllers.limits import Limits
from controllers.rate_limit import length, towards
from controllers.reason import Reason

_SHORTEST = 1e-6
"""Time between two commands below which their velocity is noise [s]."""


class Sent(NamedTuple):
    """What leaves the filter."""

    command: np.ndarray | None
    """The command to send, or None: send nothing, for the arm has not been taken up."""
    reasons: Reason
    """Why it is not what was requested; ``NONE`` if it is."""


@dataclass(frozen=True, eq=False)
class _Stream:
    """The command in force."""

    command: np.ndarray
    velocity: np.ndarray
    target: np.ndarray
    """What was asked for when it was sent."""
    time: float


class SafetyFilter:
    """Lets a stream of commands pass as far as limits allow; no output is ever beyond one.

    Time is an argument [s], from any clock that advances; periods may vary. A command that arrives
    later than ``timeout`` after the one before, like the first, must be near the arm: it is then
    taken up where it stands and sent from the next call on.
    """

    def __init__(self, space: CommandSpace, limits: Limits, timeout: float = 0.1) -> None:
        """Guards commands of one kind.

        Args:
            space: The kind of command.
            limits: Thresholds of force and torque.
            timeout: Silence after which a source must engage anew [s].
        """
        if not timeout > _SHORTEST:
            raise ValueError(f"timeout is {timeout} s; give two or more control periods")
        self._space = space
        self._thresholds = np.array([limits.force, limits.torque])
        self._timeout = timeout
        self._stream: _Stream | None = None
        self._sent: np.ndarray | None = None
        self._rest: np.ndarray | None = None
        self._followed_at: float | None = None
        self._latched = Reason.NONE

    @property
    def latched(self) -> Reason:
        """``FORCE``, ``STOP`` or both, until ``reset``; else ``NONE``."""
        return self._latched

    def stop(self) -> None:
        """Latches a stop, from any source."""
        self._latched |= Reason.STOP

    def reset(self) -> None:
        """Opens the latch; the next command must be near the arm."""
        self._latched = Reason.NONE
        self._followed_at = None

    def filter(
        self,
        command: np.ndarray,
        measured: np.ndarray,
        time: float,
        wrench: np.ndarray | None = None,
    ) -> Sent:
        """The command to send now.

        Args:
            command: Requested command. Shape (size,).
            measured: Where the arm is, in the same coordinates. Shape (size,).
            time: Now [s].
            wrench: Contact force and torque, if the arm has a sensor. Shape (6,) [N, N m].

        Returns:
            The command within all limits and what kept it from being the requested one.

        Raises:
            ValueError: An argument has the wrong shape.
        """
        command, measured = self._vector("command", command), self._vector("measured", measured)
        felt = self._feel(wrench)
        if not self._clock_runs(time):
            return Sent(self._sent, Reason.CLOCK | self._latched)
        if self._latched:
            return self._come_to_rest(measured, time, self._latched)
        if not (felt and self._space.valid(command) and self._space.valid(measured)):
            return self._brake(time, Reason.INVALID)
        target, reasons = self._space.clip(command)
        if self._followed_at is None:
            return self._engage(target, measured, time, reasons)
        self._followed_at = time
        return self._send(target, time, reasons)

    def hold(self, measured: np.ndarray, time: float) -> Sent:
        """The command to send when the source is silent: rest where the arm was measured first.

        Args:
            measured: Where the arm is. Shape (size,).
            time: Now [s].

        Returns:
            The command; None if nothing has been sent, so that an arm is never moved by silence.
        """
        measured = self._vector("measured", measured)
        if not self._clock_runs(time):
            return Sent(self._sent, Reason.CLOCK | self._latched)
        return self._come_to_rest(measured, time, Reason.SILENCE | self._latched)

    def _vector(self, name: str, value: np.ndarray) -> np.ndarray:
        vector = np.asarray(value, dtype=np.float64)
        if vector.shape != (self._space.size,):
            raise ValueError(
                f"{name} has shape {vector.shape}, but the filter guards commands of shape "
                f"({self._space.size},); check joint order and command mode"
            )
        return vector

    def _feel(self, wrench: np.ndarray | None) -> bool:
        """Latches a stop when contact is too hard; False if the sensor makes no sense."""
        if wrench is None:
            return True
        halves = np.asarray(wrench, dtype=np.float64).reshape(2, 3)
        if np.isnan(halves).any():
            return False
        if (length(halves) > self._thresholds).any():
            self._latched |= Reason.FORCE
        return True

    def _clock_runs(self, time: float) -> bool:
        """Whether time advanced; forgets what silence or a jump of the clock has outdated."""
        if not math.isfinite(time):
            return False
        if self._followed_at is not None and abs(time - self._followed_at) > self._timeout:
            self._followed_at = None
        if self._stream is None:
            return True
        if abs(time - self._stream.time) > self._timeout:
            self._stream = None
            return True
        return time - self._stream.time >= _SHORTEST

    def _engage(
        self, target: np.ndarray, measured: np.ndarray, time: float, reasons: Reason
    ) -> Sent:
        """Takes the arm up where it is, if that is near the target."""
        start = self._anchor(measured)
        reasons |= Reason.ENGAGE | self._space.inside(start)
        if self._space.inside(start) or not self._near(start, target):
            return self._come_to_rest(measured, time, reasons)
        self._followed_at = time
        self._rest = None
        if self._stream is not None:
            return self._send(target, time, reasons)
        return self._start(start, time, reasons)

    def _anchor(self, measured: np.ndarray) -> np.ndarray:
        """The command in force; else the last one, if the arm is still there; else the arm."""
        if self._stream is not None:
            return self._stream.command
        if self._sent is not None and self._near(self._sent, measured):
            return self._sent
        return self._space.clip(measured)[0]

    def _near(self, start: np.ndarray, end: np.ndarray) -> bool:
        return bool((length(self._space.gap(start, end)) <= self._space.engage_radius).all())

    def _start(self, command: np.ndarray, time: float, reasons: Reason) -> Sent:
        still = np.zeros_like(self._space.gap(command, command))
        self._stream = _Stream(command, still, command, time)
        self._sent = command
        return Sent(command.copy(), reasons)

    def _come_to_rest(self, measured: np.ndarray, time: float, reasons: Reason) -> Sent:
        """Moves to where the arm was when the rest began, and stays: a moving goal would sag."""
        self._followed_at = None
        if self._stream is None:
            self._rest = None
            return Sent(None, reasons)
        if self._rest is None:
            usable = self._space.valid(measured)
            self._rest = self._space.clip(measured)[0] if usable else self._stream.command
        return self._send(self._rest, time, reasons)

    def _brake(self, time: float, reasons: Reason) -> Sent:
        if self._stream is None:
            return Sent(None, reasons)
        return self._send(self._stream.command, time, reasons)

    def _send(self, target: np.ndarray, time: float, reasons: Reason) -> Sent:
        """One step from the last command sent towards ``target``, within the limits."""
        space, stream = self._space, self._stream
        assert stream is not None
        dt = time - stream.time
        gap = space.gap(stream.command, target)
        drift = space.gap(stream.target, target) / dt
        chosen = towards(gap, drift, stream.velocity, dt, space.speed, space.acceleration)
        wanted = gap / dt
        too_fast = length(wanted) > space.speed
        changed = (chosen != wanted).any(axis=-1)
        velocity, confined = space.confine(stream.command, stream.velocity, chosen, dt)
        unchanged = not changed.any() and not confined
        command = target if unchanged else space.move(stream.command, velocity * dt)
        self._stream = _Stream(command, velocity, target, time)
        self._sent = command
        reasons |= confined
        reasons |= Reason.VELOCITY if too_fast.any() else Reason.NONE
        reasons |= Reason.ACCELERATION if (changed & ~too_fast).any() else Reason.NONE
        return Sent(command.copy(), reasons)
