"""What is sent to an arm while it is not active moves it neither then nor later."""

import time

import numpy as np
import pytest

pytest.importorskip("rclpy")
pytest.importorskip("pybullet")

from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64MultiArray

from tests.ros.conftest import Graph, wait_for

pytestmark = pytest.mark.domain(25)


def change(graph: Graph, transition: int) -> None:
    request = ChangeState.Request(transition=Transition(id=transition))
    assert graph.call(ChangeState, "arm/change_state", request).success


def test_a_gripper_follows_only_what_is_sent_while_the_arm_is_active(graph: Graph) -> None:
    graph.start("arm_node", task="reach", autostart=False)
    states = graph.listen(JointState, "joint_states")
    change(graph, Transition.TRANSITION_CONFIGURE)
    grip = graph.node.create_publisher(Float64MultiArray, "gripper/commands", 1)
    wait_for(grip.get_subscription_count, "the arm")
    opened = Float64MultiArray(data=[0.04])
    grip.publish(opened)
    change(graph, Transition.TRANSITION_ACTIVATE)
    wait_for(lambda: len(states) > 50, "half a second of states")
    fingers = np.array([state.position[7:] for state in states])
    assert fingers.max() < 0.001
    end = time.monotonic() + 20
    while states[-1].position[7] < 0.03 and time.monotonic() < end:
        grip.publish(opened)
        time.sleep(0.05)
    assert states[-1].position[7] > 0.03
