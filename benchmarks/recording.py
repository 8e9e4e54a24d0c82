"""What recording two 640x480 cameras at 30 Hz costs the safety node's 500 Hz loop: nothing.

Real processes: the twin's arm, the safety node, two cameras, the recorder. The loop is watched by
the stamps in its own reports, every fifth tick, and by the overruns that it counts itself. The
histogram goes to build/recording.png.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple, Self

import cv2
import numpy as np
import yaml

from benchmarks.table import BUILD, Row, show_rows
from hardware.contract_file import load_contract, to_values
from hardware.dds_profile import use_dds_profile
from robot_rl.episodes import Episodes

TURNS, SECONDS = 5, 8.0
"""Phases follow each other in turns, so that whatever else the machine does meets all alike [s]."""
PHASES = ("without", "recording", "writing")
"""No recorder; two cameras are recorded; the episode goes to disk."""
CAMERAS, WIDTH, HEIGHT, RATE = ("front", "wrist"), 640, 480, 30
DOMAIN = "54"
PICTURE = BUILD / "recording.png"
RETRY = 3.0
"""A question without an answer is asked again after so long [s]."""
PATIENCE = 60.0
"""How long processes may take to appear, and the disk to write an episode [s]."""


class Phase(NamedTuple):
    """How the safety node's loop did."""

    errors: np.ndarray
    """Of its period, from one report to the next [s]."""
    ticks: int
    overruns: int
    """Ticks that came more than half a period late, of which ``skipped`` were left out."""
    skipped: int

    @property
    def missed(self) -> int:
        """Ticks that did not come in time."""
        return self.overruns + self.skipped

    @property
    def p99(self) -> float:
        """Of the period's error [s]."""
        return float(np.percentile(np.abs(self.errors), 99))

    @classmethod
    def together(cls, phases: Sequence[Phase]) -> Self:
        """Several of one kind."""
        return cls(
            errors=np.concatenate([phase.errors for phase in phases]),
            ticks=sum(phase.ticks for phase in phases),
            overruns=sum(phase.overruns for phase in phases),
            skipped=sum(phase.skipped for phase in phases),
        )


class Bench:
    """A node that asks for motion, listens to the safety node, and calls the recorder."""

    def __init__(self) -> None:
        import rclpy
        from diagnostic_msgs.msg import DiagnosticArray
        from rclpy.executors import SingleThreadedExecutor
        from rclpy.qos import QoSProfile
        from sensor_msgs.msg import JointState

        from hardware.ros.inbox import Inbox

        rclpy.init()
        self.node = rclpy.create_node("bench")
        self.stamps: list[float] = []
        self.health: dict[str, dict[str, str]] = {}
        self._states: list[Any] = []
        inbox = Inbox(self.node)
        inbox.subscribe(JointState, "safety/report", self._report, QoSProfile(depth=1000))
        inbox.subscribe(DiagnosticArray, "/diagnostics", self._diagnose, QoSProfile(depth=100))
        inbox.subscribe(JointState, "joint_states", self._move, QoSProfile(depth=1))
        self._request = self.node.create_publisher(JointState, "request", 1)
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self.node)
        self._thread = threading.Thread(target=self._executor.spin, daemon=True)
        self._asked, self._start = 0.0, np.empty(0)
        self._thread.start()
        inbox.poll()

    def watch(self, seconds: float) -> Phase:
        """The loop over some time."""
        before = self._loop()
        self.stamps.clear()
        time.sleep(seconds)
        steps = np.diff(self.stamps)
        after = self._loop()
        period = 5 / load_contract("twin").rates.stream
        ticks, overruns, skipped = (b - a for a, b in zip(before, after, strict=True))
        # There is a report between two whenever something changes.
        whole = steps[(steps > 0.8 * period) & (steps < 1.9 * period)]
        return Phase(whole - period, ticks, overruns, skipped)

    def call(self, value: bool) -> Any:
        """Begins or ends an episode."""
        from std_srvs.srv import SetBool

        from hardware.ros.question import Question

        client = self.node.create_client(SetBool, "record")
        wait_for(client.service_is_ready, "the recorder")
        question = Question(client, SetBool.Request(data=value), RETRY)
        return wait_for(question.answer, "its answer")

    def _loop(self) -> tuple[int, int, int]:
        """Ticks, overruns and skipped ticks, as the safety node says once a second."""
        self.health.pop("/safety", None)
        values = wait_for(lambda: self.health.get("/safety"), "diagnostics of the safety node")
        ticks, overruns, skipped = (values[f"loop/{n}"] for n in ("ticks", "overruns", "skipped"))
        return int(ticks), int(overruns), int(skipped)

    def _report(self, message: Any, _: Any) -> None:
        self.stamps.append(message.header.stamp.sec + 1e-9 * message.header.stamp.nanosec)

    def _diagnose(self, message: Any, _: Any) -> None:
        for status in message.status:
            self.health[status.name] = {one.key: one.value for one in status.values}

    def _move(self, message: Any, _: Any) -> None:
        """A slow swing, asked for at the policy's rate."""
        now = time.monotonic()
        if now - self._asked < 0.05:
            return
        self._asked, arm = now, slice(0, 7)
        if not self._start.size:
            self._start = np.array(message.position[arm])
        from hardware.ros import convert

        stamp, target = convert.to_seconds(message.header.stamp), self._start + 0.1 * np.sin(now)
        self._request.publish(convert.joint_state(stamp, message.name[arm], target))


