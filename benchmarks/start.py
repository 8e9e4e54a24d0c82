"""How long the command line and the package take to start, each in a process of its own."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from statistics import median

from benchmarks.table import Row, show_rows

TURNS = 7
COMMANDS = {
    "robot-rl --help": (["-m", "robot_rl.cli", "--help"], 0.5),
    "import robot_rl": (["-c", "import robot_rl"], None),
    "python alone": (["-c", "pass"], None),
}
"""Arguments of Python and the bar [s]."""


def rows() -> Iterator[Row]:
    """Median seconds of each command."""
    for name, (arguments, bar) in COMMANDS.items():
        yield Row(f"start/{name}", median(_seconds(arguments) for _ in range(TURNS)), "s", bar)


def _seconds(arguments: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
    return time.perf_counter() - began


if __name__ == "__main__":
    show_rows(rows())
