"""Whether who listens to a command without names takes its numbers in the contract's order."""

from __future__ import annotations

import time
from collections.abc import Callable

from rcl_interfaces.msg import ParameterType, ParameterValue
from rcl_interfaces.srv import GetParameters
from rclpy.node import Node

from hardware.contract import Contract
from hardware.finding import Finding

_PATIENCE = 1.0
"""How long a node may take to tell a parameter [s]."""
_SUBJECT = "joint order"


def order_finding(node: Node, contract: Contract, spin: Callable[[], None]) -> Finding | None:
    """Compares the parameter ``joints`` of the command's listener, as ros2_control has it.

    Our own arm node, which has a parameter ``driver``, takes the order of its contract.

    Args:
        node: Asks.
        contract: The robot.
        spin: Lets the node receive for a moment.

    Returns:
        None for commands that carry names, and if nobody listens.
    """
    topic = node.resolve_topic_name(contract.command.topic)
    listeners = node.get_subscriptions_info_by_topic(topic)
    if contract.command.type != "Float64MultiArray" or not listeners:
        return None
    expected = list(contract.joints.arm)
    names = [f"{info.node_namespace.rstrip('/')}/{info.node_name}" for info in listeners]
    for name in names:
        said = _parameter(node, name, "joints", spin)
        if said.type == ParameterType.PARAMETER_STRING_ARRAY:
            return _compare(name, list(said.string_array_value), expected)
    for name in names:
        if _parameter(node, name, "driver", spin).type == ParameterType.PARAMETER_STRING:
            return Finding(_SUBJECT, "ok", f"{name} takes the order of its contract")
    asked = f"{topic} carries no names, and {', '.join(names)} has no parameter joints to ask for"
    return Finding(_SUBJECT, "absent", asked, f"see that it takes {', '.join(expected)}")


def _compare(name: str, found: list[str], expected: list[str]) -> Finding:
    if found == expected:
        return Finding(_SUBJECT, "ok", f"{name} takes {', '.join(found)}, as the contract")
    detail = f"{name} takes {', '.join(found)}, the contract has {', '.join(expected)}"
    remedy = "write both in the same order, and limits and home with them: a command goes by order"
    return Finding(_SUBJECT, "problem", detail, remedy)


def _parameter(node: Node, name: str, key: str, spin: Callable[[], None]) -> ParameterValue:
    """A parameter of another node; of type "not set" if it has none, or does not answer."""
    client = node.create_client(GetParameters, f"{name}/get_parameters")
    end = time.monotonic() + _PATIENCE
    while not client.service_is_ready() and time.monotonic() < end:
        spin()
    future = client.call_async(GetParameters.Request(names=[key]))
    while not future.done() and time.monotonic() < end:
        spin()
    answer = future.result() if future.done() else None
    node.destroy_client(client)
    return answer.values[0] if answer is not None and answer.values else ParameterValue()
