"""What a person's hand says to a teleop node: a twist, and that it holds the deadman."""

from __future__ import annotations

import numpy as np
from geometry_msgs.msg import TwistStamped
from rclpy.node import Node
from std_msgs.msg import Bool

from hardware.ros import convert
from hardware.ros.names import ENABLE, TWIST


class Hand:
    """Publishes as a device would; whoever holds nothing says so once, and is silent then.

    So that several may stand beside one arm: a hand that is away lets go of nobody else's deadman.

    Args:
        node: Whose topics.
    """

    def __init__(self, node: Node) -> None:
        self._node, self._holds = node, False
        self._twist = node.create_publisher(TwistStamped, TWIST, 1)
        self._enable = node.create_publisher(Bool, ENABLE, 10)

    @property
    def heard(self) -> bool:
        """Whether a teleop node listens."""
        return self._enable.get_subscription_count() > 0

    def push(self, twist: np.ndarray, frame: str, stamp: float) -> None:
        """Holds the deadman and moves the tool; repeat it at 20 Hz or so.

        Args:
            twist: Shape (6,) [m/s, rad/s].
            frame: In which it is given.
            stamp: Time of ROS [s].
        """
        if not self._holds:  # A deadman must have been seen up before it counts.
            self._enable.publish(Bool(data=False))
        self._holds = True
        self._twist.publish(convert.twist_stamped(stamp, frame, twist))
        self._enable.publish(Bool(data=True))

    def release(self) -> None:
        """Lets go."""
        if self._holds:
            self._enable.publish(Bool(data=False))
        self._holds = False
