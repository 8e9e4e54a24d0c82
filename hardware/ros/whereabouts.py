"""In which discovery range a twin is: ``robot-rl up`` keeps it on this machine, launch does not."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import rclpy
from rclpy.node import Node

from hardware.discovery_range import LOCAL, RANGE
from hardware.graph import TWIN
from hardware.ros.context import new_context
from hardware.ros.names import REPORT

RANGES = ("LOCALHOST", "SUBNET")
"""Nodes of one range do not find those of the other."""
PATIENCE = 2.0
"""Within so long a robot that is there is found [s]."""
_LOOK = 0.02


def look_where_it_is(namespace: str = "", robot: str = TWIN, patience: float = PATIENCE) -> None:
    """Sets the range for this process to the one in which a twin is, unless the user has chosen.

    Args:
        namespace: Of its nodes.
        robot: Name of its contract; one that is no twin is looked for where ROS looks.
        patience: After so long it is taken to be where ``robot-rl up`` puts it [s].
    """
    chosen = os.environ.get(RANGE) or os.environ.get(LOCAL)
    if not chosen and robot.startswith(TWIN):
        os.environ[RANGE] = _found(namespace, patience)


def _found(namespace: str, patience: float) -> str:
    """The range in which a safety node is."""
    end = time.monotonic() + patience
    with ExitStack() as stack:
        nodes = {each: stack.enter_context(_node(each, namespace)) for each in RANGES}
        while time.monotonic() < end:
            for each, node in nodes.items():
                if node.count_publishers(node.resolve_topic_name(REPORT)):
                    return each
            time.sleep(_LOOK)
    return RANGES[0]


@contextmanager
def _node(discovery: str, namespace: str) -> Iterator[Node]:
    with in_range(discovery):
        context = new_context()
    name = f"whereabouts_{os.getpid()}_{discovery.lower()}"
    node = rclpy.create_node(name, context=context, namespace=namespace)
    try:
        yield node
    finally:
        node.destroy_node()
        context.try_shutdown()


@contextmanager
def in_range(discovery: str) -> Iterator[None]:
    """Contexts that are made meanwhile are of this range."""
    before = os.environ.get(RANGE)
    os.environ[RANGE] = discovery
    try:
        yield
    finally:
        if before is None:
            del os.environ[RANGE]
        else:
            os.environ[RANGE] = before
