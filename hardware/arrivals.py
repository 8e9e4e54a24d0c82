"""Silence of streams on a clock that nobody sets; the clock of stamps, somebody may."""

from __future__ import annotations

from hardware.stream import Sample
from hardware.streams import Streams


class Arrivals:
    """When each stream last brought something new.

    Stamps and times of reception are of the node's clock: set back by 50 ms, it would find a stream
    that died at that moment 50 ms too late.

    Args:
        streams: All of them are watched.
    """

    def __init__(self, streams: Streams) -> None:
        self._streams = [streams[name] for name in streams.names]
        self._seen: dict[str, tuple[Sample | None, float]] = {}

    def faults(self, now: float) -> dict[str, str]:
        """Streams that have been silent for too long, by name; call it at every tick.

        Args:
            now: Time of a steady clock [s].
        """
        found: dict[str, str] = {}
        for stream in self._streams:
            newest = stream.newest()
            seen, since = self._seen.get(stream.name, (None, now))
            if newest is not seen:
                self._seen[stream.name] = newest, now
            elif newest is not None and now - since > stream.max_age:
                found[stream.name] = f"{stream.name} has been silent for {now - since:.3f} s"
        return found
