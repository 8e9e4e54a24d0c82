"""Stamped streams aligned by stamp, and the one place that decides what is stale.

Times are seconds of one clock, the node's (ROS time on a robot, ``/clock`` in simulation). *Stamp*
is when a value was measured, *received* when it came in. No ROS here: time is an argument.
"""

from __future__ import annotations

import math
from collections.abc import Container, Iterable
from typing import NamedTuple

from hardware.contract import Contract
from hardware.endpoints import IMAGES, subscriptions
from hardware.stream import Sample, Stream


class Aligned(NamedTuple):
    """The newest values whose stamps lie together."""

    stamp: float
    """When the slowest stream was measured; the others are the last ones not newer. NaN if no
    stream is fresh [s]."""
    samples: dict[str, Sample]
    """By name of the stream; those at fault are not in it."""
    ages: dict[str, float]
    """Age of each sample by its stamp [s]."""
    faults: dict[str, str]
    """Why a stream is not in the set, by name; empty if the set is whole."""

    @property
    def whole(self) -> bool:
        """Whether every stream is in the set."""
        return not self.faults


class Streams:
    """The streams that an observation is made of.

    A set is as old as the slowest stream makes it: a policy sees joints as they were when the
    picture was taken, as it did in simulation. Staleness is about the newest value of each stream.
    """

    def __init__(self, streams: Iterable[Stream], slack: float = 0.025) -> None:
        """Takes the streams.

        Args:
            streams: All of them are required.
            slack: How far apart the stamps of a set may be, if not for the periods [s].

        Raises:
            ValueError: If there is none, or two have one name.
        """
        self._slack = slack
        listed = tuple(streams)
        self._streams = {stream.name: stream for stream in listed}
        if not listed or len(self._streams) != len(listed):
            names = [stream.name for stream in listed]
            raise ValueError(f"streams are {names}; give at least one, and each its own name")

    @classmethod
    def of(cls, contract: Contract, cameras: bool = True, looks: float = 0.0) -> Streams:
        """The streams of a robot; a set holds what was within half a policy period.

        Args:
            contract: The robot.
            cameras: Whether pictures are among them.
            looks: Time between two looks of who wants the newest values alone, and misses no others
                [s].
        """
        found = [s for s in subscriptions(contract) if cameras or not s.name.startswith(IMAGES)]
        # The slowest stream may be this old, and the others must still know what was then.
        keep = 2 * max(s.max_age for s in found)
        streams = (Stream(s.name, s.max_age, max(1 / s.rate, looks), keep) for s in found)
        return cls(streams, slack=0.5 / contract.rates.policy)

    def __getitem__(self, name: str) -> Stream:
        if name not in self._streams:
            raise KeyError(f"no stream {name!r}; choose from {', '.join(self._streams)}")
        return self._streams[name]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the streams, in the order in which they were given."""
        return tuple(self._streams)

    def faults(self, now: float) -> dict[str, str]:
        """Why nothing may be commanded on these streams, by name; empty if all are fresh."""
        found = {name: stream.fault(now) for name, stream in self._streams.items()}
        return {name: fault for name, fault in found.items() if fault is not None}

    def align(self, now: float, apart: Container[str] = ()) -> Aligned:
        """The newest set at time ``now``; streams at fault are left out and named.

        Args:
            now: By the clock of the stamps [s].
            apart: Streams that are no part of what is observed: of each the newest value, and the
                others need not be as old.
        """
        faults = self.faults(now)
        fresh = {name: s for name, s in self._streams.items() if name not in faults}
        together = [stream.newest() for name, stream in fresh.items() if name not in apart]
        newest = [sample.stamp for sample in together if sample is not None]
        stamp = min(newest, default=math.nan)
        samples: dict[str, Sample] = {}
        for name, stream in fresh.items():
            sample = stream.newest() if name in apart else stream.at(stamp)
            if sample is None:
                faults[name] = f"{name} has nothing from before {stamp:.3f} s yet"
            elif name not in apart and stamp - sample.stamp > max(stream.gap, self._slack):
                late = 1e3 * (stamp - sample.stamp)
                faults[name] = f"{name} has a gap: nothing in the last {late:.0f} ms of the set"
            else:
                samples[name] = sample
        return Aligned(stamp, samples, {n: now - s.stamp for n, s in samples.items()}, faults)


__all__ = ["Aligned", "Sample", "Stream", "Streams"]
