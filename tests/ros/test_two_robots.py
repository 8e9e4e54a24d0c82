"""Two robots in two namespaces on one machine do not touch."""

import numpy as np
import pytest

pytest.importorskip("rclpy")
pytest.importorskip("pybullet")

from sensor_msgs.msg import JointState
from std_msgs.msg import Float64MultiArray
from std_srvs.srv import Trigger

from hardware.contract_file import load_contract
from hardware.ros import convert
from tests.ros.conftest import Graph, wait_for

pytestmark = pytest.mark.domain(24)
ARM = load_contract("twin").joints.arm
SIDES = ("left", "right")


def test_a_request_to_one_robot_moves_it_alone_and_its_stop_stops_it_alone(graph: Graph) -> None:
    for side in SIDES:
        graph.start("arm_node", namespace=side, task="reach")
        graph.start("safety_node", namespace=side, watch_cameras=False)
    states = {side: graph.listen(JointState, f"/{side}/joint_states") for side in SIDES}
    commands = {side: graph.listen(Float64MultiArray, f"/{side}/arm/commands") for side in SIDES}
    ask = {side: graph.node.create_publisher(JointState, f"/{side}/request", 1) for side in SIDES}
    wait_for(lambda: all(states.values()), "both arms")
    wait_for(lambda: all(p.get_subscription_count() for p in ask.values()), "both safety nodes")
    start = {side: np.array(states[side][-1].position[:7]) for side in SIDES}

    def moved(side: str) -> float:
        return float(np.abs(np.array(states[side][-1].position[:7]) - start[side]).max())

    def request(side: str, offset: float) -> None:
        now = 1e-9 * graph.node.get_clock().now().nanoseconds
        ask[side].publish(convert.joint_state(now, ARM, start[side] + offset))

    def left_is_there() -> bool:
        request("left", 0.1)
        return moved("left") > 0.09

    wait_for(left_is_there, "the left arm")
    assert moved("right") < 1e-3
    assert not commands["right"]

    assert graph.call(Trigger, "/left/estop").success

    def right_is_there() -> bool:
        request("left", -0.1)
        request("right", 0.1)
        return moved("right") > 0.09

    wait_for(right_is_there, "the right arm")
    assert moved("left") > 0.08, "stopped, and still where it was"
