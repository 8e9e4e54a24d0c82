"""Measures speed beside its bars: ``python -m benchmarks [suite ...]``; writes build/bench.json."""

from __future__ import annotations

import importlib
import sys
import traceback

from rich.console import Console

from benchmarks.table import Row, show_rows, write_rows

SUITES = {
    "start": "the command line's first answer",
    "experts": "success of the scripted experts",
    "controllers": "one control tick",
    "replay": "sampling a batch against the bare gather, bytes per frame",
    "rendering": "pictures of two cameras",
    "simulation": "environment steps in contact",
    "servo_versus_impedance": "the simulator's joint servos beside Cartesian impedance",
    "inbox": "processor time of a ROS message",
    "safety_stream": "the safety node's stream, every core saturated",
    "link": "transitions between actor and learner, and a learner that comes back",
    "beside_learner": "steps and stream of a robot beside its learner",
    "camera_transport": "camera frames over DDS",
    "recording": "what the recorder costs the control loop",
    "twin_speed": "the twin over ROS 2 against real time",
    "learner": "critic updates beside Stable-Baselines3 and SBX",
    "pixels": "learning from cameras beside the plain formulation",
}
"""What each module of this folder measures; its ``rows()`` does."""


def main(arguments: list[str]) -> int:
    """Runs the named suites, or all; a suite that fails does not take the others with it.

    Returns:
        Exit status: 0 if all suites ran.
    """
    console = Console()
    if unknown := set(arguments) - SUITES.keys():
        console.print(f"no suite {', '.join(sorted(unknown))}; choose from {', '.join(SUITES)}")
        return 2
    rows, failed = [], []
    for suite in arguments or SUITES:
        console.print(f"{suite}: {SUITES[suite]} ...", style="dim")
        try:
            rows += map(Row.of, importlib.import_module(f"benchmarks.{suite}").rows())
        except Exception:  # Hours of other measurements are worth more than stopping here.
            traceback.print_exc()
            failed.append(suite)
    show_rows(rows, console)
    console.print(f"written to {write_rows(rows, 'bench')}")
    if failed:
        console.print(f"failed: {', '.join(failed)}", style="bold red")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
