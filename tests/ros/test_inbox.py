"""Topics that a loop takes itself, over real DDS."""

import functools
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy")

from rclpy.qos import QoSProfile
from rclpy.serialization import deserialize_message
from sensor_msgs.msg import JointState
from std_msgs.msg import Int64

from hardware.contract_file import load_contract
from hardware.ros import convert
from hardware.ros.inbox import Inbox
from hardware.ros.state_listener import StateListener
from hardware.streams import Streams
from tests.ros.conftest import Graph, wait_for

pytestmark = pytest.mark.domain(21)
MANY = QoSProfile(depth=100)


def heard(inbox: Inbox, publisher: Any, numbers: range, received: list[Any]) -> None:
    """Publishes numbers and takes until all have come."""
    wait_for(publisher.get_subscription_count, "the inbox")
    for number in numbers:
        publisher.publish(Int64(data=number))

    def all_there() -> bool:
        inbox.take()
        return len(received) >= len(numbers)

    wait_for(all_there, "all messages")


def test_messages_come_in_order_with_their_sender_and_time(graph: Graph) -> None:
    inbox, received = Inbox(graph.node), []
    inbox.subscribe(Int64, "x", lambda message, info: received.append((message.data, info)), MANY)
    publisher = graph.node.create_publisher(Int64, "x", MANY)
    heard(inbox, publisher, range(20), received)
    assert [number for number, _ in received] == list(range(20))
    assert (np.diff([info["source_timestamp"] for _, info in received]) >= 0).all()
    assert len({info["publisher_gid"]["data"] for _, info in received}) == 1


def test_the_executor_leaves_them_to_the_loop(graph: Graph) -> None:
    inbox, received, others = Inbox(graph.node), [], graph.listen(Int64, "x", 100)
    inbox.subscribe(Int64, "x", lambda message, _: received.append(message.data), MANY)
    publisher = graph.node.create_publisher(Int64, "x", MANY)
    wait_for(lambda: publisher.get_subscription_count() == 2, "both subscriptions")
    publisher.publish(Int64(data=1))
    wait_for(lambda: others, "the message elsewhere")  # while the executor spins
    assert received == []
    heard(inbox, publisher, range(1), received)
    assert received[0] == 1


def test_no_more_than_the_depth_is_handed_over_at_once(graph: Graph) -> None:
    inbox, received = Inbox(graph.node), []

    def flood(message: Int64, _: Any) -> None:
        received.append(message.data)
        publisher.publish(Int64(data=message.data + 1))
        wait_for(lambda: counted() > message.data, "its own answer", 5)

    inbox.subscribe(Int64, "x", flood, QoSProfile(depth=3))
    others = graph.listen(Int64, "x", 100)
    publisher = graph.node.create_publisher(Int64, "x", MANY)

    def counted() -> int:
        return len(others) - 1

    wait_for(lambda: publisher.get_subscription_count() == 2, "both subscriptions")
    publisher.publish(Int64(data=0))
    wait_for(lambda: others, "the first message")
    inbox.take()
    assert 1 <= len(received) <= 3


def test_raw_messages_are_the_bytes_of_the_wire(graph: Graph) -> None:
    inbox, received = Inbox(graph.node), []
    inbox.subscribe(Int64, "x", lambda message, _: received.append(message), MANY, raw=True)
    heard(inbox, graph.node.create_publisher(Int64, "x", MANY), range(3), received)
    assert [deserialize_message(data, Int64).data for data in received] == [0, 1, 2]


def test_of_two_broadcasters_of_joints_both_are_heard(graph: Graph) -> None:
    contract = load_contract("fr3")
    inbox, streams = Inbox(graph.node), Streams.of(contract, cameras=False)
    listener = StateListener(inbox, contract, streams)
    topic, stream = contract.state.joint_states.topic, streams["joint_states"]
    publisher = graph.node.create_publisher(JointState, topic, 10)
    wait_for(publisher.get_subscription_count, "the listener")
    arm = [*contract.joints.arm, *contract.joints.gripper]

    def publish(names: list[str]) -> None:
        now = 1e-9 * graph.node.get_clock().now().nanoseconds
        publisher.publish(convert.joint_state(now, names, np.zeros(len(names))))

    def taken(count: int) -> bool:
        inbox.take()
        return stream.counts.received >= count

    publish(["a_stranger"])
    wait_for(lambda: inbox.take() or "joint_states" in listener.problems, "a problem")
    for count in range(1, 6):
        publish(arm)
        publish(["a_stranger"])
        wait_for(functools.partial(taken, count), "the arm's own")
        assert listener.problems == {}
