"""What the ROS graph says about a contract's topics, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from rclpy.duration import Infinite
from rclpy.node import Node
from rclpy.qos import (
    DurabilityPolicy,
    LivelinessPolicy,
    QoSCompatibility,
    QoSProfile,
    qos_check_compatible,
)

from hardware.contract import Contract
from hardware.endpoints import (
    MESSAGES,
    Publication,
    Subscription,
    publications,
    stamps,
    subscriptions,
)
from hardware.heard import clock_remedy
from hardware.ros.names import REPORT, REQUEST, SCENE, TELEOP_REQUEST
from hardware.ros.qos import profile
from hardware.streams import Streams
from hardware.topics import Qos

_LISTED = 4
"""Topics that could be meant which are named."""
_REQUESTS = Publication("safety", REQUEST, "JointState", Qos())


class Problem(NamedTuple):
    """What is wrong with one topic; as a string, one sentence."""

    key: str
    """Where the contract says so, e.g. ``state.joint_states``."""
    found: str
    """What there is, and what was expected."""
    remedy: str

    def __str__(self) -> str:
        return f"{self.key}: {self.found}; {self.remedy}"


def problems(
    node: Node, contract: Contract, streams: Streams, now: float, unread: Mapping[str, str]
) -> Iterator[Problem]:
    """Everything that is wrong between a contract, the graph, and what has come in.

    Args:
        node: Has subscribed the streams.
        contract: The robot.
        streams: Those that are wanted.
        now: Time on the clock of stamps [s].
        unread: What was wrong with messages, by stream, as ``StateListener.problems``.
    """
    for stream in subscriptions(contract):
        if stream.name in streams.names and (
            problem := stream_problem(node, stream)
            or info_problem(node, contract, stream)
            or content_problem(node, stream, streams, unread)
            or silence(node, stream, streams, now)
        ):
            yield problem
    yield from filter(None, (command_problem(node, command) for command in commands(contract)))


def commands(contract: Contract) -> list[Publication]:
    """The topics that the safety node, and it alone, publishes."""
    return [p for p in publications(contract) if p.key in ("command", "gripper")]


def stream_problem(node: Node, stream: Subscription) -> Problem | None:
    """Why nothing can come in on a stream; None if its publisher fits."""
    topic = node.resolve_topic_name(stream.topic)
    found, expected = node.get_publishers_info_by_topic(topic), words(stream)
    if not found:
        return Problem(stream.key, f"nobody publishes {topic} ({expected})", _start(node, stream))
    fits = [qos_check_compatible(i.qos_profile, _whole(stream.qos)) for i in found]
    if misfit := _misfit(stream, found, fits):
        return Problem(stream.key, f"{topic} is published by {misfit[0]}", misfit[1])
    # Several broadcasters may share joint_states, each with joints of its own.
    if len(found) > 1 and stream.type != "JointState":
        said = f"{len(found)} publishers on {topic} ({_names(found)}), expected one ({expected})"
        return Problem(stream.key, said, "give each robot its own namespace, or end one")
    return None


def info_problem(node: Node, contract: Contract, stream: Subscription) -> Problem | None:
    """Why the safety node cannot watch a camera; None if it can, or the stream is no camera."""
    for info in stamps(contract):
        if info.name == stream.name and info.type == "CameraInfo":
            topic = node.resolve_topic_name(info.topic)
            if not node.count_publishers(topic):
                said = f"nobody publishes {topic} ({MESSAGES[info.type]})"
                said += ", by which the safety node watches the camera"
                remedy = "name the camera's own, or give the safety node watch_cameras: false"
                return Problem(info.key, said, remedy)
    return None


def content_problem(
    node: Node, stream: Subscription, streams: Streams, unread: Mapping[str, str]
) -> Problem | None:
    """What was wrong with all messages of a stream; None if some could be read."""
    if stream.name not in unread or streams[stream.name].newest() is not None:
        return None
    said, _, remedy = unread[stream.name].rpartition("; ")
    return Problem(stream.key, f"{node.resolve_topic_name(stream.topic)}: {said}", remedy)


def silence(node: Node, stream: Subscription, streams: Streams, now: float) -> Problem | None:
    """Why a stream is stale although its publisher fits; None if it is fresh."""
    fault = streams[stream.name].fault(now)
    if fault is None:
        return None
    topic, sample = node.resolve_topic_name(stream.topic), streams[stream.name].newest()
    by = publishers(node, topic)
    said = f"{topic} is published by {by} as expected ({words(stream)}), but {fault}"
    remedy = f"see what {by} says of itself"
    if sample is not None and abs(sample.received - sample.stamp) > stream.max_age:
        remedy = clock_remedy(sample.received - sample.stamp, stamped=sample.stamp != 0)
    return Problem(stream.key, said, remedy)


def command_problem(node: Node, command: Publication, own: int = 1) -> Problem | None:
    """What is wrong with a topic that moves the arm; ``own`` publishers are meant to be there."""
    topic = node.resolve_topic_name(command.topic)
    own_name = (node.get_name(), node.get_namespace())
    listeners = [
        info
        for info in node.get_subscriptions_info_by_topic(topic)
        if (info.node_name, info.node_namespace) != own_name
    ]
    count, expected = node.count_publishers(topic), words(command)
    if count > own:
        said = f"{count} publishers on {topic} ({publishers(node, topic)}; {expected})"
        remedy = "only the safety node may command the arm: end the others"
        return Problem(command.key, f"{said}, expected {own}", remedy)
    if not listeners:
        return Problem(command.key, f"nobody listens to {topic} ({expected})", _start_arm(command))
    fits = [qos_check_compatible(_whole(command.qos), i.qos_profile) for i in listeners]
    if misfit := _misfit(command, listeners, fits):
        return Problem(command.key, f"{topic} is heard by {misfit[0]}", misfit[1])
    return None


def safety_problem(node: Node, reports: bool) -> Problem | None:
    """Why nobody passes requests on; ``reports`` tells whether the safety node was heard."""
    topic = node.resolve_topic_name(REQUEST)
    if not node.count_subscribers(topic):
        said = f"nobody listens to {topic} ({words(_REQUESTS)})"
        return Problem(
            "safety",
            said,
            "start the safety node: robot-rl up, with the --robot that is asked for here",
        )
    if not reports:
        said = f"there is a safety node, but nothing has come on {node.resolve_topic_name(REPORT)}"
        return Problem("safety", said, "see what it says of itself")
    return None


def publishers(node: Node, topic: str) -> str:
    """Names of the nodes that publish a topic."""
    return _names(node.get_publishers_info_by_topic(topic))


def words(part: Subscription | Publication) -> str:
    """Message type and quality of service as the contract has them."""
    return f"{MESSAGES[part.type]}, {part.qos.reliability}, {part.qos.durability}"


def _words_of(info: Any) -> str:
    """Message type and quality of service as found."""
    return f"{info.topic_type}, {', '.join(_quality(info.qos_profile).values())}"


def _quality(found: Any) -> dict[str, str]:
    late = found.durability == DurabilityPolicy.TRANSIENT_LOCAL
    durability = "transient_local" if late else "volatile"
    return {"reliability": found.reliability.name.lower(), "durability": durability}


def _whole(qos: Qos) -> QoSProfile:
    """The profile with what DDS fills in: rclpy takes "unspecified" for another value."""
    whole = profile(qos)
    whole.liveliness = LivelinessPolicy.AUTOMATIC
    whole.deadline = whole.lifespan = whole.liveliness_lease_duration = Infinite
    return whole


def _misfit(
    part: Subscription | Publication, infos: list[Any], fits: list[tuple[QoSCompatibility, str]]
) -> tuple[str, str] | None:
    """How the first of several nodes differs from the contract, and what to do; None if one fits.

    Args:
        part: Topic of the contract.
        infos: Its publishers or listeners, as the graph has them.
        fits: Whether the quality of service of each would do, and why not.
    """
    kind = MESSAGES[part.type]
    if any(
        info.topic_type == kind and fit != QoSCompatibility.ERROR
        for info, (fit, _) in zip(infos, fits, strict=True)
    ):
        return None
    info, (_, reason) = infos[0], fits[0]
    said = f"{_names([info])} as {_words_of(info)}, expected {words(part)}"
    if info.topic_type != kind:
        return said, f"correct type or topic of {part.key} in the contract"
    expected = {"reliability": part.qos.reliability, "durability": part.qos.durability}
    found = _quality(info.qos_profile).items()
    other = ", ".join(f"{key}: {value}" for key, value in found if value != expected[key])
    if not other:
        return said, f"give its node the quality of the contract ({reason.rstrip(';')})"
    return said, f"write qos: {{{other}}} at {part.key} of the contract"


def _start(node: Node, stream: Subscription) -> str:
    """What brings a stream that nobody publishes; names topics that could be meant."""
    kind, topic = MESSAGES[stream.type], node.resolve_topic_name(stream.topic)
    own = tuple(f"/{name}" for name in (REQUEST, TELEOP_REQUEST, REPORT, SCENE))
    same = sorted(
        name
        for name, kinds in node.get_topic_names_and_types()
        if kind in kinds and node.count_publishers(name) and not name.endswith(own)
    )
    elsewhere = [n for n in same if n.endswith(f"/{stream.topic}") and n != topic]
    if elsewhere:
        return f"give the robot's namespace: there is {' and '.join(elsewhere[:_LISTED])}"
    others = [name for name in same if name != topic]
    found = f" (of this type there is {', '.join(others[:_LISTED])})" if others else ""
    return f"start its driver, or correct the contract{found}"


def _start_arm(command: Publication) -> str:
    what = "gripper's" if command.key == "gripper" else "arm's"
    return f"start the {what} driver, with its controller active"


def _names(found: list[Any]) -> str:
    return ", ".join(sorted(map(_name, found)))


def _name(info: Any) -> str:
    if "UNKNOWN" in info.node_name:  # endpoints are found a little before the names of their nodes
        return "a node not yet known by name"
    return f"{info.node_namespace.rstrip('/')}/{info.node_name}"
