"""Camera nodes as processes; the test listens to their topics, as any other node would."""

import functools
import math
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml

pytest.importorskip("rclpy")

from diagnostic_msgs.msg import DiagnosticArray
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, JointState

from hardware.contract_file import load_contract, to_values
from hardware.dds_profile import PROFILE, VARIABLE
from hardware.ros import convert
from hardware.ros.camera_publisher import Topics
from hardware.ros.qos import profile
from hardware.topics import SENSOR, Camera
from sim.environments import make_twin_view
from tests.ros.conftest import Graph, wait_for

pytestmark = pytest.mark.domain(40)
RATE = 20
EXIT = 2.0
"""Time that a node may take to end [s]."""
COUNT = 5
STILLS = np.random.default_rng(0).integers(0, 256, (COUNT, 24, 32, 3), np.uint8)
"""What the camera of these tests shows, one after the other."""
ERROR, WARN = b"\x02", b"\x01"


def write_pictures(folder: Path, pictures: np.ndarray = STILLS) -> str:
    """Writes PNG files and returns their pattern."""
    for index, pixels in enumerate(pictures):
        assert cv2.imwrite(str(folder / f"{index}.png"), pixels[..., ::-1])
    return str(folder / "*.png")


def write_robot(folder: Path, width: int = 32, height: int = 24, **options: Any) -> Path:
    """Writes a contract with one camera."""
    camera = Camera("front", "front/image_raw", width, height, RATE, **options)
    path = folder / "robot.yaml"
    contract = replace(load_contract("twin"), cameras=(camera,))
    path.write_text(yaml.safe_dump(to_values(contract)))
    return path


@pytest.fixture
def robot(tmp_path: Path) -> dict[str, Any]:
    """Parameters of a camera node that shows the stills."""
    return {"robot": write_robot(tmp_path), "source": write_pictures(tmp_path)}


def heard(graph: Graph, kind: type, topic: str) -> list[Any]:
    """Messages of a camera, as they come."""
    return graph.listen(kind, topic, profile(SENSOR))


def ros_now(graph: Graph) -> float:
    return 1e-9 * graph.node.get_clock().now().nanoseconds


def still(pixels: np.ndarray) -> int:
    """Which of the stills it is; fails if it is none of them."""
    (found,) = [i for i, other in enumerate(STILLS) if np.array_equal(pixels, other)]
    return found


def test_frames_arrive_as_they_are_with_stamp_and_camera_info(
    graph: Graph, robot: dict[str, Any]
) -> None:
    images, infos = heard(graph, Image, "front/image_raw"), heard(graph, CameraInfo, "front/camera_info")
    process = graph.start("camera_node", **robot)
    wait_for(lambda: len(images) >= 12 and len(infos) >= 12, "frames")
    now, some = ros_now(graph), images[:12]
    shown = [still(convert.pixels_of(image)) for image in some]
    assert [(b - a) % COUNT for a, b in zip(shown, shown[1:])].count(1) >= 9
    stamps = np.array([convert.to_seconds(image.header.stamp) for image in some])
    assert np.median(np.diff(stamps)) == pytest.approx(1 / RATE, rel=0.1)
    assert 0 < now - stamps[-1] < 1
    assert {(image.encoding, image.header.frame_id, image.step) for image in some} == {
        ("rgb8", "front_optical", 96)
    }
    info = infos[0]
    assert (info.width, info.height, info.header.frame_id) == (32, 24, "front_optical")
    assert not np.any(info.k)  # not calibrated
    assert {(i.header.stamp.sec, i.header.stamp.nanosec) for i in infos} & {
        (i.header.stamp.sec, i.header.stamp.nanosec) for i in images
    }
    status, took = graph.end(process, signal.SIGINT)
    assert (status, took < EXIT) == (0, True)


def test_compressed_frames_show_what_the_raw_ones_do(graph: Graph, tmp_path: Path) -> None:
    ramp = np.linspace(0, 255, 32).astype(np.uint8)
    smooth = np.stack([np.roll(np.broadcast_to(ramp[:, None], (24, 32, 3)), i) for i in range(3)])
    robot = write_robot(tmp_path, type="compressed", topic="front/image_raw/compressed")
    images = heard(graph, Image, "front/image_raw")
    jpegs = heard(graph, CompressedImage, "front/image_raw/compressed")
    process = graph.start("camera_node", robot=robot, source=write_pictures(tmp_path, smooth))

    def both() -> list[tuple[Image, CompressedImage]]:
        by_stamp = {convert.to_seconds(m.header.stamp): m for m in list(images)}
        stamped = ((convert.to_seconds(m.header.stamp), m) for m in list(jpegs))
        return [(by_stamp[stamp], m) for stamp, m in stamped if stamp in by_stamp]

    image, jpeg = wait_for(both, "a frame both raw and compressed")[0]
    found, raw = convert.pixels_of_compressed(jpeg), convert.pixels_of(image)
    assert jpeg.format == "jpeg"
    assert np.abs(found.astype(int) - raw).mean() < 4
    status, took = graph.end(process, signal.SIGTERM)
    assert (status, took < EXIT) == (0, True)
