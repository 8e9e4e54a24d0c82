"""What the ROS graph says about a contract's topics, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSCompatibility, qos_check_compatible

from hardware.contract import Contract
from hardware.endpoints import MESSAGES, Publication, Subscription, publications, subscriptions
from hardware.ros.qos import profile
from hardware.topics import Qos


def stream_problem(node: Node, stream: Subscription) -> str | None:
    """Why nothing can come in on a stream; None if its publisher fits."""
    topic = node.resolve_topic_name(stream.topic)
    found = node.get_publishers_info_by_topic(topic)
    expected = f"{MESSAGES[stream.type]}, {_words(stream.qos)}"
    if not found:
        return (
            f"{stream.key}: nobody publishes {topic} ({expected}); start its driver, or correct "
            f"the contract{_similar(node, topic, MESSAGES[stream.type])}"
        )
    if others := [info for info in found if info.topic_type != MESSAGES[stream.type]]:
        return (
            f"{stream.key}: {topic} has type {others[0].topic_type}, expected {expected}; "
            "correct type or topic in the contract"
        )
    for info in found:
        fit, reason = qos_check_compatible(info.qos_profile, profile(stream.qos))
        if fit == QoSCompatibility.ERROR:
            return (
                f"{stream.key}: {topic} is published {_words_of(info.qos_profile)}, expected "
                f"{_words(stream.qos)}; set the contract's qos to what is published"
                f" ({reason.strip().rstrip('.').removeprefix('ERROR: ')})"
            )
    if len(found) > 1:
        return (
            f"{stream.key}: {len(found)} publishers on {topic} ({_names(found)}); "
            "give each robot its own namespace, or end one"
        )
    return None


def command_problem(node: Node, command: Publication, own: int = 0) -> str | None:
    """What is wrong with a topic that moves the arm; ``own`` publishers are meant to be there."""
    topic = node.resolve_topic_name(command.topic)
    publishers = node.get_publishers_info_by_topic(topic)
    listeners = node.get_subscriptions_info_by_topic(topic)
    expected = f"{MESSAGES[command.type]}, {_words(command.qos)}"
    if len(publishers) > own:
        return (
            f"{command.key}: {len(publishers)} publishers on {topic} ({_names(publishers)}), "
            f"expected {own}; only the safety node may command the arm: end the others"
        )
    if not listeners:
        return f"{command.key}: nobody listens to {topic} ({expected}); start the arm's driver"
    if others := [info for info in listeners if info.topic_type != MESSAGES[command.type]]:
        return (
            f"{command.key}: {topic} is heard as {others[0].topic_type}, expected {expected}; "
            "correct the type in the contract"
        )
    return None


def problems(node: Node, contract: Contract, own: int = 1) -> Iterator[str]:
    """Everything that is wrong between a contract and the graph."""
    for stream in subscriptions(contract):
        if problem := stream_problem(node, stream):
            yield problem
    for command in publications(contract):
        if command.key in ("command", "gripper") and (
            problem := command_problem(node, command, own)
        ):
            yield problem


def _similar(node: Node, topic: str, kind: str) -> str:
    """Topics of the right type that could be meant."""
    same = [name for name, kinds in node.get_topic_names_and_types() if kind in kinds]
    found = sorted(name for name in same if name != topic)
    return f" (of this type there is {', '.join(found[:4])})" if found else ""


def _names(found: list[Any]) -> str:
    return ", ".join(sorted(f"{i.node_namespace.rstrip('/')}/{i.node_name}" for i in found))


def _words(qos: Qos) -> str:
    return f"{qos.reliability}, {qos.durability}"


def _words_of(found: Any) -> str:
    reliability = found.reliability.name.lower()
    late = found.durability == DurabilityPolicy.TRANSIENT_LOCAL
    return f"{reliability}, {'transient_local' if late else 'volatile'}"
