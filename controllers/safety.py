"""The one filter between every source of commands and the arm.

Ordered: contact force, clock, latched stop, validity before any arithmetic (``np.clip`` lets NaN
through), limits of position, guard of the first frame, then speed, acceleration and workspace
against the last command *sent*. A latched stop replaces the request, so that stopping keeps the
limits like any other motion.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from controllers.command_space import CommandSpace
from controllers.limits import Limits
from controllers.rate_limit import length, towards
from controllers.reason import Reason

_SHORTEST = 1e-6
"""Time between two commands below which their velocity is noise [s]."""
_SLACK = 0.1
"""How far beyond a limit an arm may stand and still be taken up, in engage radii."""


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
        self._force, self._torque = limits.force, limits.torque
        self._timeout = timeout
        self._stream: _Stream | None = None
        self._before: _Stream | None = None
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

    def rest(self) -> None:
        """Nothing was sent for a while: the arm stands at the last command and starts from rest."""
        if self._stream is not None:
            still = np.zeros_like(self._stream.velocity)
            self._stream = replace(self._stream, velocity=still)

    def retract(self) -> None:
        """The last command was not sent after all: the arm still stands at the one before."""
        if self._stream is not None:
            now = self._stream.time
            self._stream = None if self._before is None else replace(self._before, time=now)
            self.rest()

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
        command = _vector("command", command, self._space.size)
        measured = _vector("measured", measured, self._space.size)
        felt = self.feel(wrench)
        if not self._clock_runs(time):
            return self._repeat(Reason.CLOCK | self._latched)
        if self._latched:
            return self._come_to_rest(measured, time, self._latched)
        if not (felt and self._space.valid(command) and self._space.valid(measured)):
            return self._brake(time, Reason.INVALID)
        target, reasons = self._space.clip(command)
        if self._stream is None or self._followed_at is None:
            return self._engage(target, measured, time, reasons)
        self._followed_at = time
        return self._advance(self._stream, target, self._stream.target, time, reasons)

    def hold(self, measured: np.ndarray, time: float, wrench: np.ndarray | None = None) -> Sent:
        """The command to send when the source is silent: rest where the arm was measured first.

        Args:
            measured: Where the arm is. Shape (size,).
            time: Now [s].
            wrench: As for ``filter``.

        Returns:
            The command; None if nothing has been sent, so that an arm is never moved by silence.
        """
        measured = _vector("measured", measured, self._space.size)
        self.feel(wrench)
        if not self._clock_runs(time):
            return self._repeat(Reason.CLOCK | self._latched)
        return self._come_to_rest(measured, time, Reason.SILENCE | self._latched)

    def feel(self, wrench: np.ndarray | None) -> bool:
        """Latches a stop when contact is too hard; False if the sensor makes no sense.

        ``filter`` and ``hold`` do it; who sends nothing has to.
        """
        if wrench is None:
            return True
        felt = _vector("wrench", wrench, 6).tolist()
        force, torque = math.hypot(*felt[:3]), math.hypot(*felt[3:])
        if force > self._force or torque > self._torque:
            self._latched |= Reason.FORCE
        return all(map(math.isfinite, felt))

    def _clock_runs(self, time: float) -> bool:
        """Whether time advanced; forgets what silence or a jump of the clock has outdated."""
        self._before = self._stream
        if not math.isfinite(time):
            return False
        if self._followed_at is not None and abs(time - self._followed_at) > self._timeout:
            self._followed_at = None
        if self._stream is not None and abs(time - self._stream.time) > self._timeout:
            self._stream = self._before = None
        return self._stream is None or time - self._stream.time >= _SHORTEST

    def _engage(
        self, target: np.ndarray, measured: np.ndarray, time: float, reasons: Reason
    ) -> Sent:
        """Takes up a source that is near the command in force, or near the arm."""
        reasons |= Reason.ENGAGE
        start = self._foothold(measured) if self._stream is None else self._stream.command
        if start is None or not self._near(start, target):
            beyond = self._space.beyond(measured)
            return self._come_to_rest(measured, time, reasons | beyond)
        self._followed_at = time
        self._rest = None
        if self._stream is None:
            return self._start(start, time, reasons)
        return self._advance(self._stream, target, target, time, reasons)

    def _foothold(self, measured: np.ndarray) -> np.ndarray | None:
        """The command that takes the arm up where it is; None if it stands beyond a limit."""
        start = self._space.clip(measured)[0]
        usable = not self._space.beyond(start) and self._near(measured, start, _SLACK)
        return start if usable else None

    def _near(self, start: np.ndarray, end: np.ndarray, radii: float = 1.0) -> bool:
        radius = radii * self._space.engage_radius
        with np.errstate(over="ignore"):
            return bool((length(self._space.gap(start, end)) <= radius).all())

    def _start(self, command: np.ndarray, time: float, reasons: Reason) -> Sent:
        still = np.zeros_like(self._space.gap(command, command))
        self._stream = _Stream(command, still, command, time)
        return self._repeat(reasons)

    def _repeat(self, reasons: Reason) -> Sent:
        stream = self._stream
        return Sent(None if stream is None else stream.command.copy(), reasons)

    def _come_to_rest(self, measured: np.ndarray, time: float, reasons: Reason) -> Sent:
        """Moves to where the arm was when the rest began, and stays: a moving goal would sag."""
        self._followed_at = None
        if self._stream is None:
            self._rest = None
            return Sent(None, reasons)
        if self._rest is None:
            usable = self._space.valid(measured)
            self._rest = self._space.clip(measured)[0] if usable else self._stream.command
        return self._advance(self._stream, self._rest, self._rest, time, reasons)

    def _brake(self, time: float, reasons: Reason) -> Sent:
        if self._stream is None:
            return Sent(None, reasons)
        here = self._stream.command
        return self._advance(self._stream, here, here, time, reasons)

    def _advance(
        self, stream: _Stream, target: np.ndarray, before: np.ndarray, time: float, reasons: Reason
    ) -> Sent:
        """One step from the last command sent towards a target that was at ``before``."""
        space, dt = self._space, time - stream.time
        wanted = space.gap(stream.command, target) / dt
        drift = space.gap(before, target) / dt
        chosen = towards(wanted, drift, stream.velocity, dt, space.speed, space.acceleration)
        velocity, confined = space.confine(stream.command, stream.velocity, chosen, dt)
        limited = self._rate_reasons(wanted, chosen)
        passes = not (limited | confined)
        command = target if passes else space.move(stream.command, velocity * dt)
        self._stream = _Stream(command, velocity, target, time)
        return self._repeat(reasons | limited | confined)

    def _rate_reasons(self, wanted: np.ndarray, chosen: np.ndarray) -> Reason:
        if (chosen == wanted).all():  # and so within both limits
            return Reason.NONE
        too_fast = length(wanted) > self._space.speed
        changed = (chosen != wanted).any(axis=-1) & ~too_fast
        velocity = Reason.VELOCITY if too_fast.any() else Reason.NONE
        return velocity | (Reason.ACCELERATION if changed.any() else Reason.NONE)


def _vector(name: str, value: np.ndarray, size: int) -> np.ndarray:
    vector = np.asarray(value, dtype=np.float64)
    if vector.shape != (size,):
        raise ValueError(
            f"{name} has shape {vector.shape}, but this filter needs ({size},); "
            "check joint order and command mode"
        )
    return vector
