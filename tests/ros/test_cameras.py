"""Camera nodes as processes; the test listens to their topics, as any other node would."""

import functools
import itertools
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
from robot_rl.depth import distance_of, grey_of
from sim.environments import make_twin_view
from tests.ros.conftest import PATIENCE, Graph, wait_for

pytestmark = pytest.mark.domain(40)
RATE = 20
EXIT = 2.0
"""Time that a node may take to end [s]."""
COUNT = 5
STILLS = np.random.default_rng(0).integers(0, 256, (COUNT, 24, 32, 3), np.uint8)
"""What the camera of these tests shows, one after the other."""
OK, WARN, ERROR, STALE = b"\x00", b"\x01", b"\x02", b"\x03"


def write_pictures(folder: Path, pictures: np.ndarray = STILLS) -> str:
    """Writes PNG files and returns their pattern."""
    for index, pixels in enumerate(pictures):
        assert cv2.imwrite(str(folder / f"{index}.png"), pixels[..., ::-1])
    return str(folder / "*.png")


def write_robot(folder: Path, **options: Any) -> Path:
    """Writes a contract with one camera."""
    usual = {"topic": "front/image_raw", "width": 32, "height": 24, "rate": RATE}
    contract = replace(load_contract("twin"), cameras=(Camera("front", **(usual | options)),))
    path = folder / "robot.yaml"
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
    images, infos = (
        heard(graph, Image, "front/image_raw"),
        heard(graph, CameraInfo, "front/camera_info"),
    )
    process = graph.start("camera_node", **robot)
    wait_for(lambda: len(images) >= 12 and len(infos) >= 12, "frames")
    now, some = ros_now(graph), images[:12]
    shown = [still(convert.pixels_of(image)) for image in some]
    assert [(b - a) % COUNT for a, b in itertools.pairwise(shown)].count(1) >= 9
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
    ramp = np.linspace(0, 255, 32).astype(np.uint8)[:, None]
    smooth = np.stack(
        [np.broadcast_to(np.roll(ramp, 8 * i, axis=0), (24, 32, 3)) for i in range(3)]
    )
    robot = write_robot(tmp_path, type="compressed", topic="front/image_raw/compressed")
    images = heard(graph, Image, "front/image_raw")
    jpegs = heard(graph, CompressedImage, "front/image_raw/compressed")
    process = graph.start("camera_node", robot=robot, source=write_pictures(tmp_path, smooth))

    def both() -> list[tuple[Image, CompressedImage]]:
        by_stamp = {convert.to_seconds(m.header.stamp): m for m in list(images)}
        stamped = ((convert.to_seconds(m.header.stamp), m) for m in list(jpegs))
        return [(by_stamp[stamp], m) for stamp, m in stamped if stamp in by_stamp]

    image, jpeg = wait_for(both, "a frame both raw and compressed")[0]
    with pytest.raises(ValueError, match="cannot be read; let its driver publish jpeg or png"):
        convert.pixels_of_compressed(CompressedImage(format="jpeg"))
    error = convert.pixels_of_compressed(jpeg).astype(int) - convert.pixels_of(image)
    assert np.abs(error).mean() < 8
    status, took = graph.end(process, signal.SIGTERM)
    assert (status, took < EXIT) == (0, True)


def health(graph: Graph, node: str) -> list[Any]:
    """What a node says of itself, as it comes."""
    statuses: list[Any] = []

    def receive(message: DiagnosticArray) -> None:
        statuses.extend(status for status in message.status if status.name == node)

    graph.node.create_subscription(DiagnosticArray, "/diagnostics", receive, 10)
    return statuses


def told(statuses: list[Any], level: bytes, words: str) -> bool:
    return any(status.level == level and words in status.message for status in list(statuses))


def test_a_lost_source_is_an_error_until_it_is_back(
    graph: Graph, robot: dict[str, Any], tmp_path: Path
) -> None:
    statuses, images = health(graph, "/camera"), heard(graph, Image, "front/image_raw")
    process = graph.start("camera_node", **robot)
    wait_for(lambda: images, "frames")
    for path in tmp_path.glob("*.png"):
        path.unlink()
    wait_for(lambda: told(statuses, ERROR, ".png"), "an error that names the file")
    before = len(images)
    write_pictures(tmp_path)
    wait_for(lambda: len(images) > before, "frames again")
    assert process.poll() is None
    wait_for(lambda: statuses[-1].level == OK, "no complaint any more")
    assert {value.key: value.value for value in statuses[-1].values}["source/lost"] == "1"


