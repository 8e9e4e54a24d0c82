"""An arm goes home through its safety node, commanded by joints or by poses of its tool."""

import numpy as np
import pytest

pytest.importorskip("rclpy")
pytest.importorskip("pybullet")

from sensor_msgs.msg import JointState
from std_srvs.srv import Trigger

from hardware.arm_model import kinematics_of
from hardware.contract_file import load_contract
from robot_rl.cli import main
from tests.ros.conftest import Graph, wait_for

pytestmark = pytest.mark.domain(23)
HOME = np.array(load_contract("twin").home.q)


def joints(graph: Graph) -> np.ndarray:
    """Of the arm, as they are now. Shape (7,) [rad]."""
    states = graph.listen(JointState, "joint_states")
    wait_for(lambda: states, "joint states")
    return np.array(states[-1].position[:7])


def test_an_arm_of_joints_goes_home_and_not_while_it_is_stopped(
    graph: Graph, capsys: pytest.CaptureFixture[str]
) -> None:
    graph.start("arm_node", task="reach")
    graph.start("safety_node", watch_cameras=False)
    words = ["home", "--timeout", "20"]
    assert graph.call(Trigger, "estop").success
    before = joints(graph)
    assert np.abs(before - HOME).max() > 0.05
    assert main(words) == 1
    assert "twin was stopped" in capsys.readouterr().err
    assert np.abs(joints(graph) - before).max() < 1e-3
    assert graph.call(Trigger, "reset").success
    assert main(words) == 0
    assert "twin is at its home" in capsys.readouterr().out
    assert np.abs(joints(graph) - HOME).max() < 0.02


def test_an_arm_of_poses_brings_its_tool_home(graph: Graph) -> None:
    graph.start("arm_node", task="reach")
    graph.start("controller_node", robot="twin_cartesian")
    graph.start("safety_node", robot="twin_cartesian", watch_cameras=False)
    arm = kinematics_of(load_contract("twin"))
    assert arm is not None
    home = arm.pose(HOME)[:3, 3]
    assert np.linalg.norm(arm.pose(joints(graph))[:3, 3] - home) > 0.03
    assert main(["home", "--robot", "twin_cartesian", "--timeout", "20"]) == 0
    assert np.linalg.norm(arm.pose(joints(graph))[:3, 3] - home) < 0.015
