"""The twin behind our Cartesian controller, over real DDS; the test plays the policy."""

import signal
from itertools import cycle
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy")

from geometry_msgs.msg import PoseStamped
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64MultiArray

from hardware.contract_file import load_contract
from hardware.ros import convert
from hardware.safety import POSE_NAMES
from tests.ros.conftest import Graph, wait_for
from tests.ros.safety_rig import repeated

pytestmark = pytest.mark.domain(57)
ROBOT = load_contract("twin_cartesian")


class Robot:
    """Arm and controller in their processes, and what they say."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.arm = graph.start("arm_node")
        self.controller = graph.start("controller_node")
        self.states: list[Any] = graph.listen(JointState, "joint_states")
        self.poses: list[Any] = graph.listen(PoseStamped, "current_pose")
        self.commands: list[Any] = graph.listen(Float64MultiArray, "arm/commands", 100)
        wait_for(lambda: self.poses, "the pose of the tool")

    def pose(self) -> np.ndarray:
        return convert.vector_of_pose(self.poses[-1].pose)

    def now(self) -> float:
        return 1e-9 * self.graph.node.get_clock().now().nanoseconds

    def place(self) -> np.ndarray:
        return self.pose()[:3]

    def rests(self) -> bool:
        return bool(np.abs(self.states[-1].velocity[:7]).max() < 2e-3)

    def await_messages(self, seconds: float) -> None:
        """Until the joints have been told for so long."""
        end = self.now() + seconds
        wait_for(
            lambda: convert.to_seconds(self.states[-1].header.stamp) > end, "further joint states"
        )


@pytest.fixture
def robot(graph: Graph) -> Robot:
    return Robot(graph)


def test_a_request_moves_the_tool_there_and_the_arm_holds_when_requests_and_poses_end(
    robot: Robot,
) -> None:
    way = np.r_[0.05, 0.08, 0.06, np.zeros(4)]
    ways = cycle((way, -way))
    assert repeated(1, lambda: _goes_there_and_holds(robot, next(ways))) == [True]


def _goes_there_and_holds(robot: Robot, way: np.ndarray) -> bool | None:
    """Whether it is so; None if the controller had no processor, and left the arm to its driver."""
    safety = robot.graph.start("safety_node", robot="twin_cartesian", watch_cameras=False)
    publisher = robot.graph.node.create_publisher(JointState, "request", 1)
    wait_for(publisher.get_subscription_count, "the safety node")
    goal = robot.pose() + way

    def there() -> bool:
        """Asks for the next 3 cm, as a policy does from what it observes."""
        rest = goal[:3] - robot.place()
        step = rest * min(1.0, 0.03 / np.linalg.norm(rest))
        wanted = np.r_[robot.place() + step, goal[3:]]
        publisher.publish(convert.joint_state(robot.now(), POSE_NAMES, wanted))
        return bool(np.linalg.norm(rest) < 0.003) and robot.rests()

    wait_for(there, "the tool at rest within 3 mm of what was asked")
    robot.graph.end(safety, signal.SIGKILL)
    robot.graph.node.destroy_publisher(publisher)
    robot.await_messages(0.3)
    wait_for(robot.rests, "the arm at rest")
    held, sent = robot.place(), len(robot.commands)
    # One that is killed while it writes keeps its peers waiting for a second.
    robot.await_messages(1.5)
    assert np.linalg.norm(robot.place() - held) < 0.0005
    assert np.linalg.norm(held - goal[:3]) < 0.005
    commands = np.array([message.data for message in robot.commands[sent:]])
    if len(commands) < 20:
        return None
    return bool(np.abs(commands - robot.states[-1].position[:7]).max() < 0.01)


def test_a_jump_of_the_pose_does_not_jump_the_joints_and_silent_joints_end_the_commands(
    robot: Robot,
) -> None:
    command = ROBOT.command
    publisher = robot.graph.node.create_publisher(PoseStamped, command.topic, 1)
    wait_for(publisher.get_subscription_count, "the controller")
    start = robot.pose()
    goal = start + np.r_[0.05, -0.25, 0.1, np.zeros(4)]

    def ask(pose: np.ndarray) -> None:
        publisher.publish(convert.pose_stamped(robot.now(), ROBOT.frames.base, pose))

    def taken_up() -> bool:
        ask(start)
        return len(robot.commands) > 0

    def there() -> bool:
        if robot.rests():  # not taken up yet, or no more, for the test itself came late
            ask(robot.pose())
        ask(goal)
        return bool(np.linalg.norm(robot.place() - goal[:3]) < 0.003)

    wait_for(taken_up, "the arm taken up")
    wait_for(there, "the tool at its far target")
    robot.arm.send_signal(signal.SIGSTOP)
    wait_for(lambda: _silent(robot), "the end of the commands")
    commands = np.array([message.data for message in robot.commands])
    steps = np.abs(np.diff(commands, axis=0)) * ROBOT.rates.stream / ROBOT.limits.dq
    print(f"longest step of a joint: {steps.max():.2f} periods at its fastest")
    # Who comes late makes up for one period; the rest is for messages that were lost to us.
    assert steps.max() < 8
    assert np.abs(commands[-1] - commands[0]).max() > 0.3
    first = np.abs(commands[0] - robot.states[0].position[:7])
    assert first.max() < 0.01


def _silent(robot: Robot) -> bool:
    """Whether a quarter of a second brings no command."""
    count, end = len(robot.commands), robot.now() + 0.25
    wait_for(lambda: robot.now() > end, "time")
    return len(robot.commands) == count
