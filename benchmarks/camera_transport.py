"""Two cameras of 640 x 480 at 30 Hz over DDS, best effort: what arrives, and how late.

Three real processes, two camera nodes and a listener that reads every frame, once with the Fast DDS
profile of ``hardware/fastdds.xml`` and once without. Latency is from the stamp of a frame, before
it is read from its file, to the callback that has its pixels. What was sent is told by the stamps.
Run as ``python -m benchmarks.camera_transport``.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import yaml

from benchmarks.table import Row, show_rows
from hardware.contract_file import load_contract, to_values
from hardware.dds_profile import use_dds_profile
from hardware.topics import Camera

RATE = 30.0
CAMERAS = tuple(Camera(name, f"{name}/image_raw", 640, 480, RATE) for name in ("front", "wrist"))
SECONDS = 20.0
"""Length of one measurement."""
ARRIVED, MEDIAN = 0.99, 5.0
"""Bars: share of the frames, and latency [ms]."""
DOMAIN = "44"
PICTURES = 8
ROOT = Path(__file__).parents[1]


def rows() -> Iterator[Row]:
    """Share of frames, median and p99 latency, with the profile and without."""
    plain = {key: value for key, value in os.environ.items() if "_PROFILES_FILE" not in key}
    with tempfile.TemporaryDirectory() as folder:
        write_robot(Path(folder))
        for name, environment in (("profile", use_dds_profile(plain)), ("default", plain)):
            found = measure(Path(folder), environment)
            bar = name != "default"
            name = f"camera_transport/{name}"
            arrived = found["received"] / (found["received"] + found["dropped"])
            yield Row(f"{name}/arrived", arrived, "share of frames", ARRIVED if bar else None)
            yield Row(f"{name}/median", found["median"], "ms", MEDIAN if bar else None)
            yield Row(f"{name}/p99", found["p99"], "ms")


def write_robot(folder: Path) -> None:
    """Writes a contract with the two cameras, and pictures for them to show."""
    contract = replace(load_contract("twin"), cameras=CAMERAS)
    (folder / "robot.yaml").write_text(yaml.safe_dump(to_values(contract)), encoding="utf-8")
    rng = np.random.default_rng(0)
    for index in range(PICTURES):
        pixels = rng.integers(0, 256, (480, 640, 3), np.uint8)
        cv2.imwrite(str(folder / f"{index}.bmp"), pixels)


def measure(folder: Path, environment: dict[str, str]) -> dict[str, float]:
    """What the listener found in an environment."""
    environment = environment | {
        "ROS_DOMAIN_ID": DOMAIN,
        "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST",
    }
    topics = [camera.topic for camera in CAMERAS]
    arguments = ["benchmarks.camera_listener", str(RATE), str(SECONDS), *topics]
    with cameras(folder, environment):
        command = [sys.executable, "-m", *arguments]
        done = subprocess.run(
            command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=True
        )
    return json.loads(done.stdout)


@contextmanager
def cameras(folder: Path, environment: dict[str, str]) -> Iterator[None]:
    """The camera nodes; what they complain of is shown if they do not last."""
    processes = [_camera_node(folder, camera.name, environment) for camera in CAMERAS]
    try:
        yield
    finally:
        for process in processes:
            process.send_signal(signal.SIGINT)
        said = [process.communicate(timeout=10)[0] for process in processes]
        if any(process.returncode for process in processes):
            print("".join(said), file=sys.stderr)


def _camera_node(folder: Path, name: str, environment: dict[str, str]) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "hardware.ros.camera_node", "--ros-args"]
    parameters = {"robot": folder / "robot.yaml", "camera": name, "source": folder / "*.bmp"}
    for key, value in parameters.items():
        command += ["-p", f"{key}:={value}"]
    return subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


if __name__ == "__main__":
    show_rows(rows())
