"""A loop that does nothing but tick: what a machine can give to any loop.

Started by ``benchmarks.safety_stream`` beside the safety node. Arguments: period and duration [s].
"""

from __future__ import annotations

import json
import sys
from itertools import pairwise

from hardware.pacer import Pacer, be_punctual


def main(arguments: list[str]) -> int:
    """Ticks with real-time scheduling, and prints the periods as JSON [ms]."""
    period, seconds = map(float, arguments)
    be_punctual()
    pacer = Pacer(period)
    times = [pacer.wait() for _ in range(round(seconds / period))]
    print(json.dumps([1e3 * (b - a) for a, b in pairwise(times)]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
