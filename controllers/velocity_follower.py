"""Velocities with which an arm follows a stream of positions or poses."""

from __future__ import annotations

import numpy as np

from controllers.command_space import CommandSpace
from controllers.rate_limit import length


class VelocityFollower:
    """The change of the target, and a share of what the arm is behind it.

    Resolved motion rate control (Whitney, 1969) with feedback, each group of coordinates within its
    speed. A target that stands still is held where it is, not only braked at.

    Args:
        space: The kind of target.
        gain: Share of what the arm is behind that it makes up for, per second [1/s].
        period: Of the stream [s].
    """

    def __init__(self, space: CommandSpace, gain: float, period: float) -> None:
        self._space, self._gain, self._period = space, gain, period
        self._last: tuple[np.ndarray, float] | None = None

    @property
    def moving(self) -> bool:
        """Whether a velocity stands that nobody has taken back."""
        return self._last is not None

    def follow(self, target: np.ndarray, measured: np.ndarray, time: float) -> np.ndarray:
        """The velocity to send now.

        Args:
            target: As it left the safety filter. Shape (size,).
            measured: Where the arm is, in the same coordinates. Shape (size,).
            time: Now [s].

        Returns:
            Joint velocities, shape (joints,) [rad/s], or a twist of the tool in the base frame,
            shape (6,) [m/s, rad/s].
        """
        velocity = self._gain * self._space.gap(measured, target)
        if self._last is not None:
            before, then = self._last
            # After a delay the filter makes up for two periods at most.
            passed = min(max(time - then, self._period), 2 * self._period)
            velocity = velocity + self._space.gap(before, target) / passed
        self._last = target, time
        excess = np.maximum(length(velocity) / self._space.speed, 1.0)
        return (velocity / excess[:, None]).ravel()

    def stop(self) -> None:
        """Forgets the target: the next one is followed from rest."""
        self._last = None
