"""What is wrong with a robot's topics is said within the time given, by environment and doctor.

One twin runs for all tests; the test node plays its cameras.
"""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import yaml

pytest.importorskip("rclpy")

from sensor_msgs.msg import CameraInfo, CompressedImage, Image, JointState
from std_msgs.msg import Float64MultiArray

from hardware.contract_file import from_values, load_contract, to_values
from hardware.finding import Finding
from hardware.ros import convert
from hardware.ros.qos import profile
from hardware.ros.robot_doctor import examine
from hardware.topics import SENSOR
from robot_rl.environments import make_env
from tests.ros.conftest import Graph, wait_for

DOMAIN, EMPTY_DOMAIN = 60, 61
TIMEOUT = 8.0
"""Time in which a fault must be told. Nodes that miss each other find each other 3 s later, and on
a busy machine that happens twice [s]."""
GRACE = 1.0
"""How much later than ``TIMEOUT`` the error may come [s]."""


class Answer(NamedTuple):
    """What a user is told of one robot."""

    error: str
    late: float
    """How long after its time the error came [s]."""
    findings: dict[str, Finding]


@pytest.fixture(scope="module")
def robot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Graph]:
    one = Graph(DOMAIN)
    path = write(tmp_path_factory.mktemp("robot"), contract_values())
    one.start("arm_node", robot=path)
    one.start("safety_node", robot=path, watch_cameras=False)
    states, reports = (
        one.listen(JointState, "joint_states"),
        one.listen(JointState, "safety/report"),
    )
    wait_for(lambda: states and reports, "the twin")
    yield one
    one.close()


def contract_values(*cameras: dict[str, Any]) -> dict[str, Any]:
    """A twin at low rates, patient enough for a loaded machine."""
    values = to_values(load_contract("twin"))
    values["rates"] |= {"stream": 100.0, "state": 20.0}
    for part in values["state"].values():
        if part is not None:
            part |= {"max_age": 5.0, "rate": 10.0}
    usual = {"width": 32, "height": 24, "rate": 5.0, "max_age": 5.0}
    return values | {"extra": [], "cameras": [usual | camera for camera in cameras]}


def named(name: str, **values: Any) -> dict[str, Any]:
    """A camera in a contract."""
    return {"name": name, "topic": f"{name}/image_raw", **values}


def write(folder: Path, values: dict[str, Any]) -> Path:
    path = folder / "robot.yaml"
    path.write_text(yaml.safe_dump(values))
    return path


@contextmanager
def camera(
    robot: Graph, name: str, kind: type = Image, silent: bool = False, info: bool = True
) -> Iterator[None]:
    """The test node publishes a camera at 10 Hz, best effort, and its ``camera_info`` or not."""
    topics = ((CameraInfo, f"{name}/camera_info"),) if info else ()
    infos = [robot.node.create_publisher(kind, topic, 1) for kind, topic in topics]
    publisher = robot.node.create_publisher(kind, f"{name}/image_raw", profile(SENSOR))
    blank = np.zeros((24, 32, 3), np.uint8)
    make = convert.image if kind is Image else convert.compressed

    def publish() -> None:
        now = 1e-9 * robot.node.get_clock().now().nanoseconds
        publisher.publish(make(now, name, blank))

    timer = robot.node.create_timer(0.1, (lambda: None) if silent else publish)
    yield
    robot.node.destroy_timer(timer)
    for one in (publisher, *infos):
        robot.node.destroy_publisher(one)


def ask(
    folder: Path, values: dict[str, Any], namespace: str = "", timeout: float = TIMEOUT
) -> Answer:
    """What environment and doctor say, both at once."""

    def visit() -> list[Finding]:
        return list(examine(from_values(values), "my.yaml", namespace, timeout - 1))

    options: dict[str, Any] = {
        "robot": str(write(folder, values)),
        "task": "",
        "namespace": namespace,
    }
    cameras = tuple(camera["name"] for camera in values["cameras"])
    with (
        ThreadPoolExecutor() as pool,
        make_env("robot", cameras=cameras, timeout=timeout, **options) as env,
    ):
        findings = pool.submit(visit)
        began, error = time.monotonic(), ""
        try:
            env.reset()
        except ConnectionError as raised:
            error = str(raised)
        late = time.monotonic() - began - timeout
        return Answer(error, late, {finding.subject: finding for finding in findings.result()})


def check(answer: Answer, subject: str, *told: str) -> str:
    """Both name the fault, in time, and what to do, which is returned."""
    assert answer.late < GRACE
    finding = answer.findings[subject]
    assert finding.status == "problem"
    assert finding.remedy
    for part in (*told, finding.remedy):
        assert part in answer.error
    for part in told:
        assert part in finding.detail
    return finding.remedy


