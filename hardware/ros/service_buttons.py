"""Services that a person's buttons call; each call says what came back."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any

from rclpy.node import Node
from rclpy.task import Future
from std_msgs.msg import Bool
from std_srvs.srv import SetBool, Trigger

from hardware.ros.names import ESTOP

Say = Callable[[str, str], None]
"""Service and answer."""


class ServiceButtons:
    """Calls without waiting.

    Args:
        node: Calls.
        triggers: Names of services ``Trigger``.
        switches: Names of services ``SetBool``.
        say: Is told each answer, in the node's thread.
    """

    def __init__(
        self, node: Node, triggers: Iterable[str], switches: Iterable[str], say: Say
    ) -> None:
        self._say = say
        self._clients = {name: node.create_client(Trigger, name) for name in triggers}
        self._clients |= {name: node.create_client(SetBool, name) for name in switches}
        self._estop = node.create_publisher(Bool, ESTOP, 10)

    def ready(self, service: str) -> bool:
        """Whether somebody serves it."""
        return self._clients[service].service_is_ready()

    def press(self, service: str, value: bool | None = None) -> None:
        """Calls a service; a ``SetBool`` with a value."""
        if service == ESTOP:  # the topic needs no answer, and works before services are found
            self._estop.publish(Bool(data=True))
        client = self._clients[service]
        if not client.service_is_ready():
            self._say(service, f"nobody serves {client.srv_name}; start its node")
            return
        request: Any = Trigger.Request() if value is None else SetBool.Request(data=value)
        answered = functools.partial(self._answered, service)
        client.call_async(request).add_done_callback(answered)

    def _answered(self, service: str, future: Future) -> None:
        if (answer := future.result()) is not None:
            refused = "" if answer.success else "refused: "
            self._say(service, f"{refused}{answer.message or 'done'}")