def test_a_source_of_another_size_ends_the_node_with_both_sizes(
    graph: Graph, robot: dict[str, Any], tmp_path: Path
) -> None:
    robot["robot"] = write_robot(tmp_path, width=640, height=480)
    process = graph.start("camera_node", **robot)
    out, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    assert "32 x 24, the contract says 640 x 480" in out
    assert "Traceback" not in out


def test_frames_come_only_while_the_node_is_active(graph: Graph, robot: dict[str, Any]) -> None:
    images, statuses = heard(graph, Image, "front/image_raw"), health(graph, "/camera")
    graph.start("camera_node", autostart=False, **robot)
    change = functools.partial(graph.call, ChangeState, "/camera/change_state")

    def transition(number: int) -> bool:
        return change(ChangeState.Request(transition=Transition(id=number))).success

    assert transition(Transition.TRANSITION_CONFIGURE)
    wait_for(lambda: told(statuses, STALE, "not active"), "an inactive camera")
    assert images == []
    assert transition(Transition.TRANSITION_ACTIVATE)
    wait_for(lambda: images, "frames")
    assert transition(Transition.TRANSITION_DEACTIVATE)
    assert transition(Transition.TRANSITION_CLEANUP)
    assert transition(Transition.TRANSITION_CONFIGURE)
    assert transition(Transition.TRANSITION_ACTIVATE)
    before = len(images)
    wait_for(lambda: len(images) > before, "frames of the second time")


def test_large_frames_are_complained_of_only_without_a_dds_profile(
    graph: Graph, tmp_path: Path
) -> None:
    large = np.zeros((1, 480, 640, 3), np.uint8)
    robot = write_robot(tmp_path, width=640, height=480)
    options = {"robot": robot, "source": write_pictures(tmp_path, large)}
    words, processes, statuses = "900 KiB, more than the 512 KiB", {}, {}
    for name, file in (("without", ""), ("with", str(PROFILE))):
        graph.environment[VARIABLE] = file
        statuses[name] = health(graph, f"/{name}")
        processes[name] = graph.start("camera_node", f"__node:={name}", **options)
    for found in statuses.values():
        wait_for(lambda found=found: any(map(measured, list(found))), "health")
    assert told(statuses["without"], WARN, words)
    assert not told(statuses["with"], WARN, words)
    for name, process in processes.items():
        graph.end(process)
        out, _ = process.communicate(timeout=PATIENCE)
        assert (words in out) is (name == "without")


def measured(status: Any) -> bool:
    """Whether the node was active when it said so."""
    return any(value.key == "front/age [ms]" for value in status.values)


def shown(images: list[Image], scenes: list[JointState]) -> tuple[Image, np.ndarray] | None:
    """A picture and the scene of its stamp; float64 resolves a quarter of a microsecond."""
    by_stamp = {round(1e5 * convert.to_seconds(m.header.stamp)): m for m in list(scenes)}
    for image in list(images):
        scene = by_stamp.get(round(1e5 * convert.to_seconds(image.header.stamp)))
        if scene is not None:
            return image, np.array(scene.position)
    return None


def test_a_depth_camera_of_the_twin_tells_millimetres(graph: Graph) -> None:
    scenes = graph.listen(JointState, "scene", 100)
    images = heard(graph, Image, "wrist/depth/image_raw")
    graph.start("arm_node", robot="twin_depth")
    graph.start("twin_camera_node", robot="twin_depth", cameras="[wrist_depth]")
    image, scene = wait_for(functools.partial(shown, images, scenes), "a picture and its scene")
    assert (image.encoding, image.step, len(image.data)) == ("16UC1", 128, 8192)
    told = np.frombuffer(image.data, "<u2").reshape(64, 64)
    assert 100 < np.median(told) < 500
    with make_twin_view("peg_insert") as view:
        stamp = convert.to_seconds(image.header.stamp)
        grey = view.take("wrist_depth", (64, 64), stamp, scene).pixels
    np.testing.assert_array_equal(convert.grey_of(image), grey)
    np.testing.assert_allclose(told, 1e3 * distance_of(grey), atol=0.51)


