"""The node's clock: the wall's, or ``/clock`` with ``use_sim_time``."""

from __future__ import annotations

import threading
import time

from rclpy.clock import JumpThreshold
from rclpy.duration import Duration
from rclpy.node import Node

from hardware.pacer import Clock, Monotonic

_LOOK_UP = 0.1
"""A sleeper looks up this often on the wall: a stopped ``/clock`` keeps nobody from ending [s]."""


class NodeClock:
    """ROS time in seconds; before the first ``/clock`` it is 0."""

    def __init__(self, node: Node) -> None:
        self._clock = node.get_clock()
        self._advanced = threading.Event()
        threshold = JumpThreshold(
            min_forward=Duration(nanoseconds=1), min_backward=None, on_clock_change=True
        )
        # A handle that is dropped ends the callbacks.
        self._handle = self._clock.create_jump_callback(
            threshold, post_callback=lambda _: self._advanced.set()
        )

    @property
    def simulated(self) -> bool:
        """Whether ``/clock`` counts."""
        return self._clock.ros_time_is_active  # pyright: ignore[reportAttributeAccessIssue]

    def now(self) -> float:
        """The time [s]."""
        return 1e-9 * self._clock.now().nanoseconds

    def sleep_until(self, when: float) -> None:
        """Returns at ``when`` [s], or after a tenth of a second on the wall."""
        if not self.simulated:
            time.sleep(min(_LOOK_UP, max(0.0, when - self.now())))
            return
        deadline = time.monotonic() + _LOOK_UP
        while self.now() < when and (left := deadline - time.monotonic()) > 0:
            self._advanced.clear()
            if self.now() < when:
                self._advanced.wait(left)


def loop_clock(node: Node) -> Clock:
    """What a loop is paced by: nobody sets the monotonic clock; ``/clock`` counts if it is used."""
    clock = NodeClock(node)
    return clock if clock.simulated else Monotonic()
