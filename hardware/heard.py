"""A stream as it came in for some seconds, and what that says of its driver, clock and network."""

from __future__ import annotations

import statistics
from typing import Any

from hardware.endpoints import Subscription
from hardware.finding import Finding
from hardware.stream import Stream

ENOUGH = 0.9
"""Share of the declared rate below which a stream is a problem."""
_FEW = 3
"""Periods in which a rate cannot be told yet."""
_OTHER_EPOCH = 1e8
"""Clocks that are years apart do not count the same time: one is simulated [s]."""


class Heard(Stream):
    """Remembers when all of its messages came, and when they were measured.

    Args:
        subscription: What the contract says of the stream.
    """

    def __init__(self, subscription: Subscription) -> None:
        super().__init__(subscription.name, subscription.max_age, 1 / subscription.rate)
        self.received: list[float] = []
        """By our clock [s]."""
        self.offsets: list[float] = []
        """Reception less stamp, of each message [s]."""

    def push(self, stamp: float, received: float, value: Any) -> bool:
        """Takes a message; forgets all others if our clock was set, to simulated time or back."""
        if self.received and abs(received - self.received[-1]) > _OTHER_EPOCH:
            self.received, self.offsets = [], []
        if received == 0:  # simulated time has not begun
            return False
        self.received.append(received)
        self.offsets.append(received - stamp)
        return super().push(stamp, received, value)

    @property
    def offset(self) -> float:
        """By how much stamps are behind our clock, in the middle of all; negative: ahead [s]."""
        return statistics.median(self.offsets)

    @property
    def measured_rate(self) -> float:
        """Messages per second from the first to the last; 0 for a single one [Hz]."""
        took = self.received[-1] - self.received[0]
        return (len(self.received) - 1) / took if took > 0 else 0.0

    def judge(self, where: str, now: float) -> Finding:
        """Whether what came is as declared; there was at least one message.

        Args:
            where: Topic and publisher, for people.
            now: Time on our clock [s].
        """
        detail = f"{where}: {self._figures(now)}"
        for wrong, remedy in (
            self._clock_problem(),
            self._silence_problem(now),
            self._rate_problem(now),
        ):
            if wrong:
                return Finding(self.name, "problem", f"{detail}; {wrong}", remedy)
        return Finding(self.name, "ok", detail)

    def _figures(self, now: float) -> str:
        offset = self.offset
        side = "behind" if offset >= 0 else "ahead of"
        return (
            f"{self.measured_rate:.1f} of {1 / self.period:g} Hz, newest "
            f"{seconds(now - self.received[-1] + self.offsets[-1])} old, stamps "
            f"{seconds(abs(offset))} {side} our clock, {self.counts.dropped} dropped"
        )

    def _clock_problem(self) -> tuple[str, str]:
        if abs(self.offset) <= self.max_age:
            return "", ""
        newest = self.newest()
        remedy = clock_remedy(self.offset, stamped=newest is None or newest.stamp != 0)
        return f"{seconds(self.max_age)} is the limit", remedy

    def _silence_problem(self, now: float) -> tuple[str, str]:
        silence = now - self.received[-1]
        if silence <= max(self.max_age, _FEW * self.period):
            return "", ""
        return f"silent for {seconds(silence)} now", "see what its driver says of itself"

    def _rate_problem(self, now: float) -> tuple[str, str]:
        few = now - self.received[0] < _FEW * self.period
        if few or self.measured_rate * self.period >= ENOUGH:
            return "", ""
        return "slower than declared", (
            "see whether its driver is slow or the network loses messages; if it is meant so, "
            "correct the contract's rate"
        )


def clock_remedy(offset: float, stamped: bool = True) -> str:
    """What to do about stamps that are ``offset`` [s] behind our clock; negative: ahead."""
    if not stamped:
        return "let its driver stamp what it measures: the stamps are all zero"
    if abs(offset) > _OTHER_EPOCH:
        return "one clock is simulated: set use_sim_time for all that read /clock, and no others"
    if offset > 0:
        return "synchronise the clocks (chrony or ptp); on one machine, its driver is late"
    return "synchronise the clocks of the two machines (chrony or ptp)"


def seconds(time: float) -> str:
    """A time for people."""
    return f"{1e3 * time:.1f} ms" if abs(time) < 1 else f"{time:.1f} s"
