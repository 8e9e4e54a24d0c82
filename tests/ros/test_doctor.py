"""``robot-rl doctor --robot``: the real twin, whole and broken, and where nobody is."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

pytest.importorskip("rclpy")

from geometry_msgs.msg import WrenchStamped
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64MultiArray
from std_srvs.srv import Trigger

from hardware.contract_file import from_values, load_contract, to_values
from hardware.finding import Finding
from hardware.ros import convert
from hardware.ros.qos import profile
from hardware.ros.robot_doctor import examine
from hardware.topics import SENSOR
from robot_rl.cli import main
from tests.ros.conftest import Graph, wait_for

DOMAIN, OTHER_DOMAIN = 63, 64
SECONDS = 3.0


@pytest.fixture(scope="module")
def twin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Graph]:
    """Arm, camera and safety node, as ``robot-rl up`` starts them."""
    one = Graph(DOMAIN)
    robot = write(tmp_path_factory.mktemp("twin"), contract_values())
    for module in ("arm_node", "twin_camera_node", "safety_node"):
        one.start(module, robot=robot, namespace="left")
    reports = one.listen(JointState, "/left/safety/report")
    wait_for(lambda: reports, "the safety node")
    yield one
    one.close()


@pytest.fixture
def other(monkeypatch: pytest.MonkeyPatch) -> Iterator[Graph]:
    """A domain where the test node is all there is."""
    monkeypatch.setenv("ROS_DOMAIN_ID", str(OTHER_DOMAIN))
    one = Graph(OTHER_DOMAIN)
    yield one
    one.close()


def contract_values(**values: Any) -> dict[str, Any]:
    """The twin at low rates."""
    twin = to_values(load_contract("twin"))
    twin["rates"] |= {"stream": 100.0, "state": 20.0}
    twin["cameras"] = [camera | {"width": 64, "height": 64} for camera in twin["cameras"]]
    return twin | values


def patient() -> dict[str, Any]:
    """The same twin for a doctor on a loaded machine: it declares less than the nodes do."""
    values = contract_values()
    for part in (*values["state"].values(), *values["cameras"], *values["extra"]):
        if part is not None:
            part |= {"rate": 4.0, "max_age": 5.0}
    return values


def write(folder: Path, values: dict[str, Any]) -> Path:
    path = folder / "robot.yaml"
    path.write_text(yaml.safe_dump(values))
    return path


def visit(values: dict[str, Any], namespace: str = "") -> dict[str, Finding]:
    return {f.subject: f for f in examine(from_values(values), "my.yaml", namespace, SECONDS)}


def test_of_a_whole_twin_every_line_is_ok(twin: Graph) -> None:
    findings: dict[str, Finding] = {}
    nodes = {f"node /left/{node}" for node in ("arm", "safety", "twin_camera")}

    def all_is_ok() -> bool:
        """On a loaded machine nodes find each other, and pictures get drawn, late."""
        findings.clear()
        findings.update(visit(patient(), "left"))
        wrong = [finding for finding in findings.values() if finding.status != "ok"]
        return not wrong and nodes <= set(findings)

    wait_for(all_is_ok, "a table without a problem")
    for name in ("joint_states", "wrench", "extra/block", "images/front", "images/wrist"):
        assert " of 4 Hz, newest " in findings[name].detail
    assert "/left/arm" in findings["nodes"].detail
    assert "/left/arm/commands by /left/safety, heard by 1" in findings["command"].detail
    assert "/left/arm takes the order" in findings["joint order"].detail
    assert "not stopped" in findings["safety"].detail


@pytest.fixture(scope="module")
def stopped(twin: Graph) -> dict[str, Finding]:
    """What is found while the twin is stopped, and by who expects its wrench more often."""
    values = patient()
    values["state"]["wrench"]["rate"] = 200.0
    twin.call(Trigger, "/left/estop")
    findings = visit(values, "left")
    twin.call(Trigger, "/left/reset")
    return findings


def test_a_stopped_twin_is_told_with_the_service_that_frees_it(
    stopped: dict[str, Finding],
) -> None:
    assert stopped["safety"].status == "problem"
    assert "STOP" in stopped["safety"].detail
    assert "/left/reset" in stopped["safety"].remedy
    assert stopped["node /left/safety"].status == "problem"


def test_the_measured_rate_is_compared_with_the_declared_one(stopped: dict[str, Finding]) -> None:
    assert stopped["joint_states"].status == "ok"
    assert stopped["wrench"].status == "problem"
    assert "of 200 Hz" in stopped["wrench"].detail
    assert "correct the contract's rate" in stopped["wrench"].remedy


def test_clocks_apart_and_joints_in_another_order(other: Graph) -> None:
    values: dict[str, Any] = patient() | {"cameras": [], "extra": [], "gripper": None}
    joints, order = [*values["joints"]["arm"], "lamp"], values["joints"]["arm"][::-1]
    values["joints"]["gripper"] = []
    node, sensor = other.node, profile(SENSOR)
    states = node.create_publisher(JointState, "joint_states", sensor)
    wrench = node.create_publisher(WrenchStamped, "wrench", sensor)
    node.create_subscription(Float64MultiArray, "arm/commands", lambda _: None, 1)
    node.declare_parameter("joints", order)

    def publish() -> None:
        now = 1e-9 * node.get_clock().now().nanoseconds
        states.publish(convert.joint_state(now + 60, joints, np.zeros(8)))
        wrench.publish(convert.wrench_stamped(now - 1.7e9, "link0", np.zeros(6)))

    node.create_timer(0.05, publish)
    findings = visit(values)
    ahead, simulated = findings["joint_states"], findings["wrench"]
    assert (ahead.status, simulated.status) == ("problem", "problem")
    assert "stamps 60.0 s ahead of our clock" in ahead.detail
    assert "(further joints: lamp)" in ahead.detail
    assert "chrony" in ahead.remedy
    assert "use_sim_time" in simulated.remedy
    assert findings["joint order"].status == "problem"
    assert f"/test takes {', '.join(order)}" in findings["joint order"].detail
    assert "nobody listens to /request" in findings["safety"].detail


def test_a_robot_in_simulated_time_is_measured_by_its_own_clock(other: Graph) -> None:
    values: dict[str, Any] = patient() | {"cameras": [], "extra": []}
    values["state"]["wrench"] = None
    joints, began = [*values["joints"]["arm"], *values["joints"]["gripper"]], time.monotonic()
    states = other.node.create_publisher(JointState, "joint_states", profile(SENSOR))
    clock = other.node.create_publisher(Clock, "/clock", profile(SENSOR))

    def publish() -> None:
        now = 5.0 + 2.0 * (time.monotonic() - began)
        clock.publish(Clock(clock=convert.to_stamp(now)))
        states.publish(convert.joint_state(now, joints, np.zeros(9)))

    other.node.create_timer(0.02, publish)
    findings = visit(values)
    assert "simulated: /clock by /test" in findings["time"].detail
    speed = float(findings["time"].detail.partition("/test, ")[2].split()[0])
    assert speed == pytest.approx(2.0, abs=0.3)
    assert findings["joint_states"].status == "ok"


def test_without_a_robot_the_command_says_that_nobody_publishes_and_fails(
    other: Graph, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["doctor", "--robot", "twin", "--namespace", "left", "--seconds", "0.5"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("ok       python: ") for line in lines)
    problems = {line.split()[1]: line for line in lines if line.startswith("problem")}
    for name, topic in (("joint_states:", "joint_states"), ("images/front:", "front/image_raw")):
        assert f"nobody publishes /left/{topic} (" in problems[name]
        assert "; to do: " in problems[name]
    assert "nobody listens to /left/arm/commands" in problems["command:"]
