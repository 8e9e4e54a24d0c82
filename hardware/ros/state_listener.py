"""Subscribes a robot's streams and pushes what comes into ``hardware.streams``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from rclpy.subscription import MessageInfo
from sensor_msgs.msg import JointState

from hardware.contract import Contract
from hardware.endpoints import IMAGES, Subscription, stamps, subscriptions
from hardware.joint_order import JointOrder
from hardware.ros import convert
from hardware.ros.clock import NodeClock
from hardware.ros.inbox import Inbox
from hardware.ros.qos import of_several, profile
from hardware.streams import Streams


class StateListener:
    """Every stream of a contract, converted to numpy.

    ``joint_states`` become the arm's and the gripper's q and dq, shape (2, joints), poses
    ``x y z qx qy qz qw``, wrenches shape (6,), images shape (height, width, 3).

    Args:
        inbox: Subscribes; values are pushed in its ``take``.
        contract: The robot.
        streams: Where to; streams that are not in it are not subscribed.
        pixels: False hears ``camera_info`` in the place of images, and pushes None for it.

    Attributes:
        problems: What is wrong with the newest message, by stream.
    """

    def __init__(
        self, inbox: Inbox, contract: Contract, streams: Streams, pixels: bool = True
    ) -> None:
        self.problems: dict[str, str] = {}
        self._clock = NodeClock(inbox.node)
        self._streams = streams
        joints = contract.joints
        with_fingers = contract.gripper is None or contract.gripper.state is None
        names = (*joints.arm, *joints.gripper) if with_fingers else joints.arm
        self._joints = JointOrder(names)
        self._fingers = JointOrder(joints.gripper) if joints.gripper else None
        self._cameras = {f"{IMAGES}{camera.name}": camera for camera in contract.cameras}
        for stream in subscriptions(contract) if pixels else stamps(contract):
            if stream.name in streams.names:
                self._subscribe(inbox, stream)

    def _subscribe(self, inbox: Inbox, stream: Subscription) -> None:
        read = self._reader(stream)

        def receive(message: Any, _: MessageInfo) -> None:
            now = self._clock.now()
            try:
                stamp = convert.to_seconds(message.header.stamp)
                self._streams[stream.name].push(stamp, now, read(message))
            except ValueError as error:
                if not self._is_anothers(stream, message):
                    self.problems[stream.name] = str(error)
            else:
                self.problems.pop(stream.name, None)

        kind = convert.message_class(stream.type)
        quality = of_several if kind is JointState else profile  # Joints may have two broadcasters.
        inbox.subscribe(kind, stream.topic, receive, quality(stream.qos))

    def _is_anothers(self, stream: Subscription, message: Any) -> bool:
        """Whether a message is of other joints, from another broadcaster of the same topic."""
        if not isinstance(message, JointState) or self._streams[stream.name].newest() is None:
            return False
        return not {*self._joints.names, *(self._fingers or self._joints).names} & {*message.name}

    def _reader(self, stream: Subscription) -> Callable[[Any], Any]:
        if stream.type == "CameraInfo":
            return lambda _: None
        if stream.name in self._cameras:
            return lambda message: self._pixels(stream.name, message)
        if stream.type == "JointState":
            order = self._fingers if stream.name == "gripper" else self._joints
            if order is None:  # Nobody has named the fingers: that they report still counts.
                return lambda _: np.empty((2, 0))
            return lambda message: _joint_values(order, message)
        if stream.type == "WrenchStamped":
            return lambda message: _finite(convert.vector_of_wrench(message))
        return lambda message: _finite(convert.vector_of_pose(message.pose))

    def _pixels(self, name: str, message: Any) -> np.ndarray:
        camera = self._cameras[name]
        pixels = convert.PIXELS[camera.type](message)
        if pixels.shape[:2] != (camera.height, camera.width):
            raise ValueError(
                f"{name} is {pixels.shape[1]} x {pixels.shape[0]}, the contract says "
                f"{camera.width} x {camera.height}; correct one of the two"
            )
        return pixels


def _joint_values(order: JointOrder, message: JointState) -> np.ndarray:
    """Positions and velocities in our order. Shape (2, joints)."""
    names = list(message.name)
    values = order(names, message.position, message.velocity, message.effort)
    return np.stack([_finite(values.q, "a position"), values.dq])


def _finite(values: np.ndarray, what: str = "a number") -> np.ndarray:
    """What is no number would reach an arm as a velocity, and a learner's weights as their end."""
    if not np.isfinite(values).all():
        raise ValueError(f"{what} is not finite: {values.tolist()}; see its driver")
    return values
