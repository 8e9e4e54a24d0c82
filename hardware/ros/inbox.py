"""Topics taken past rclpy's executor, by the loop that needs what they say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.event_handler import SubscriptionEventCallbacks
from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.subscription import MessageInfo, Subscription

from hardware.pacer import Monotonic, Pacer
from hardware.ros.loop import Loop

_PERIOD = 0.002
"""How often ``poll`` looks [s]."""


class _Untouched(ReentrantCallbackGroup):
    """Nothing for the executor to wait for."""

    def can_execute(self, entity: Any) -> Literal[False]:  # pyright: ignore[reportIncompatibleMethodOverride]
        return False


class Inbox:
    """Hands messages over in ``take``, in the order in which their topics were subscribed.

    rclpy's executor builds a new wait set of everything for each message, in Python, which costs
    more than to read it; to look at a topic in vain takes a microsecond (``benchmarks.inbox``).
    Nobody is told of publishers with another quality: each message would wake who waits for that.
    ``hardware.ros.inspection`` finds them.

    Args:
        node: Subscribes.

    Attributes:
        node: The same.
    """

    def __init__(self, node: Node) -> None:
        self.node, self._group = node, _Untouched()
        self._topics: list[tuple[Subscription, int, Callable[[Any, MessageInfo], None]]] = []

    def subscribe(
        self,
        kind: type[Any],
        topic: str,
        receive: Callable[[Any, MessageInfo], None],
        qos: QoSProfile,
        raw: bool = False,
    ) -> None:
        """Subscribes a topic.

        Args:
            kind: Class of the messages.
            topic: Its name.
            receive: Is handed each message, and what DDS says of it.
            qos: As many messages as its depth are handed over at once.
            raw: Whether ``receive`` gets the bytes as they came over the wire.
        """
        subscription = self.node.create_subscription(
            kind,
            topic,
            _nobody,
            qos,
            callback_group=self._group,
            event_callbacks=SubscriptionEventCallbacks(use_default_callbacks=False),
            raw=raw,
        )
        self._topics.append((subscription, qos.depth, receive))

    def take(self) -> None:
        """Hands over what has come since the last call; call it in one thread."""
        for subscription, depth, receive in self._topics:
            for _ in range(depth):  # who floods a topic shall not keep the loop from ticking
                with subscription.handle:
                    taken = subscription.handle.take_message(
                        subscription.msg_type, subscription.raw
                    )
                if taken is None:
                    break
                receive(*taken)

    def poll(self) -> Loop:
        """Takes in a thread of its own, for a node without a fast loop; end it with the node."""
        pacer = Pacer(_PERIOD, Monotonic())
        loop = Loop(self.node, pacer, lambda _: self.take())
        loop.start()
        return loop


def _nobody(_: Any) -> None:
    raise AssertionError("the executor has called what it was kept from")
