"""Twin and safety node, two processes; the test plays the policy."""

import numpy as np
import pytest

pytest.importorskip("rclpy")

from sensor_msgs.msg import JointState
from std_msgs.msg import Float64MultiArray

from hardware.ros import convert
from tests.ros.conftest import Graph, wait_for

pytestmark = pytest.mark.domain(30)
ARM = [f"joint{i}" for i in range(1, 8)]


def test_a_request_moves_the_arm(graph: Graph) -> None:
    graph.start("arm_node")
    graph.start("safety_node", watch_cameras=False)
    states = graph.listen(JointState, "joint_states")
    commands = graph.listen(Float64MultiArray, "arm/commands", 1)
    wait_for(lambda: states, "joint states")
    q = np.array(states[-1].position[:7])
    publisher = graph.node.create_publisher(JointState, "request", 1)
    wait_for(publisher.get_subscription_count, "the safety node")
    target = q + 0.05

    def there() -> bool:
        now = 1e-9 * graph.node.get_clock().now().nanoseconds
        publisher.publish(convert.joint_state(now, ARM, target))
        return bool(np.abs(np.array(states[-1].position[:7]) - target).max() < 0.01)

    wait_for(there, "the arm at its target")
    assert commands