def test_distances_come_in_millimetres_and_metres_of_either_order() -> None:
    metres = np.array([[0.25, 0.5, 0.0], [1.0, np.nan, 3.0]])
    millimetres, expected = np.nan_to_num(1e3 * metres), grey_of(metres)
    for big, order in ((0, "<"), (1, ">")):
        for encoding, values in (
            ("16UC1", millimetres.astype(f"{order}u2")),
            ("32FC1", metres.astype(f"{order}f4")),
        ):
            rows = np.hstack([values.view(np.uint8).reshape(2, -1), np.zeros((2, 5), np.uint8)])
            said = {"encoding": encoding, "is_bigendian": big, "step": rows.shape[1]}
            image = Image(height=2, width=3, data=rows.tobytes(), **said)
            np.testing.assert_array_equal(convert.grey_of(image), expected)
    with pytest.raises(ValueError, match="'rgb8'; let its driver publish one of 16UC1, 32FC1"):
        convert.grey_of(convert.image(0.0, "", expected))
    with pytest.raises(ValueError, match="'16UC1'; let its driver publish one of rgb8, bgr8"):
        convert.pixels_of(convert.depth_image(0.0, "", expected))


@pytest.mark.parametrize("speed", [1.0, 0.5])
def test_the_twin_draws_the_scene_of_the_stamp(graph: Graph, speed: float) -> None:
    scenes = graph.listen(JointState, "scene", 100)
    images = {name: heard(graph, Image, f"{name}/image_raw") for name in ("front", "wrist")}
    infos = heard(graph, CameraInfo, "front/camera_info")
    graph.start("arm_node", speed=speed)
    process = graph.start("twin_camera_node", use_sim_time=speed != 1)
    wait_for(lambda: min(map(len, images.values())) >= 12 and infos, "pictures of both cameras")
    with make_twin_view("peg_insert") as view:
        for name, pictures in images.items():
            found = functools.partial(shown, pictures, scenes)
            image, scene = wait_for(found, f"picture of {name} and its scene")
            stamp = convert.to_seconds(image.header.stamp)
            drawn = view.take(name, (128, 128), stamp, scene).pixels
            np.testing.assert_array_equal(convert.pixels_of(image), drawn)
        assert infos[0].k[4] == pytest.approx(64 / math.tan(0.5 * view.fovy("front")))
    stamps = [convert.to_seconds(image.header.stamp) for image in images["front"]]
    assert 0.035 < np.median(np.diff(stamps)) < 0.11  # neither each scene nor the wall's clock
    status, took = graph.end(process, signal.SIGTERM)
    assert (status, took < EXIT) == (0, True)


def test_when_the_arm_ends_no_picture_comes_twice_and_the_cameras_say_so(graph: Graph) -> None:
    images, statuses = heard(graph, Image, "front/image_raw"), health(graph, "/twin_camera")
    arm = graph.start("arm_node")
    graph.start("twin_camera_node", cameras="[front]")
    wait_for(lambda: len(images) > 2, "pictures")
    graph.end(arm)
    wait_for(lambda: told(statuses, WARN, "front is silent"), "a complaint")
    stamps = [convert.to_seconds(image.header.stamp) for image in images]
    assert len(set(stamps)) == len(stamps)


def test_another_task_than_the_arms_ends_the_cameras_with_an_answer(graph: Graph) -> None:
    process = graph.start("twin_camera_node", task="reach")
    scenes = graph.node.create_publisher(JointState, "scene", 10)

    def ended() -> bool:
        scenes.publish(convert.joint_state(ros_now(graph), (), np.zeros(3)))
        return process.poll() is not None

    wait_for(ended, "the end of the cameras")
    out, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    assert "start twin and cameras with the same task" in out


@pytest.mark.parametrize(
    ("topic", "kind", "topics"),
    [
        ("front/image_raw", "raw", ("front/image_raw", "front/image_raw/compressed", "front")),
        ("front/image/jpeg", "compressed", ("front/image", "front/image/jpeg", "front")),
        ("picture", "raw", ("picture", "picture/compressed", "front")),
        ("jpeg", "compressed", ("front/image_raw", "jpeg", "front")),
    ],
)
def test_each_camera_has_a_raw_a_compressed_and_an_info_topic(
    topic: str, kind: Any, topics: tuple[str, str, str]
) -> None:
    found = Topics.of(Camera("front", topic, 32, 24, RATE, type=kind))
    assert found == (*topics[:2], f"{topics[2]}/camera_info")
