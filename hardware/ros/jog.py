"""``robot-rl jog``: the keys of a terminal as a device of the teleop node."""

from __future__ import annotations

import os
import time

import rclpy
from rclpy.node import Node

from hardware.contract_checks import relative
from hardware.discovery_range import RANGE
from hardware.jog import HELP, Jog
from hardware.keys import Keys
from hardware.ros.hand import Hand
from hardware.shared_memory import take_back

_PERIOD = 0.05
_FRAME = ""
"""The teleop node's own."""


def jog(namespace: str = "", speed: float = 0.05, turn: float = 0.3, timeout: float = 5.0) -> int:
    """Moves an arm until a key ends it.

    Args:
        namespace: Of the robot's nodes; empty for none.
        speed: Of the tool [m/s].
        turn: Likewise [rad/s].
        timeout: How long the teleop node may take to appear [s].

    Returns:
        Exit status 0.

    Raises:
        ValueError: Nobody sits at a terminal, or the namespace is no relative name.
        ConnectionError: No teleop node listens.
    """
    if namespace:
        relative(namespace, "namespace")
    with Keys() as keys:
        if not keys.interactive:
            raise ValueError(
                "jog needs the keys of a terminal, and standard input is none; type robot-rl jog "
                "in a terminal of its own, not in a pipe or a service"
            )
        take_back()
        with rclpy.init(args=[]):
            node = rclpy.create_node(f"jog_{os.getpid()}", namespace=namespace)
            hand = Hand(node)
            try:
                _find(hand, node, timeout)
                print(HELP, flush=True)
                _move(Jog(speed, turn), keys, hand, node)
            finally:
                hand.release()
    return 0


def _find(hand: Hand, node: Node, timeout: float) -> None:
    end = time.monotonic() + timeout
    while not hand.heard:
        if time.monotonic() > end:
            raise ConnectionError(
                f"no teleop node listens on {node.resolve_topic_name('teleop/enable')} within "
                f"{timeout:g} s; start it: robot-rl up --teleop, and see that namespace, "
                f"ROS_DOMAIN_ID and {RANGE} are the robot's"
            )
        time.sleep(_PERIOD)


def _move(jog: Jog, keys: Keys, hand: Hand, node: Node) -> None:
    while not jog.ended:
        now = time.monotonic()
        jog.press(keys.presses(), now)
        twist = jog.twist(now)
        if twist is None:
            hand.release()
        else:
            hand.push(twist, _FRAME, 1e-9 * node.get_clock().now().nanoseconds)
        time.sleep(_PERIOD)
