"""A node that hears all that a robot's contract names, for some seconds, and publishes nothing."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Self

import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.executors import SingleThreadedExecutor
from rclpy.parameter import Parameter
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import JointState

from hardware.contract import Contract
from hardware.endpoints import subscriptions
from hardware.heard import Heard
from hardware.ros import convert
from hardware.ros.clock import NodeClock
from hardware.ros.context import new_context
from hardware.ros.inbox import Inbox
from hardware.ros.names import REPORT
from hardware.ros.qos import profile
from hardware.ros.state_listener import StateListener
from hardware.streams import Streams
from hardware.topics import SENSOR

_LOOK = 0.005
_LATE = 1.0
"""Nodes that have missed each other at first try again after 3 s: who listened as long as that
waits so much longer [s]."""


class Visit:
    """What comes on a robot's topics; a context manager.

    Args:
        contract: The robot.
        namespace: Of its nodes.

    Attributes:
        node: Asks the graph.
        heard: The streams, by name.
        joints: Names of joints as messages had them.
        reports: Those of the safety node.
        ticks: Of ``/clock``: when they came on the wall, and what they said [s].
        said: What nodes say of themselves in ``/diagnostics``, by name.
        now: Time on the clock of stamps at the end [s].
    """

    def __init__(self, contract: Contract, namespace: str = "") -> None:
        self._context = new_context()
        self.node = rclpy.create_node("doctor", context=self._context, namespace=namespace)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self.node)
        self._time = NodeClock(self.node)
        self.heard = {s.name: Heard(s) for s in subscriptions(contract)}
        self.streams = Streams(self.heard.values())
        self._inbox = Inbox(self.node)
        self._listener = StateListener(self._inbox, contract, self.streams)
        self.joints: set[tuple[str, ...]] = set()
        self.reports: list[JointState] = []
        self.ticks: list[tuple[float, float]] = []
        self.said: dict[str, DiagnosticStatus] = {}
        self.now = 0.0
        self._subscribe(contract)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._executor.shutdown()
        self.node.destroy_node()
        self._context.try_shutdown()

    @property
    def unread(self) -> dict[str, str]:
        """What was wrong with messages, by stream."""
        return self._listener.problems

    def listen(self, seconds: float) -> None:
        """Receives for some seconds; up to one longer if something lacks."""
        self._receive(seconds)
        self._receive(_LATE, self._whole)
        self.now = self._time.now()

    def spin(self) -> None:
        """Receives for a moment, while an answer is awaited."""
        self._executor.spin_once(timeout_sec=_LOOK)

    def others(self) -> list[str]:
        """Names of all other nodes that can be found."""
        found, own = self.node.get_node_names_and_namespaces(), self.node.get_name()
        return sorted(f"{space.rstrip('/')}/{name}" for name, space in found if name != own)

    def _receive(self, seconds: float, done: Callable[[], bool] = lambda: False) -> None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0 and not done():
            self._executor.spin_once(timeout_sec=min(_LOOK, left))
            self._inbox.take()

    def _whole(self) -> bool:
        return bool(self.reports) and all(heard.received for heard in self.heard.values())

    def _subscribe(self, contract: Contract) -> None:
        joints, subscribe = contract.state.joint_states, self.node.create_subscription
        subscribe(JointState, joints.topic, self._note_joints, profile(joints.qos))
        subscribe(JointState, REPORT, self.reports.append, 10)
        subscribe(DiagnosticArray, "/diagnostics", self._note_diagnostics, 10)
        subscribe(Clock, "/clock", self._note_clock, profile(SENSOR))

    def _note_joints(self, message: JointState) -> None:
        self.joints.add(tuple(message.name))

    def _note_diagnostics(self, message: DiagnosticArray) -> None:
        self.said |= {status.name: status for status in message.status}

    def _note_clock(self, message: Clock) -> None:
        """Goes over to simulated time, as soon as somebody tells it."""
        if not self.ticks:
            self.node.set_parameters([Parameter("use_sim_time", value=True)])
        self.ticks.append((time.monotonic(), convert.to_seconds(message.clock)))
