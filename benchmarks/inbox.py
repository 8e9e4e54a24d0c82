"""What a message costs a node: rclpy's executor beside ``hardware.ros.inbox``, in turns.

Another process publishes joint states at 500 Hz; the node also has the services and topics that a
safety node has. Counted is the processor time of the node's process per message.
Run as ``python -m benchmarks.inbox``.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool

from benchmarks.table import Row, show_rows
from hardware.ros.inbox import Inbox
from hardware.ros.loop import Loop

DOMAIN = 46
TURNS, SECONDS = 3, 4.0
FEW = QoSProfile(depth=10)
OTHERS = 6
"""Topics on which nothing comes."""
SOURCE = """
import time, rclpy
from sensor_msgs.msg import JointState
rclpy.init()
node = rclpy.create_node("source")
publisher = node.create_publisher(JointState, "joint_states", 10)
message = JointState(name=[f"joint{i}" for i in range(9)], position=[0.0] * 9, velocity=[0.0] * 9)
while rclpy.ok():
    publisher.publish(message)
    time.sleep(0.002)
"""


def rows() -> Iterator[Row]:
    """Processor time per message, both ways."""
    os.environ |= {"ROS_DOMAIN_ID": str(DOMAIN), "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST"}
    source = subprocess.Popen([sys.executable, "-c", SOURCE], cwd=Path(__file__).parents[1])
    rclpy.init()
    try:
        turns = [(measure(False), measure(True)) for _ in range(TURNS)]
    finally:
        rclpy.shutdown()
        source.terminate()
        source.wait(10)
    executor, inbox = (1e6 * sorted(each)[TURNS // 2] for each in zip(*turns, strict=True))
    yield Row("inbox/executor", executor, "us per message")
    yield Row("inbox/inbox", inbox, "us per message", executor)


def measure(takes: bool) -> float:
    """Processor time per message [s]."""
    node, heard = Node("listener"), []
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    thread = threading.Thread(target=executor.spin, daemon=True)
    loop = _subscribe_inbox(node, heard) if takes else _subscribe_node(node, heard)
    thread.start()
    while not heard:
        time.sleep(0.01)
    before, began = len(heard), time.process_time()
    time.sleep(SECONDS)
    cost = (time.process_time() - began) / (len(heard) - before)
    if loop is not None:
        loop.end()
    executor.shutdown()
    thread.join()
    node.destroy_node()
    return cost


def _subscribe_inbox(node: Node, heard: list[int]) -> Loop:
    inbox = Inbox(node)
    inbox.subscribe(JointState, "joint_states", lambda *_: heard.append(1), FEW)
    for index in range(OTHERS):
        inbox.subscribe(Bool, f"other{index}", lambda *_: None, FEW)
    return inbox.poll()


def _subscribe_node(node: Node, heard: list[int]) -> None:
    node.create_subscription(JointState, "joint_states", lambda _: heard.append(1), 10)
    for index in range(OTHERS):
        node.create_subscription(Bool, f"other{index}", lambda _: None, 10)


if __name__ == "__main__":
    show_rows(rows())
