"""What a learner that never rests costs the robot: its 20 Hz steps, and the 500 Hz command stream.

``robot-rl finetune`` on the twin over ROS 2, with all its processes, once with a learner that has
next to nothing to do and once with one that is always behind. A step is late by what its request
comes after the request before it and one period; a period of the stream is the time between two
commands, as DDS stamps them. Only what lies within an episode counts.
"""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
import rclpy
from rclpy.qos import QoSProfile
from rclpy.subscription import MessageInfo
from std_msgs.msg import Float64MultiArray

from benchmarks.table import Row, show_rows
from hardware.contract_file import load_contract
from hardware.ros.inbox import Inbox
from robot_rl.config import FinetuneConfig, TrainConfig
from robot_rl.episodes import Episodes
from robot_rl.finetune import ROBOTS, finetune
from robot_rl.train import train

ROBOT = load_contract("twin")
STEP, PERIOD = 1 / ROBOT.rates.policy, 1 / ROBOT.rates.stream
STEPS = 1_000
LOADS = {"learner at rest": 0.05, "learner that never rests": 20.0}
"""Updates for each step that are asked of it."""
STEP_BAR, STREAM_BAR = 2.0, 0.5
"""99 % of steps and of periods [ms]."""
DOMAIN = 56


class Heard(NamedTuple):
    """What one run was like."""

    late: np.ndarray
    """By how much each step was late [ms]."""
    errors: np.ndarray
    """Of the periods of the stream [ms]."""
    waited: float
    """How long the robot stood, between episodes, because the learner was behind [s]."""


def rows(steps: int = STEPS) -> Iterator[Row]:
    """Lateness of steps and errors of the stream's periods, median and 99 %."""
    os.environ |= {"ROS_DOMAIN_ID": str(DOMAIN), "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST"}
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "source"
        train(TrainConfig(env="reach", steps=200, demonstrations=5, folder=source))
        for name, ratio in LOADS.items():
            config = FinetuneConfig(
                Path(folder) / name, source, steps=steps, start=True, utd_ratio=ratio
            )
            yield from _rows(f"beside_learner/{name}", measure(config))


def _rows(name: str, heard: Heard) -> Iterator[Row]:
    for what, values, bar in (
        ("step late", heard.late, STEP_BAR),
        ("stream period off", heard.errors, STREAM_BAR),
    ):
        yield Row(f"{name}/{what}, median", float(np.median(values)), "ms")
        yield Row(f"{name}/{what}, p99", float(np.percentile(values, 99)), "ms", bar)
    yield Row(f"{name}/robot waited for it", heard.waited, "s")


def measure(config: FinetuneConfig) -> Heard:
    """Learns on the twin and listens to its commands."""
    with listening() as commands:
        done = finetune(config)
    stamps = [e.command_stamp for e in Episodes(config.run / ROBOTS / "twin" / "episodes")]
    late = np.concatenate([1e3 * (np.diff(episode) - STEP) for episode in stamps])
    sent = np.array(commands)
    errors = [
        np.abs(1e3 * (np.diff(within) - PERIOD))
        for episode in stamps
        if len(within := sent[(sent > episode[0]) & (sent < episode[-1])]) > 1
    ]
    return Heard(late, np.concatenate(errors), done.acted.waited)


@contextmanager
def listening() -> Iterator[list[float]]:
    """Times at which commands were sent to the arm, by the clock of the machine [s]."""
    sent: list[float] = []
    context = rclpy.Context()
    rclpy.init(args=[], context=context, domain_id=DOMAIN)
    node = rclpy.create_node("listener", context=context)

    def hear(_: Float64MultiArray, info: MessageInfo) -> None:
        stamp = info["source_timestamp"]
        assert stamp is not None
        sent.append(1e-9 * stamp)

    inbox, ending = Inbox(node), threading.Event()
    inbox.subscribe(Float64MultiArray, "arm/commands", hear, QoSProfile(depth=5000))

    def listen() -> None:
        while not ending.wait(0.1):
            inbox.take()

    thread = threading.Thread(target=listen)
    thread.start()
    try:
        yield sent
    finally:
        ending.set()
        thread.join()
        node.destroy_node()
        context.try_shutdown()


if __name__ == "__main__":
    show_rows(rows())
