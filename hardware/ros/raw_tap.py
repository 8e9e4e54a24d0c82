"""Every message of a robot's topics, as it comes over the wire, into the file of the episode."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rclpy.subscription import MessageInfo
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool

from hardware.contract import Contract
from hardware.contract_file import to_values
from hardware.endpoints import IMAGES, subscriptions
from hardware.mcap_file import McapFile, RawTopic, writer_module
from hardware.ros import convert
from hardware.ros.definition import definition, type_name
from hardware.ros.inbox import Inbox
from hardware.ros.names import DEADMAN, REPORT, REQUEST, TELEOP_REQUEST
from hardware.ros.qos import profile
from hardware.topics import Qos

_DEPTH, _DEPTH_OF_IMAGES = 100, 10
"""What may wait while the node is busy; best effort hears reliable publishers as well."""


class RawTap:
    """Subscribes streams, commands, requests and reports, without reading them.

    Args:
        inbox: Subscribes.
        contract: The robot.
        dataset: Folder of the dataset.

    Raises:
        ImportError: If ``mcap`` is not installed.
    """

    def __init__(self, inbox: Inbox, contract: Contract, dataset: Path) -> None:
        writer_module()
        self._inbox, self._contract, self._dataset = inbox, contract, dataset
        self._file: McapFile | None = None
        self._topics: list[RawTopic] = []
        for topic, kind, depth in _kinds(contract):
            self._subscribe(topic, kind, depth)

    @property
    def dropped(self) -> int:
        """Messages of the newest file that the disk was too slow for."""
        return 0 if self._file is None else self._file.dropped

    def begin(self, uuid: str) -> McapFile:
        """A file that gets everything from now on."""
        contract = to_values(self._contract)
        self._file = McapFile(self._dataset, uuid, self._topics, contract)
        return self._file

    def _subscribe(self, topic: str, kind: type[Any], depth: int) -> None:
        name = self._inbox.node.resolve_topic_name(topic)
        self._topics.append(RawTopic(name, type_name(kind), definition(kind)))
        quality = profile(Qos(reliability="best_effort", depth=depth))
        receive = functools.partial(self._receive, name)
        self._inbox.subscribe(kind, topic, receive, quality, raw=True)

    def _receive(self, topic: str, data: bytes, _: MessageInfo) -> None:
        if self._file is not None:
            self._file.write(topic, data, self._inbox.node.get_clock().now().nanoseconds)


def _kinds(contract: Contract) -> Iterator[tuple[str, type[Any], int]]:
    """Topic, message class and depth of all that is kept."""
    for stream in subscriptions(contract):
        depth = _DEPTH_OF_IMAGES if stream.name.startswith(IMAGES) else _DEPTH
        yield stream.topic, convert.message_class(stream.type), depth
    for part in (contract.command, contract.gripper):
        if part is not None:
            yield part.topic, convert.message_class(part.type), _DEPTH
    yield from ((topic, JointState, _DEPTH) for topic in (REQUEST, TELEOP_REQUEST, REPORT))
    yield DEADMAN, Bool, _DEPTH
