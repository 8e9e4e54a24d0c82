"""The safety node's command stream beside saturated cores: how regular its periods are.

The safety node, a process per core that never rests, and this one, which is the arm and the policy
and hears every command. (A core that rests now and then makes virtual machines less regular.) A
period is the time between two publications, as DDS stamps them. Once with real-time scheduling and
once without. Beside each ticks a loop that does nothing else: no program can be more regular than
that on the machine. The run draws ``build/safety_stream.png``. Run as
``python -m benchmarks.safety_stream [seconds]``.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import WrenchStamped
from matplotlib.figure import Figure
from rclpy.qos import QoSProfile
from rclpy.subscription import MessageInfo
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64MultiArray

from benchmarks.table import BUILD, Row, show_rows
from hardware.contract_file import load_contract
from hardware.ros import convert
from hardware.ros.inbox import Inbox

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
    floor: np.ndarray
    """Periods of a bare loop at the same time. Shape (ticks - 1,) [ms]."""


def rows(seconds: float = SECONDS) -> Iterator[Row]:
    """Errors of the period, the longest one and overruns, with real-time scheduling and without."""
    found = {}
    for name, realtime in (("fifo", True), ("plain", False)):
        stream = found[name] = measure(realtime, seconds)
        yield from _of_periods(f"{name}/stream", stream.periods)
        yield from _of_periods(f"{name}/bare loop", stream.floor)
        share = stream.overruns / stream.ticks
        yield Row(f"safety_stream/{name}/overruns", share, "of the ticks")
    draw(found)


def _of_periods(name: str, periods: np.ndarray) -> Iterator[Row]:
    errors = np.abs(periods - 1e3 * PERIOD)
    yield Row(f"safety_stream/{name}/median", float(np.median(errors)), "ms")
    yield Row(f"safety_stream/{name}/p99", float(np.percentile(errors, 99)), "ms", P99)
    yield Row(f"safety_stream/{name}/longest", float(periods.max()), "ms", LONGEST)


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
        with ExitStack() as load:
            for _ in range(os.cpu_count() or 1):
                load.enter_context(running([sys.executable, "-c", BUSY], environment))
            robot.wait(lambda: len(robot.health) > 0, "diagnostics")
            first, ticks, overruns = len(robot.stamps), *robot.counts()
            floor = bare_loop(seconds)
            said = len(robot.health)
            robot.wait(lambda: len(robot.health) > said, "diagnostics")
            last = robot.counts()
    return Stream(robot.periods(first), last[1] - overruns, last[0] - ticks, floor)


def bare_loop(seconds: float) -> np.ndarray:
    """Periods of a loop in a process of its own. Shape (ticks - 1,) [ms]."""
    command = [sys.executable, "-m", "benchmarks.bare_loop", str(PERIOD), str(seconds)]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True)
    return np.array(json.loads(done.stdout))


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
        self._inbox = Inbox(node)
        many, few = QoSProfile(depth=5000), QoSProfile(depth=10)
        self._inbox.subscribe(Float64MultiArray, "arm/commands", self._hear_command, many)
        self._inbox.subscribe(DiagnosticArray, "/diagnostics", self._hear_health, few)
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
            self._inbox.take()
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

    def _hear_command(self, message: Float64MultiArray, info: MessageInfo) -> None:
        number = info["publication_sequence_number"]
        assert number is not None
        self.stamps.append((number, info["source_timestamp"]))
        self._q = np.array(message.data)

    def _hear_health(self, message: DiagnosticArray, _: MessageInfo) -> None:
        for status in message.status:
            self.health.append({pair.key: pair.value for pair in status.values})


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
    plain = found["plain"].floor
    bins = np.linspace(0, max(longest, 2e3 * PERIOD), 200)
    for name, stream in found.items():
        axes.hist(stream.periods, bins, histtype="step", log=True, label=name)
    axes.hist(plain, bins, histtype="step", log=True, label="bare loop, fifo", color="0.6")
    axes.axvline(LONGEST, color="grey", linestyle=":", label="bar")
    axes.set(xlabel="period [ms]", ylabel="commands", title="500 Hz stream, every core saturated")
    axes.legend()
    BUILD.mkdir(exist_ok=True)
    figure.savefig(BUILD / "safety_stream.png", dpi=120)


if __name__ == "__main__":
    show_rows(rows(*map(float, sys.argv[1:])))
