"""How much faster than real time the twin runs, with state and two cameras at 20 Hz.

By itself, and behind ROS 2 with a reader that acts at 20 Hz of simulated time; there a camera that
falls behind ends the run, so no more is asked for than a small machine keeps up with.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np

from benchmarks.table import Row
from robot_rl.config import UpConfig
from robot_rl.env import Step
from robot_rl.environments import make_env
from robot_rl.robot_processes import running

SPEED = 2.0
"""What is asked for over ROS."""
STEPS = 200
BAR = 5.0
CAMERAS = ("front", "wrist")


def rows() -> Iterator[Row]:
    """Simulated seconds per second."""
    yield Row("twin_speed/alone", alone(), "x real time", BAR)
    yield Row("twin_speed/over ROS 2", over_ros(), "x real time", BAR)


def alone() -> float:
    """State and pictures every 50 ms of simulated time, in one process."""
    with make_env("twin_reach", cameras=CAMERAS) as env:
        env.reset()
        began = time.monotonic()
        for _ in range(STEPS):
            env.step(np.zeros((1, 6)))
        return STEPS * env.dt / (time.monotonic() - began)


def over_ros() -> float:
    """The same from another process."""
    with running(UpConfig(task="reach", speed=SPEED)):
        options = {"task": "reach", "cameras": CAMERAS, "use_sim_time": True}
        with make_env("robot", timeout=30.0, **options) as env:
            env.reset()
            began = time.monotonic()
            steps = [env.step(np.zeros((1, 6))) for _ in range(STEPS)]
            return _simulated(steps) / (time.monotonic() - began)


def _simulated(steps: list[Step]) -> float:
    """Seconds by the clock of the robot."""
    first, last = (float(steps[i].info["stamps"]["command"][0]) for i in (0, -1))
    return last - first


if __name__ == "__main__":
    from benchmarks.table import show_rows

    show_rows(rows())
