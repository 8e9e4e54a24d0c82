"""The doctor at a robot's topics: listens for some seconds, then says of each what it found."""

from __future__ import annotations

import os
from collections.abc import Iterator

from diagnostic_msgs.msg import DiagnosticStatus

from hardware.contract import Contract
from hardware.discovery_range import reach
from hardware.endpoints import Subscription, subscriptions
from hardware.finding import Finding
from hardware.ros import convert
from hardware.ros.controller_order import order_finding
from hardware.ros.inspection import (
    Problem,
    command_problem,
    commands,
    content_problem,
    info_problem,
    publishers,
    safety_problem,
    silence,
    stream_problem,
    words,
)
from hardware.ros.names import RESET
from hardware.ros.visit import Visit
from hardware.ros_network import discovery_remedy
from hardware.safety_report import safety_finding

_EXTRA = "extra/"
"""Streams that only policies on state need."""


def examine(contract: Contract, robot: str, namespace: str, seconds: float) -> Iterator[Finding]:
    """What the robot's topics are like, in the order in which they are mended.

    Args:
        contract: The robot.
        robot: What the user calls it.
        namespace: Of its nodes.
        seconds: How long to listen [s].
    """
    with Visit(contract, namespace) as visit:
        visit.listen(seconds)
        yield _company(visit, robot)
        yield from _clock(visit)
        for stream in subscriptions(contract):
            yield _stream(visit, contract, stream)
        yield from _commands(visit, contract)
        yield _safety(visit, contract)
        yield from _diagnostics(visit, contract)


def _company(visit: Visit, robot: str) -> Finding:
    """Who else is there; a robot in another domain or range is not."""
    others = visit.others()
    where = f"ROS domain {os.environ.get('ROS_DOMAIN_ID') or '0'}, {reach(os.environ)}"
    if not others:
        remedy = discovery_remedy(robot)
        return Finding("nodes", "problem", f"nobody else in {where}", remedy)
    return Finding("nodes", "ok", f"{', '.join(others)} in {where}")


def _clock(visit: Visit) -> Iterator[Finding]:
    if len(visit.ticks) < 2:
        return
    (wall, ros), (wall_end, ros_end) = visit.ticks[0], visit.ticks[-1]
    by = publishers(visit.node, "/clock")
    speed = (ros_end - ros) / (wall_end - wall) if wall_end > wall else 0.0
    detail = f"simulated: /clock by {by}, {speed:.2f} times real time; taken as our clock here"
    yield Finding("time", "ok", detail)


def _stream(visit: Visit, contract: Contract, stream: Subscription) -> Finding:
    node, heard = visit.node, visit.heard[stream.name]
    problem = (
        stream_problem(node, stream)
        or info_problem(node, contract, stream)
        or content_problem(node, stream, visit.streams, visit.unread)
        or _twice(visit, stream)
    )
    if problem is None and not heard.received:
        problem = silence(node, stream, visit.streams, visit.now)
    if problem is None:
        topic = node.resolve_topic_name(stream.topic)
        where = f"{topic} by {publishers(node, topic)}{_further(visit, contract, stream)}"
        return heard.judge(where, visit.now)
    needed = not stream.name.startswith(_EXTRA) or heard.received
    return Finding(stream.name, "problem" if needed else "absent", problem.found, problem.remedy)


def _twice(visit: Visit, stream: Subscription) -> Problem | None:
    """Two arms that say the same joints; broadcasters of different joints may share a topic."""
    topic = visit.node.resolve_topic_name(stream.topic)
    count = visit.node.count_publishers(topic)
    if stream.name != "joint_states" or count < 2 or len(visit.joints) > 1:
        return None
    said = f"{count} publishers on {topic} ({publishers(visit.node, topic)}), of the same joints"
    remedy = "give each robot its own namespace, or end one"
    return Problem(stream.key, f"{said}; expected one ({words(stream)})", remedy)


def _further(visit: Visit, contract: Contract, stream: Subscription) -> str:
    """Joints that a robot reports beside ours; they are no harm."""
    ours = {*contract.joints.arm, *contract.joints.gripper}
    found = sorted({name for names in visit.joints for name in names} - ours)
    if stream.name != "joint_states" or not found:
        return ""
    return f" (further joints: {', '.join(found)})"


def _commands(visit: Visit, contract: Contract) -> Iterator[Finding]:
    node = visit.node
    for command in commands(contract):
        problem, topic = command_problem(node, command), node.resolve_topic_name(command.topic)
        if problem is not None:
            yield Finding(command.key, "problem", problem.found, problem.remedy)
            continue
        by, heard = publishers(node, topic) or "nobody yet", node.count_subscribers(topic)
        yield Finding(command.key, "ok", f"{topic} by {by}, heard by {heard}: {words(command)}")
    if (order := order_finding(node, contract, visit.spin)) is not None:
        yield order


def _safety(visit: Visit, contract: Contract) -> Finding:
    problem = safety_problem(visit.node, bool(visit.reports))
    if problem is not None:
        return Finding("safety", "problem", problem.found, problem.remedy)
    last, reset = visit.reports[-1], visit.node.resolve_service_name(RESET)
    first, end = (convert.to_seconds(visit.reports[i].header.stamp) for i in (0, -1))
    rate = (len(visit.reports) - 1) / (end - first) if end > first else 0.0
    return safety_finding(contract, list(last.name), list(last.position), rate, reset)


def _diagnostics(visit: Visit, contract: Contract) -> Iterator[Finding]:
    """What the robot's nodes say of themselves."""
    space = visit.node.get_namespace().rstrip("/")
    for name, status in sorted(visit.said.items()):
        if status.hardware_id == contract.name and name.startswith(f"{space}/"):
            bad = status.level in (DiagnosticStatus.ERROR, DiagnosticStatus.STALE)
            said, _, remedy = status.message.rpartition("; ")
            to_do = (remedy if said else "see what it logs") if bad else ""
            found = said if bad and said else status.message
            yield Finding(f"node {name}", "problem" if bad else "ok", found, to_do)