def rows() -> Iterator[Row]:
    """Missed ticks and period errors without and with the recorder, and what it recorded."""
    os.environ |= {"ROS_DOMAIN_ID": DOMAIN, "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST"}
    os.environ |= use_dds_profile(os.environ)
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        robot, dataset = _contract(Path(folder)), Path(folder, "dataset")
        stack.enter_context(_node("arm_node"))
        stack.enter_context(_node("safety_node", robot=robot))
        for camera in CAMERAS:
            source = _pictures(Path(folder, camera))
            stack.enter_context(
                _node("camera_node", f"camera_{camera}", robot=robot, camera=camera, source=source)
            )
        bench = Bench()
        wait_for(lambda: len(bench.stamps) > 500, "reports")
        phases: dict[str, list[Phase]] = {name: [] for name in PHASES}
        shares = [_turn(bench, robot, dataset, phases) for _ in range(TURNS)]
        together = {name: Phase.together(parts) for name, parts in phases.items()}
        _draw(together)
        yield from _of_loop(together)
        yield from _of_episodes(Episodes(dataset), float(np.median(shares)))


def _turn(bench: Bench, robot: Path, dataset: Path, phases: dict[str, list[Phase]]) -> float:
    """One of each phase; returns the recorder's share of a core while it recorded."""
    phases["without"].append(bench.watch(SECONDS))
    with _node("recorder_node", robot=robot, dataset=dataset, max_gap=5.0) as recorder:
        bench.call(True)
        began, busy = time.monotonic(), _processor_time(recorder.pid)
        phases["recording"].append(bench.watch(SECONDS))
        share = (_processor_time(recorder.pid) - busy) / (time.monotonic() - began)
        bench.call(False)
        phases["writing"].append(bench.watch(SECONDS))
    return share  # the recorder ends when the episode is on disk


def _of_loop(phases: dict[str, Phase]) -> Iterator[Row]:
    base = phases["without"]
    for name, phase in phases.items():
        reference = base if phase is not base else None
        yield Row(
            f"recording/{name}/missed ticks",
            1e3 * phase.missed / phase.ticks,
            "of 1000",
            reference and 1e3 * reference.missed / reference.ticks,
        )
        yield Row(
            f"recording/{name}/period error p99",
            1e3 * phase.p99,
            "ms",
            reference and 1e3 * reference.p99,
        )


def _of_episodes(store: Episodes, share: float) -> Iterator[Row]:
    assert store.verify() == []
    rates = [metadata.fps_achieved or 0.0 for metadata in store.metadata()]
    yield Row("recording/transitions", float(np.median(rates)), "Hz", RATE)
    episode = store[0]
    for camera in CAMERAS:
        frames = episode.observation[f"images/{camera}"]
        fresh = np.mean([(a != b).any() for a, b in pairwise(frames)])
        yield Row(f"recording/new pictures of {camera}", 100 * float(fresh), "%", 100)
    yield Row("recording/processor of the recorder", 100 * share, "% of a core")
    yield Row("recording/load of the machine", os.getloadavg()[0], "processes", os.cpu_count())


def _draw(phases: dict[str, Phase]) -> None:
    """Errors of the period, on a logarithmic scale of counts, so that single outliers show."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 3.6), layout="constrained")
    axes, bins = figure.subplots(), np.linspace(-1.5, 1.5, 121).tolist()
    for name, phase in phases.items():
        errors = np.clip(1e3 * phase.errors, -1.5, 1.5)
        label = f"{name}: {phase.missed} of {phase.ticks} ticks missed"
        axes.hist(errors, bins, histtype="step", density=True, label=label)
    axes.set(yscale="log", xlabel="error of five periods of the safety loop [ms]")
    axes.set(ylabel="density [1/ms]", title="Two 640 x 480 cameras at 30 Hz beside a 500 Hz loop")
    axes.axvspan(1.0, 1.5, color="0.93")
    axes.legend(fontsize=8, loc="upper left")
    BUILD.mkdir(exist_ok=True)
    figure.savefig(PICTURE, dpi=120)


def _contract(folder: Path) -> Path:
    """The twin with two large cameras, and a policy as fast as they are."""
    values = to_values(load_contract("twin"))
    values["rates"]["policy"] = RATE
    for camera in values["cameras"]:
        camera |= {"width": WIDTH, "height": HEIGHT, "rate": RATE}
    path = folder / "robot.yaml"
    path.write_text(yaml.safe_dump(values))
    return path


def _pictures(folder: Path) -> str:
    """Frames of a texture that moves, and that no codec finds too easy."""
    folder.mkdir()
    noise = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    texture = cv2.GaussianBlur(noise, (0, 0), 3)
    texture = cv2.normalize(texture, None, 0, 255, cv2.NORM_MINMAX)  # pyright: ignore
    for number in range(RATE):
        shifted = np.roll(texture, number * WIDTH // RATE, axis=1)
        cv2.imwrite(str(folder / f"{number:03d}.jpg"), shifted)
    return str(folder / "*.jpg")


@contextmanager
def _node(module: str, name: str = "", **parameters: Any) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", f"hardware.ros.{module}", "--ros-args"]
    command += ["-r", f"__node:={name}"] if name else []
    for key, value in parameters.items():
        command += ["-p", f"{key}:={value}"]
    process = subprocess.Popen(command)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        process.wait()


def _processor_time(pid: int) -> float:
    """Seconds that a process has computed."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def wait_for(condition: Callable[[], Any], what: str) -> Any:
    """The first true value of ``condition``.

    Raises:
        TimeoutError: It does not come.
    """
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if value := condition():
            return value
        time.sleep(0.02)
    raise TimeoutError(f"waited {PATIENCE:.0f} s for {what}")


if __name__ == "__main__":
    show_rows(rows())
