"""The doctor at a robot's topics: listens for some seconds, then says of each what it found."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator

import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.executors import SingleThreadedExecutor
from rclpy.parameter import Parameter
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import JointState

from hardware.contract import Contract
from hardware.endpoints import Subscription, subscriptions
from hardware.finding import Finding
from hardware.heard import Heard
from hardware.ros import convert
from hardware.ros.clock import NodeClock
from hardware.ros.controller_order import order_finding
from hardware.ros.inspection import (
    Problem,
    command_problem,
    commands,
    content_problem,
    publishers,
    safety_problem,
    silence,
    stream_problem,
    words,
)
from hardware.ros.names import REPORT, RESET
from hardware.ros.qos import profile
from hardware.ros.state_listener import StateListener
from hardware.ros_network import discovery_remedy, reach
from hardware.safety_report import safety_finding
from hardware.streams import Streams
from hardware.topics import SENSOR

_LOOK = 0.05
_LATE = 1.0
"""On a loaded machine nodes may take seconds to find each other; so long is waited for them [s]."""


def examine(contract: Contract, namespace: str, seconds: float) -> Iterator[Finding]:
    """What the robot's topics are like.

    Args:
        contract: The robot.
        namespace: Of its nodes.
        seconds: How long to listen [s].
    """
    visit = Visit(contract, namespace)
    try:
        visit.listen(seconds)
        yield from visit.findings()
    finally:
        visit.close()


class Visit:
    """A node that subscribes all that the contract names, and publishes nothing.

    Args:
        contract: The robot.
        namespace: Of its nodes.
    """

    def __init__(self, contract: Contract, namespace: str = "") -> None:
        self._contract = contract
        self._context = rclpy.Context()
        rclpy.init(args=[], context=self._context)
        self.node = rclpy.create_node("doctor", context=self._context, namespace=namespace)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self.node)
        self._time = NodeClock(self.node)
        self._heard = {s.name: Heard(s) for s in subscriptions(contract)}
        self._streams = Streams(self._heard.values())
        self._listener = StateListener(self.node, contract, self._streams)
        self._joints: set[tuple[str, ...]] = set()
        self._reports: list[JointState] = []
        self._ticks: list[tuple[float, float]] = []
        self._said: dict[str, DiagnosticStatus] = {}
        self._listened = 0.0
        self._subscribe()

    def listen(self, seconds: float) -> None:
        """Receives for some seconds; a little longer if somebody is there, and something lacks."""
        self._receive(seconds)
        if self._others() and not self._whole():
            self._receive(_LATE, self._whole)
        self._now = self._time.now()

    def findings(self) -> Iterator[Finding]:
        """What was found, in the order in which it is mended."""
        yield self._company()
        yield from self._clock()
        for stream in subscriptions(self._contract):
            yield self._stream(stream)
        yield from self._commands()
        yield self._safety()
        yield from self._diagnostics()

    def close(self) -> None:
        """Ends node and context."""
        self._executor.shutdown()
        self.node.destroy_node()
        self._context.try_shutdown()

    def _receive(self, seconds: float, done: Callable[[], bool] = lambda: False) -> None:
        began = time.monotonic()
        while (left := began + seconds - time.monotonic()) > 0 and not done():
            self._executor.spin_once(timeout_sec=min(_LOOK, left))
        self._listened += time.monotonic() - began

    def _whole(self) -> bool:
        return bool(self._reports) and all(heard.received for heard in self._heard.values())

    def _subscribe(self) -> None:
        joints, subscribe = self._contract.state.joint_states, self.node.create_subscription
        subscribe(JointState, joints.topic, self._note_joints, profile(joints.qos))
        subscribe(JointState, REPORT, self._reports.append, 10)
        subscribe(DiagnosticArray, "/diagnostics", self._note_diagnostics, 10)
        subscribe(Clock, "/clock", self._note_clock, profile(SENSOR))

    def _note_joints(self, message: JointState) -> None:
        self._joints.add(tuple(message.name))

    def _note_diagnostics(self, message: DiagnosticArray) -> None:
        self._said |= {status.name: status for status in message.status}

    def _note_clock(self, message: Clock) -> None:
        """Goes over to simulated time, as soon as somebody tells it."""
        if not self._ticks:
            self.node.set_parameters([Parameter("use_sim_time", value=True)])
        self._ticks.append((time.monotonic(), convert.to_seconds(message.clock)))

    def _company(self) -> Finding:
        """Who else is there; a robot in another domain or range is not."""
        others = self._others()
        where = f"ROS domain {os.environ.get('ROS_DOMAIN_ID') or '0'}, {reach(os.environ)}"
        if not others:
            remedy = discovery_remedy(self._contract.name, os.environ)
            return Finding("nodes", "problem", f"nobody else in {where}", remedy)
        return Finding("nodes", "ok", f"{', '.join(others)} in {where}")

    def _others(self) -> list[str]:
        found, own = self.node.get_node_names_and_namespaces(), self.node.get_name()
        return sorted(f"{space.rstrip('/')}/{name}" for name, space in found if name != own)

    def _clock(self) -> Iterator[Finding]:
        if len(self._ticks) < 2:
            return
        (wall, ros), (wall_end, ros_end) = self._ticks[0], self._ticks[-1]
        by = publishers(self.node, "/clock")
        speed = (ros_end - ros) / (wall_end - wall) if wall_end > wall else 0.0
        detail = f"simulated: /clock by {by}, {speed:.2f} times real time; taken as our clock here"
        yield Finding("time", "ok", detail)

    def _stream(self, stream: Subscription) -> Finding:
        heard = self._heard[stream.name]
        problem = (
            stream_problem(self.node, stream)
            or content_problem(self.node, stream, self._streams, self._listener.problems)
            or self._twice(stream)
        )
        if problem is None and not heard.received:
            problem = silence(self.node, stream, self._streams, self._now)
        if problem is None:
            topic = self.node.resolve_topic_name(stream.topic)
            where = f"{topic} by {publishers(self.node, topic)}{self._further(stream)}"
            return heard.judge(where, self._now)
        needed = not stream.name.startswith("extra/") or heard.received
        status = "problem" if needed else "absent"
        return Finding(stream.name, status, problem.found, problem.remedy)

    def _twice(self, stream: Subscription) -> Problem | None:
        """Two arms that say the same joints; broadcasters of different joints may share a topic."""
        topic = self.node.resolve_topic_name(stream.topic)
        count = self.node.count_publishers(topic)
        if stream.name != "joint_states" or count < 2 or len(self._joints) > 1:
            return None
        said = f"{count} publishers on {topic} ({publishers(self.node, topic)}), of the same joints"
        remedy = "give each robot its own namespace, or end one"
        return Problem(stream.key, f"{said}; expected one ({words(stream)})", remedy)

    def _further(self, stream: Subscription) -> str:
        """Joints that a robot reports beside ours; they are no harm."""
        ours = {*self._contract.joints.arm, *self._contract.joints.gripper}
        found = sorted({name for names in self._joints for name in names} - ours)
        if stream.name != "joint_states" or not found:
            return ""
        return f" (further joints: {', '.join(found)})"

    def _commands(self) -> Iterator[Finding]:
        for command in commands(self._contract):
            problem = command_problem(self.node, command)
            topic = self.node.resolve_topic_name(command.topic)
            if problem is not None:
                yield Finding(command.key, "problem", problem.found, problem.remedy)
                continue
            by = publishers(self.node, topic) or "nobody yet"
            heard = self.node.count_subscribers(topic)
            yield Finding(command.key, "ok", f"{topic} by {by}, heard by {heard}: {words(command)}")
        order = order_finding(self.node, self._contract, self._spin)
        yield from [order] if order else []

    def _safety(self) -> Finding:
        problem = safety_problem(self.node, bool(self._reports))
        if problem is not None:
            return Finding("safety", "problem", problem.found, problem.remedy)
        last = self._reports[-1]
        names, numbers = list(last.name), list(last.position)
        rate, reset = len(self._reports) / self._listened, self.node.resolve_service_name(RESET)
        return safety_finding(self._contract, names, numbers, rate, reset)

    def _diagnostics(self) -> Iterator[Finding]:
        """What the robot's nodes say of themselves."""
        space = self.node.get_namespace().rstrip("/")
        for name, status in sorted(self._said.items()):
            if status.hardware_id == self._contract.name and name.startswith(f"{space}/"):
                bad = status.level in (DiagnosticStatus.ERROR, DiagnosticStatus.STALE)
                said, _, remedy = status.message.rpartition("; ")
                to_do = remedy if said else "see what it logs"
                found = said or status.message
                yield Finding(f"node {name}", "problem" if bad else "ok", found, bad * to_do)

    def _spin(self) -> None:
        self._executor.spin_once(timeout_sec=_LOOK)
