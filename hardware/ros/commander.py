"""Publishes commands in the message type that the arm's driver takes."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
from builtin_interfaces.msg import Duration
from geometry_msgs.msg import Twist, TwistStamped
from rclpy.node import Node
from std_msgs.msg import Float64, Float64MultiArray
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from hardware.contract import Contract
from hardware.ros import convert
from hardware.ros.qos import profile

_HEAD = struct.Struct("<4sIII4x")
"""``Float64MultiArray`` in CDR: encapsulation, no dimensions, no offset, how many numbers."""


class Commander:
    """The one publisher of an arm's command topic and of its gripper's.

    Args:
        node: Publishes.
        contract: The robot.
    """

    def __init__(self, node: Node, contract: Contract) -> None:
        self._node, self._contract = node, contract
        self._period = 1 / contract.rates.stream
        self._command = self._publisher(contract.command)
        self._gripper = contract.gripper and self._publisher(contract.gripper)

    def send(self, command: np.ndarray, stamp: float) -> None:
        """Sends a command in the contract's mode; ``stamp`` is the time on the node's clock [s]."""
        self._command.publish(self._message(command, stamp))

    def grip(self, value: float) -> None:
        """Sends a value to the gripper."""
        if self._gripper is not None:
            self._gripper.publish(self._gripper_message(value))

    def rivals(self) -> str | None:
        """What is wrong if somebody else commands the arm as well."""
        topic = self._contract.command.topic
        resolved = self._node.resolve_topic_name(topic)  # The graph knows nothing of remapping.
        if self._node.count_publishers(resolved) < 2:
            return None
        found = self._node.get_publishers_info_by_topic(resolved)
        names = sorted(f"{i.node_namespace.rstrip('/')}/{i.node_name}" for i in found)
        return (
            f"{len(found)} publishers on {resolved} ({', '.join(names)}); only the safety node may "
            "command the arm: end the others (one that was killed is forgotten within 20 s)"
        )

    def others(self) -> str | None:
        """What is wrong if somebody else commands the arm, or nobody listens."""
        topic = self._contract.command.topic
        if self._command.get_subscription_count() == 0:
            return f"nobody listens to {topic}; start the arm's driver"
        return self.rivals()

    def _publisher(self, part: Any) -> Any:
        kind = convert.message_class(part.type)
        return self._node.create_publisher(kind, part.topic, profile(part.qos))

    def _message(self, command: np.ndarray, stamp: float) -> Any:
        contract = self._contract
        if contract.command.type == "PoseStamped":
            return convert.pose_stamped(stamp, contract.frames.base, command)
        if contract.command.type == "JointTrajectory":
            return self._trajectory(contract.joints.arm, command, contract.command.is_velocity)
        if contract.command.type in ("Twist", "TwistStamped"):
            return self._twist(command, stamp)
        return serialized(command)

    def _twist(self, command: np.ndarray, stamp: float) -> Twist | TwistStamped:
        contract = self._contract
        if contract.command.type == "Twist":
            return convert.twist(command)
        frames = contract.frames
        frame = frames.tool if contract.command.frame == "tool" else frames.base
        return convert.twist_stamped(stamp, frame, command)

    def _gripper_message(self, value: float) -> Any:
        gripper = self._contract.gripper
        assert gripper is not None
        if gripper.type == "Float64":
            return Float64(data=value)
        if gripper.type == "JointTrajectory":
            names = self._contract.joints.gripper
            return self._trajectory(names, np.full(len(names), value))
        return Float64MultiArray(data=[value])

    def _trajectory(
        self, names: tuple[str, ...], values: np.ndarray, velocities: bool = False
    ) -> JointTrajectory:
        """One point, to be reached with the next command."""
        time = Duration(nanosec=round(1e9 * self._period))
        point = JointTrajectoryPoint(time_from_start=time)
        setattr(point, "velocities" if velocities else "positions", values.tolist())
        return JointTrajectory(joint_names=list(names), points=[point])


def serialized(values: np.ndarray) -> bytes:
    """A ``Float64MultiArray`` as it goes over the wire, shape (n,).

    rclpy takes a third of a command's time to turn the message into these bytes.
    """
    return _HEAD.pack(b"\0\1\0\0", 0, 0, len(values)) + values.astype("<f8").tobytes()
