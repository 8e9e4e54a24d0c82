"""One stamped stream: its newest values, its age, and what went wrong on the way."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

GAP = 1.5
"""Periods between two stamps beyond which messages count as dropped."""


class Sample(NamedTuple):
    """One value of a stream; times in float64 resolve 0.2 us since 1970."""

    stamp: float
    """When it was measured [s]."""
    received: float
    """When it came in [s]."""
    value: Any


@dataclass
class Counts:
    """What a stream has seen since it was made."""

    received: int = 0
    """All messages, also the ones that were of no use."""
    dropped: int = 0
    """Messages that are missing, told by gaps between stamps."""
    late: int = 0
    """Messages that were too old when they came in; kept, but stale."""
    repeated: int = 0
    """Messages with the stamp of the one before; ignored."""
    out_of_order: int = 0
    """Messages older than the one before; ignored."""
    clock_jumps: int = 0
    """How often a clock was set back; the stream then began anew."""


class Stream:
    """Values by stamp; pushed in one thread, read in another.

    A value never goes back in time: repeated and older messages are counted and ignored, and do not
    make the stream look alive. A clock that is set back, ours at once or the source's in two
    messages in a row, begins the stream anew.
    """

    def __init__(self, name: str, max_age: float, period: float, keep: float = 0.5) -> None:
        """An empty stream.

        Args:
            name: What faults call it.
            max_age: Age beyond which it is stale [s].
            period: Time between two messages as declared [s].
            keep: How far back ``at`` can look [s].
        """
        for key, value in (("max_age", max_age), ("period", period), ("keep", keep)):
            if not value > 0:
                raise ValueError(f"{key} of {name} is {value}; give seconds above zero")
        self.name = name
        self.max_age = max_age
        self.period = period
        self._keep = keep
        self._samples: deque[Sample] = deque()
        self._counts = Counts()
        self._behind: float | None = None
        self._lock = threading.Lock()

    @property
    def gap(self) -> float:
        """Time between two stamps beyond which messages count as dropped [s]."""
        return GAP * self.period

    @property
    def counts(self) -> Counts:
        """A copy of the counters."""
        with self._lock:
            return replace(self._counts)

    def push(self, stamp: float, received: float, value: Any) -> bool:
        """Takes a message.

        Args:
            stamp: When it was measured [s].
            received: When it came in, by the same clock [s].
            value: Kept as it is: whoever pushes must not write to it again.

        Returns:
            Whether it is the newest value now.
        """
        with self._lock:
            self._counts.received += 1
            if self._jumped_back(stamp, received):
                self._counts.clock_jumps += 1
                self._samples.clear()
                self._behind = None
            if self._samples and not self._advances(stamp):
                return False
            self._counts.late += received - stamp > self.max_age
            self._samples.append(Sample(stamp, received, value))
            while self._samples[0].stamp < stamp - self._keep:
                self._samples.popleft()
            return True

    def newest(self) -> Sample | None:
        """The newest value, however old, or None if there never was one."""
        with self._lock:
            return self._samples[-1] if self._samples else None

    def at(self, stamp: float) -> Sample | None:
        """The last value not newer than ``stamp``, or None if that is too long ago."""
        with self._lock:
            return next((s for s in reversed(self._samples) if s.stamp <= stamp), None)

    def fault(self, now: float) -> str | None:
        """Why the stream is stale at ``now``, or None if it is fresh."""
        sample = self.newest()
        if sample is None:
            return f"{self.name} has not come yet"
        silence, age, limit = now - sample.received, now - sample.stamp, self.max_age
        if silence > limit:
            return f"{self.name} is silent for {_time(silence)}, its limit is {_time(limit)}"
        if age > limit:
            cause = "comes late, or its clock is behind" if sample.stamp else "has no stamps"
            return (
                f"{self.name} is {_time(age)} old by its stamp, its limit is {_time(limit)}: "
                f"its driver {cause}"
            )
        if min(age, silence) < -limit:
            ahead = _time(-min(age, silence))
            return f"{self.name} is {ahead} ahead of our clock; synchronise the two"
        return None

    def rate(self, now: float) -> float:
        """Messages per second as they come in; 0 if the stream is stale or just began [Hz]."""
        with self._lock:
            times = [sample.received for sample in self._samples]
        if len(times) < 2 or times[-1] <= times[0] or self.fault(now) is not None:
            return 0.0
        return (len(times) - 1) / (times[-1] - times[0])

    def _jumped_back(self, stamp: float, received: float) -> bool:
        if not self._samples:
            return False
        last, before = self._samples[-1], self._behind
        # One stray message far behind is only late; a second one that follows it is a clock.
        self._behind = stamp if stamp < last.stamp - self.max_age else None
        follows = before is not None and self._behind is not None and stamp > before
        return follows or received < last.received - self.max_age

    def _advances(self, stamp: float) -> bool:
        step = stamp - self._samples[-1].stamp
        if step == 0:
            self._counts.repeated += 1
        elif step < 0:
            self._counts.out_of_order += 1
        elif step > self.gap:
            self._counts.dropped += round(step / self.period) - 1
        return step > 0


def _time(seconds: float) -> str:
    return f"{1e3 * seconds:.0f} ms" if seconds < 10 else f"{seconds:.0f} s"
