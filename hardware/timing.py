"""How an episode kept its time, by its own stamps: achieved rate, gaps, and the marks for both."""

from __future__ import annotations

ENOUGH = 0.95
"""Share of the declared rate below which an episode is marked."""
GAP = 2.5
"""Periods between two observations that count as a gap; a camera that beats against the policy's
clock alone makes steps of up to two."""
MARKS = ("rate", "gaps")
"""Labels of an episode that did not keep its time."""


class Timing:
    """Stamps of the transitions of one episode.

    Args:
        dt: Time between two actions as declared [s].

    Attributes:
        gaps: How often observations were missing.
        longest: The longest time between two observations [s].
    """

    def __init__(self, dt: float) -> None:
        self.gaps, self.longest = 0, 0.0
        self._dt = dt
        self._steps = 0
        self._first = self._last = self._seen = 0.0

    def step_to(self, sensor_stamp: float) -> float:
        """Time from the last observation to this one; 0 for the first [s]."""
        return sensor_stamp - self._seen if self._steps else 0.0

    def add(self, sensor_stamp: float, command_stamp: float) -> None:
        """Takes the next transition's stamps [s]."""
        step = self.step_to(sensor_stamp)
        self.gaps += step > GAP * self._dt
        self.longest = max(self.longest, step)
        self._first = command_stamp if self._steps == 0 else self._first
        self._last, self._seen = command_stamp, sensor_stamp
        self._steps += 1

    @property
    def rate(self) -> float | None:
        """Transitions per second by the command stamps; None if they tell nothing [Hz]."""
        duration = self._last - self._first
        return (self._steps - 1) / duration if duration > 0 else None

    def marks(self) -> dict[str, str]:
        """What is wrong with the episode's time, by name of the mark; empty if nothing is."""
        marks, rate = {}, self.rate
        if rate is not None and rate * self._dt < ENOUGH:
            marks["rate"] = f"{rate:.2f} of {1 / self._dt:.2f} Hz achieved"
        if self.gaps:
            marks["gaps"] = f"{self.gaps}, the longest {1e3 * self.longest:.0f} ms"
        return marks
