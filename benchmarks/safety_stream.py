"""The safety node's command stream beside a saturated core: how regular its periods are.

Three processes: the safety node, one that never rests, and this one, which is the arm and the
policy and hears every command. A period is the time between two publications, as DDS stamps them.
Once with real-time scheduling and once without. The run draws ``build/safety_stream.png``.
Run as ``python -m benchmarks.safety_stream [seconds]``.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import WrenchStamped
from matplotlib.figure import Figure
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64MultiArray

from benchmarks.table import BUILD, Row, show_rows
from hardware.contract_file import load_contract
from hardware.ros import convert

ROBOT = load_contract("twin")
PERIOD = 1 / ROBOT.rates.stream
SECONDS = 60.0
P99, LONGEST = 0.5, 5.0
"""Bars: error of the period, and the longest period [ms]."""
SWING, FREQUENCY = 0.1, 0.5
"""What the policy asks of every joint [rad, Hz]."""
PATIENCE = 30.0
DOMAIN = 39
ROOT = Path(__file__).parents[1]
BUSY = "while True: pass"


class Stream(NamedTuple):
    """What was heard."""

    periods: np.ndarray
    """Shape (commands - 1,) [ms]."""
    overruns: int
    """As the node counts them in its diagnostics."""
    ticks: int
    """Likewise."""


def rows(seconds: float = SECONDS) -> Iterator[Row]:
    """Errors of the period, the longest one and overruns, with real-time scheduling and without."""
    found = {}
    for name, realtime in (("fifo", True), ("plain", False)):
        stream = found[name] = measure(realtime, seconds)
        errors, bar = np.abs(stream.periods - 1e3 * PERIOD), name == "fifo"
        yield Row(f"safety_stream/{name}/median", float(np.median(errors)), "ms")
        yield Row(f"safety_stream/{name}/p99", float(np.percentile(errors, 99)), "ms", P99)
        longest = float(stream.periods.max())
        yield Row(f"safety_stream/{name}/longest", longest, "ms", LONGEST if bar else None)
        share = stream.overruns / stream.ticks
        yield Row(f"safety_stream/{name}/overruns", share, "of the ticks")
    draw(found)


def measure(realtime: bool, seconds: float) -> Stream:
    """Listens to a safety node for some seconds."""
    environment = os.environ | {
        "ROS_DOMAIN_ID": str(DOMAIN),
        "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST",
    }
    command = [sys.executable, "-m", "hardware.ros.safety_node", "--ros-args"]
    command += ["-p", "watch_cameras:=false", "-p", f"realtime:={str(realtime).lower()}"]
    with running(command, environment), Robot() as robot:
        robot.wait(lambda: len(robot.stamps) > 1 / PERIOD, "a stream of commands")
        with running([sys.executable, "-c", BUSY], environment):
            robot.wait(lambda: len(robot.health) > 0, "diagnostics")
            first, ticks, overruns = len(robot.stamps), *robot.counts()
            end = time.monotonic() + seconds
            robot.wait(lambda: time.monotonic() > end, "the end", seconds + 1)
            said = len(robot.health)
            robot.wait(lambda: len(robot.health) > said, "diagnostics")
            last = robot.counts()
    return Stream(robot.periods(first), last[1] - overruns, last[0] - ticks)


class Robot:
    """An arm that stands where it is told to, and a policy that lets it swing."""

    def __init__(self) -> None:
        self.stamps: list[tuple[int, int]] = []
        """Number and time of each command [ns]."""
        self.health: list[dict[str, str]] = []
        os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
        self._context = rclpy.Context()
        rclpy.init(args=[], context=self._context, domain_id=DOMAIN)
        self._node = node = rclpy.create_node("robot", context=self._context)
        self._states = node.create_publisher(JointState, "joint_states", 10)
        self._wrench = node.create_publisher(WrenchStamped, "wrench", 10)
        self._request = node.create_publisher(JointState, "request", 1)
        self._commands = node.create_subscription(Float64MultiArray, "arm/commands", _drop, 5000)
        self._diagnostics = node.create_subscription(DiagnosticArray, "/diagnostics", _drop, 10)
        self._home = self._q = np.array(ROBOT.home.q)
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Robot:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._thread.join()
        self._node.destroy_node()
        self._context.try_shutdown()

    def wait(self, done: Any, what: str, seconds: float = PATIENCE) -> None:
        """Waits until something is so.

        Raises:
            RuntimeError: It is not after so many seconds.
        """
        end = time.monotonic() + seconds
        while not done():
            if time.monotonic() > end:
                raise RuntimeError(f"waited {seconds:.0f} s in vain: {what}")
            time.sleep(0.05)

    def counts(self) -> tuple[int, int]:
        """Ticks and overruns as the node last said."""
        newest = self.health[-1]
        return int(newest["loop/ticks"]), int(newest["loop/overruns"])

    def periods(self, first: int) -> np.ndarray:
        """Times between neighbouring commands from the ``first`` on [ms]."""
        numbers, times = np.array(self.stamps[first:]).T
        return 1e-6 * (np.diff(times) / np.diff(numbers))

    def _run(self) -> None:
        """Speaks at the rate of states, asks at that of the policy, hears what has come."""
        ticks, ratio = 0, round(ROBOT.rates.state / ROBOT.rates.policy)
        while not self._ending.wait(1 / ROBOT.rates.state):
            self._speak(asks=ticks % ratio == 0)
            self._hear()
            ticks += 1

    def _speak(self, asks: bool) -> None:
        now = time.time()
        fingers = [0.0] * len(ROBOT.joints.gripper)
        names = (*ROBOT.joints.arm, *ROBOT.joints.gripper)
        self._states.publish(convert.joint_state(now, names, np.append(self._q, fingers)))
        self._wrench.publish(convert.wrench_stamped(now, "", np.zeros(6)))
        if asks:
            swing = SWING * np.sin(2 * np.pi * FREQUENCY * now)
            target = self._home + swing if len(self.stamps) else self._home
            self._request.publish(convert.joint_state(now, ROBOT.joints.arm, target))

    def _hear(self) -> None:
        for message, info in _taken(self._commands):
            self.stamps.append((info["publication_sequence_number"], info["source_timestamp"]))
            self._q = np.array(message.data)
        for message, _ in _taken(self._diagnostics):
            for status in message.status:
                self.health.append({pair.key: pair.value for pair in status.values})


def _taken(subscription: Any) -> Iterator[tuple[Any, dict[str, int]]]:
    """What has come, without a wait set, which costs five times as much."""
    with subscription.handle:
        while (taken := _take(subscription)) is not None:
            yield taken


def _take(subscription: Any) -> Any:
    return subscription.handle.take_message(subscription.msg_type, False)


def _drop(_: Any) -> None: ...


@contextmanager
def running(command: list[str], environment: dict[str, str]) -> Iterator[None]:
    """A process beside us."""
    process = subprocess.Popen(command, cwd=ROOT, env=environment)
    try:
        yield
    finally:
        process.terminate()
        process.wait(10)


def draw(found: dict[str, Stream]) -> None:
    """Histogram of the periods."""
    figure = Figure(figsize=(7, 3.5), layout="constrained")
    axes = figure.subplots()
    longest = max(stream.periods.max() for stream in found.values())
    bins = np.linspace(0, max(longest, 2e3 * PERIOD), 200)
    for name, stream in found.items():
        axes.hist(stream.periods, bins, histtype="step", log=True, label=name)
    axes.axvline(LONGEST, color="grey", linestyle=":", label="bar")
    axes.set(xlabel="period [ms]", ylabel="commands", title="500 Hz stream beside a saturated core")
    axes.legend()
    BUILD.mkdir(exist_ok=True)
    figure.savefig(BUILD / "safety_stream.png", dpi=120)


if __name__ == "__main__":
    show_rows(rows(*map(float, sys.argv[1:])))
