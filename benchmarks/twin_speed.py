"""How much faster than real time the twin runs over ROS 2, with state and two cameras at 20 Hz."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np

from benchmarks.table import Row
from robot_rl.env import Step
from robot_rl.environments import make_env
from robot_rl.robot_processes import running

SPEED = 8.0
"""What is asked for: more than a small machine can do."""
STEPS = 200
BAR = 5.0


def rows() -> Iterator[Row]:
    """Simulated seconds per second, with a reader that acts at 20 Hz of simulated time."""
    with running("--robot", "twin", "--task", "reach", "--speed", str(SPEED)):
        options = {"task": "reach", "cameras": ("front", "wrist"), "use_sim_time": True}
        with make_env("robot", timeout=30.0, **options) as env:
            env.reset()
            began = time.monotonic()
            steps = [env.step(np.zeros((1, 6))) for _ in range(STEPS)]
            wall = time.monotonic() - began
    yield Row("twin over ROS 2, two cameras: speed", _simulated(steps) / wall, "x real time", BAR)


def _simulated(steps: list[Step]) -> float:
    """Seconds by the clock of the robot."""
    first, last = (float(steps[i].info["stamps"]["command"][0]) for i in (0, -1))
    return last - first


if __name__ == "__main__":
    from benchmarks.table import show_rows

    show_rows(rows())
