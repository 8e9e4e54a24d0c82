"""Reads every frame of some image topics and says how many came, and how late.

Started by ``benchmarks.camera_transport``: DDS reads its profile when a process starts. Arguments:
frames per second, seconds to listen, topics.
"""

from __future__ import annotations

import functools
import json
import sys
import time
from collections.abc import Callable

import numpy as np
import rclpy
from rclpy.node import Node
from rclpy.subscription import MessageInfo
from sensor_msgs.msg import Image

from hardware.ros import convert
from hardware.ros.inbox import Inbox
from hardware.ros.qos import profile
from hardware.stream import Stream
from hardware.topics import SENSOR

PATIENCE = 20.0
"""How long the first frames may take [s]."""
LOOK = 0.001
"""How often it is looked for frames [s]."""


class Listener(Node):
    """Counts frames by their stamps, as every node of a robot does.

    Attributes:
        streams: By topic.
        latencies: From stamp to callback [s].
    """

    def __init__(self, topics: list[str], rate: float) -> None:
        super().__init__("listener")
        self.streams = {topic: Stream(topic, 1.0, 1 / rate) for topic in topics}
        self.latencies: list[float] = []
        self._inbox = Inbox(self)
        for topic in topics:
            receive = functools.partial(self._receive, topic)
            self._inbox.subscribe(Image, topic, receive, profile(SENSOR))

    @property
    def begun(self) -> bool:
        """Whether every topic has frames."""
        return all(stream.newest() is not None for stream in self.streams.values())

    def listen(self, seconds: float, done: Callable[[], bool] = lambda: False) -> bool:
        """Receives until it is done; returns whether it was within the time [s]."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and not done():
            self._inbox.take()
            time.sleep(LOOK)
        return done()

    def counts(self) -> dict[str, float]:
        """Frames received and missing by their stamps, and latencies [ms]."""
        counts = [stream.counts for stream in self.streams.values()]
        median, p99 = 1e3 * np.percentile(self.latencies, [50, 99])
        return {
            "received": sum(count.received for count in counts),
            "dropped": sum(count.dropped for count in counts),
            "median": median,
            "p99": p99,
        }

    def _receive(self, topic: str, message: Image, _: MessageInfo) -> None:
        pixels = convert.pixels_of(message)
        now = 1e-9 * self.get_clock().now().nanoseconds
        stamp = convert.to_seconds(message.header.stamp)
        self.streams[topic].push(stamp, now, pixels.shape)
        self.latencies.append(now - stamp)


def main(arguments: list[str]) -> int:
    """Listens, and prints the counts as JSON.

    Returns:
        Exit status: 1 if a topic stayed silent.
    """
    rate, seconds, *topics = arguments
    rclpy.init()
    node = Listener(topics, float(rate))
    if not node.listen(PATIENCE, lambda: node.begun):
        silent = [topic for topic, stream in node.streams.items() if stream.newest() is None]
        print(f"nothing on {', '.join(silent)} for {PATIENCE:.0f} s", file=sys.stderr)
        return 1
    node.listen(float(seconds))
    print(json.dumps(node.counts()))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