def test_of_a_whole_robot_nobody_complains(robot: Graph, tmp_path: Path) -> None:
    with camera(robot, "front"):
        answer = ask(tmp_path, contract_values(named("front")))
    assert answer.error == ""
    assert [f for f in answer.findings.values() if f.status == "problem"] == []
    assert {"joint_states", "wrench", "images/front", "command", "safety"} <= set(answer.findings)


def test_two_publishers_of_commands(robot: Graph, tmp_path: Path) -> None:
    second = robot.node.create_publisher(Float64MultiArray, "arm/commands", 1)
    with camera(robot, "front"):
        answer = ask(tmp_path, contract_values(named("front")))
    robot.node.destroy_publisher(second)
    kind = "std_msgs/msg/Float64MultiArray, reliable, volatile"
    told = f"2 publishers on /arm/commands (/safety, /test; {kind}), expected 1"
    remedy = check(answer, "command", told)
    assert remedy == "only the safety node may command the arm: end the others"
    assert "front" not in answer.error


def test_an_arm_that_is_not_there(
    robot: Graph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROS_DOMAIN_ID", str(EMPTY_DOMAIN))
    answer = ask(tmp_path, contract_values(), timeout=1.5)
    state = "sensor_msgs/msg/JointState, best_effort, volatile"
    check(answer, "joint_states", f"nobody publishes /joint_states ({state})")
    command = "std_msgs/msg/Float64MultiArray, reliable, volatile"
    check(answer, "command", f"nobody listens to /arm/commands ({command})")
    check(answer, "safety", "nobody listens to /request (sensor_msgs/msg/JointState")


def test_a_robot_in_another_namespace(robot: Graph, tmp_path: Path) -> None:
    answer = ask(tmp_path, contract_values(), namespace="left")
    remedy = check(answer, "joint_states", "nobody publishes /left/joint_states")
    assert remedy == "give the robot's namespace: there is /joint_states"


@pytest.fixture(scope="module")
def spoilt(robot: Graph, tmp_path_factory: pytest.TempPathFactory) -> Answer:
    """Of a robot where everything is wrong that can be."""
    values = contract_values(
        named("silent"),
        named("compressed"),
        named("reliable", qos={"reliability": "reliable"}),
        named("large", width=64),
        named("bare"),
    )
    values["joints"]["gripper"] = ["left_finger", "right_finger"]
    with ExitStack() as cameras:
        cameras.enter_context(camera(robot, "silent", silent=True))
        cameras.enter_context(camera(robot, "compressed", CompressedImage))
        cameras.enter_context(camera(robot, "reliable"))
        cameras.enter_context(camera(robot, "large"))
        cameras.enter_context(camera(robot, "bare", info=False))
        return ask(tmp_path_factory.mktemp("spoilt"), values)


def test_a_camera_that_never_publishes(spoilt: Answer) -> None:
    topic = "/silent/image_raw is published by /test as expected"
    expected = "sensor_msgs/msg/Image, best_effort, volatile"
    remedy = check(spoilt, "images/silent", f"{topic} ({expected})", "has not come yet")
    assert remedy == "see what /test says of itself"


def test_a_camera_of_another_type(spoilt: Answer) -> None:
    remedy = check(
        spoilt,
        "images/compressed",
        "/compressed/image_raw is published by /test as sensor_msgs/msg/CompressedImage, best_effo",
        "expected sensor_msgs/msg/Image, best_effort, volatile",
    )
    assert remedy == "correct type or topic of cameras[1] in the contract"


def test_a_camera_that_publishes_best_effort_where_the_contract_says_reliable(
    spoilt: Answer,
) -> None:
    remedy = check(
        spoilt,
        "images/reliable",
        "/reliable/image_raw is published by /test as sensor_msgs/msg/Image, best_effort, volatile",
        "expected sensor_msgs/msg/Image, reliable, volatile",
    )
    assert remedy == "write qos: {reliability: best_effort} at cameras[2] of the contract"


def test_a_camera_of_another_size(spoilt: Answer) -> None:
    check(spoilt, "images/large", "/large/image_raw: ", "is 32 x 24, the contract says 64 x 24")


def test_a_camera_without_camera_info_which_the_safety_node_would_wait_for(spoilt: Answer) -> None:
    kind = "sensor_msgs/msg/CameraInfo"
    remedy = check(spoilt, "images/bare", f"nobody publishes /bare/camera_info ({kind})")
    assert remedy == "name the camera's own, or give the safety node watch_cameras: false"


def test_joints_of_other_names(spoilt: Answer) -> None:
    lacks = "/joint_states: JointState lacks left_finger, right_finger; it has joint1, joint2"
    remedy = check(spoilt, "joint_states", lacks)
    assert "correct the contract's joints" in remedy
