"""What a node says of itself once a second."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from hardware.pacer import Pacer
from hardware.streams import Streams

Level = Literal["ok", "warn", "error", "stale"]
LEVELS: tuple[Level, ...] = get_args(Level)
"""From good to bad."""


@dataclass
class Health:
    """Level, one sentence, and values by name."""

    level: Level = "ok"
    message: str = ""
    values: dict[str, str] = field(default_factory=dict)

    def of_pacer(self, pacer: Pacer, name: str = "loop") -> None:
        """Adds rate, jitter and overruns of a loop."""
        jitter = pacer.jitter()
        self.values |= {
            f"{name}/period [ms]": f"{1e3 * pacer.period:.3f}",
            f"{name}/jitter median [ms]": f"{1e3 * jitter.median:.3f}",
            f"{name}/jitter p99 [ms]": f"{1e3 * jitter.p99:.3f}",
            f"{name}/jitter worst [ms]": f"{1e3 * jitter.worst:.3f}",
            f"{name}/ticks": str(pacer.ticks),
            f"{name}/overruns": str(pacer.overruns),
            f"{name}/skipped": str(pacer.skipped),
        }

    def of_streams(self, streams: Streams, now: float) -> None:
        """Adds rate, age and drops of each stream."""
        for name in streams.names:
            stream, counts = streams[name], streams[name].counts
            newest = stream.newest()
            age = "none yet" if newest is None else f"{1e3 * (now - newest.stamp):.1f}"
            self.values |= {
                f"{name}/rate [Hz]": f"{stream.rate(now):.1f}",
                f"{name}/age [ms]": age,
                f"{name}/received": str(counts.received),
                f"{name}/dropped": str(counts.dropped),
                f"{name}/late": str(counts.late),
            }

    def warn(self, message: str, level: Level = "warn") -> None:
        """Takes the first of several complaints as the sentence, and the worst level."""
        if LEVELS.index(level) > LEVELS.index(self.level):
            self.level = level
        self.message = self.message or message

    def count(self, counts: Mapping[str, int], name: str) -> None:
        """Adds counters."""
        self.values |= {f"{name}/{key}": str(number) for key, number in counts.items()}
