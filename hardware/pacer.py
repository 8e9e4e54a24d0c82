"""A loop that sleeps until its next tick, and counts what came late."""

from __future__ import annotations

import contextlib
import gc
import os
import sys
import time
from collections.abc import Iterator
from typing import NamedTuple, Protocol

import numpy as np

RESYNC = 0.1
"""A loop that is this far behind drops the ticks it missed [s]."""
_KEEP = 1000
"""Periods that the statistics are over."""
_SWITCH = 0.0002
"""How long a thread may keep the interpreter to itself; Python's own 5 ms are several ticks [s]."""


class Clock(Protocol):
    """Time that passes, and can be slept through."""

    def now(self) -> float:
        """The time [s]."""
        ...

    def sleep_until(self, when: float) -> None:
        """Returns at ``when`` [s], or earlier if there is a reason to look up."""
        ...


class Monotonic:
    """The machine's own clock, which nobody sets; ``speed`` lets it run faster than the wall's."""

    def __init__(self, speed: float = 1.0) -> None:
        if not speed > 0:
            raise ValueError(f"speed is {speed}; give a factor above 0, e.g. 1 for real time")
        self._speed = speed
        self._origin = time.monotonic()

    def now(self) -> float:
        """Since the clock was made, times ``speed`` [s]."""
        return (time.monotonic() - self._origin) * self._speed

    def sleep_until(self, when: float) -> None:
        """Sleeps until ``when`` [s]."""
        time.sleep(max(0.0, (when - self.now()) / self._speed))


class Jitter(NamedTuple):
    """How far the last periods were from what they should be [s]."""

    median: float
    p99: float
    worst: float


class Pacer:
    """Ticks at a fixed period; ``wait`` ends each round of a loop.

    Args:
        period: Time between two ticks [s].
        clock: Whose time.
        resync: A loop that is this far behind drops the ticks it missed instead of making up for
            them; two periods at least [s].

    Attributes:
        ticks: Rounds so far.
        overruns: Ticks that came more than half a period late.
        skipped: Ticks that were dropped because the loop was too far behind.
    """

    def __init__(self, period: float, clock: Clock | None = None, resync: float = RESYNC) -> None:
        if not period > 0:
            raise ValueError(f"period is {period} s; give a time above 0")
        self.period = period
        self.clock = clock or Monotonic()
        self._resync = max(resync, 2 * period)
        self.ticks = self.overruns = self.skipped = 0
        self._errors = np.zeros(_KEEP)
        self._next = self._last = self.clock.now()

    def wait(self) -> float:
        """Sleeps until the next tick and returns its time [s]."""
        if not self.ticks:  # what came before the loop is nobody's delay
            self._next = self._last = self.clock.now()
        self._next += self.period
        self._catch_up(self.clock.now())
        while (now := self.clock.now()) < self._next:
            self.clock.sleep_until(self._next)
            if self.clock.now() < self._next:  # woken for another reason, e.g. to end
                break
        now = max(now, self.clock.now())
        self._count(now)
        return now

    def silence(self) -> float:
        """Time since the last tick [s]."""
        return self.clock.now() - self._last

    def jitter(self) -> Jitter:
        """Of the last thousand periods."""
        errors = np.abs(self._errors[: min(self.ticks, _KEEP)])
        if errors.size == 0:
            return Jitter(0.0, 0.0, 0.0)
        median, p99 = np.percentile(errors, [50, 99])
        return Jitter(float(median), float(p99), float(errors.max()))

    def _catch_up(self, now: float) -> None:
        behind = now - self._next
        if abs(behind) > self._resync:
            self.skipped += max(0, int(behind / self.period))
            self.overruns += behind > 0
            self._next = now

    def _count(self, now: float) -> None:
        self._errors[self.ticks % _KEEP] = now - self._last - self.period
        self.ticks += 1
        self.overruns += now - self._next > 0.5 * self.period
        self._last = now


def be_punctual(priority: int = 50) -> str:
    """Asks for real-time scheduling of the process, of this thread first; no collector pauses it.

    All threads of the process, for a loop waits for whoever has the interpreter or a lock of DDS:
    one that is not scheduled itself would keep it waiting.

    Returns:
        What was granted, for the log: a user without the right goes on without it.
    """
    return _hurry(priority, heirs=True)


@contextlib.contextmanager
def punctual(priority: int = 20) -> Iterator[str]:
    """``be_punctual`` for a while; threads and processes begun meanwhile are as any other.

    Args:
        priority: Below that of the robot's nodes, which must not wait for who asks them.
    """
    interval = sys.getswitchinterval()
    try:
        yield _hurry(priority, heirs=False)
    finally:
        gc.unfreeze()
        sys.setswitchinterval(interval)
        with contextlib.suppress(OSError, AttributeError):
            # A user without privileges may not take the flag back.
            _schedule_all(os.SCHED_OTHER | os.SCHED_RESET_ON_FORK, 0, 0)


def _hurry(priority: int, heirs: bool) -> str:
    gc.collect()
    gc.freeze()
    sys.setswitchinterval(_SWITCH)
    try:
        policy = os.SCHED_FIFO | (0 if heirs else os.SCHED_RESET_ON_FORK)
        _schedule_all(policy, priority, priority - 1)
    except (OSError, AttributeError):
        return (
            "no real-time scheduling: for it, give the user rtprio in /etc/security/limits.conf; "
            "periods are then steadier beside other load"
        )
    return f"real-time scheduling, SCHED_FIFO {priority}"


def _schedule_all(policy: int, own: int, others: int) -> None:
    """This thread with a priority of its own."""
    for thread in os.listdir("/proc/self/task"):
        _schedule(int(thread), policy, others)
    _schedule(0, policy, own)


def _schedule(thread: int, policy: int, priority: int) -> None:
    with contextlib.suppress(ProcessLookupError):  # it has ended meanwhile
        os.sched_setscheduler(thread, policy, os.sched_param(priority))
