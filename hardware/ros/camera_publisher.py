"""The topics of one camera: raw, compressed if somebody listens, and ``camera_info``."""

from __future__ import annotations

import os
from typing import NamedTuple

import numpy as np
from rclpy.node import Node
from rclpy.publisher import Publisher
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from hardware.dds_profile import loss_of
from hardware.health import Health
from hardware.intrinsics import Intrinsics
from hardware.ros import convert
from hardware.ros.qos import profile
from hardware.stream import Stream
from hardware.streams import Streams
from hardware.topics import Camera, Qos

SLOW = 0.9
"""Share of the contract's rate below which a camera complains."""
_KEEP = 2.0
"""Time that the rate is measured over [s]."""


class Topics(NamedTuple):
    """Names of one camera's topics."""

    raw: str
    compressed: str
    info: str

    @classmethod
    def of(cls, camera: Camera) -> Topics:
        """Those of a contract, whose topic is the raw or the compressed one."""
        raw, compressed = camera.topic, f"{camera.topic}/compressed"
        if camera.type == "compressed":
            parent, _, _ = camera.topic.rpartition("/")
            raw, compressed = parent or f"{camera.name}/image_raw", camera.topic
        return cls(raw, compressed, camera.info_topic)


class CameraPublisher:
    """Publishes the frames of one camera and counts them.

    Args:
        node: Publishes.
        camera: As the contract has it.
        intrinsics: Its calibration; without one ``camera_info`` has the size only, and zeros.

    Attributes:
        stream: What was published: frames, and the gaps between their stamps.
    """

    def __init__(self, node: Node, camera: Camera, intrinsics: Intrinsics | None = None) -> None:
        self._node, self._camera = node, camera
        self._frame_id = f"{camera.name}_optical"
        self._info = camera_info(camera, intrinsics)
        # One message for all frames: fresh memory for each would cost more than the rest of it.
        blank = np.zeros((camera.height, camera.width, 3), np.uint8)
        self._far = camera.type == "depth"
        image = convert.depth_image if self._far else convert.image
        self._image = image(0.0, self._frame_id, blank)
        values = np.frombuffer(self._image.data, "<u2" if self._far else np.uint8)
        self._values = values.reshape(camera.height, camera.width, -1)
        topics, qos = Topics.of(camera), profile(camera.qos)
        self._raw = node.create_publisher(Image, topics.raw, qos)
        self._compressed: Publisher | None = None
        if not self._far:  # JPEG has eight bits.
            self._compressed = node.create_publisher(CompressedImage, topics.compressed, qos)
        self._infos = node.create_publisher(CameraInfo, topics.info, profile(Qos()))
        period = 1 / camera.rate
        self.stream = Stream(camera.name, camera.stale_after, period, max(_KEEP, 5 * period))
        self._loss = loss_of(camera.bytes, os.environ)
        if self._loss is not None:
            node.get_logger().warning(self._loss)

    def publish(self, stamp: float, pixels: np.ndarray) -> None:
        """Publishes a frame.

        Args:
            stamp: When it was taken, in ROS time [s].
            pixels: RGB, of the contract's size; of a depth camera as ``depth.grey_of``. Shape
                (height, width, 3), uint8.
        """
        self._values[:] = convert.millimetres_of(pixels) if self._far else pixels
        self._image.header = self._info.header = convert.header(stamp, self._frame_id)
        self._raw.publish(self._image)
        if self._compressed is not None and self._compressed.get_subscription_count():
            self._compressed.publish(convert.compressed(stamp, self._frame_id, pixels))
        self._infos.publish(self._info)
        self.stream.push(stamp, 1e-9 * self._node.get_clock().now().nanoseconds, None)

    def examine(self, health: Health) -> None:
        """Adds frames, rate and gaps, and what is wrong with them."""
        now, wanted = 1e-9 * self._node.get_clock().now().nanoseconds, self._camera.rate
        health.of_streams(Streams([self.stream]), now)
        rate, counts = self.stream.rate(now), self.stream.counts
        if self._loss is not None:
            health.warn(self._loss)
        if (fault := self.stream.fault(now)) is not None:
            health.warn(fault)
        elif counts.received > wanted and rate < SLOW * wanted:
            health.warn(
                f"{self._camera.name} comes at {rate:.1f} of {wanted:g} Hz: its source or this "
                "machine is too slow; correct the contract's rate, or make the frames smaller"
            )

    def close(self) -> None:
        """Ends the topics."""
        for publisher in filter(None, (self._raw, self._compressed, self._infos)):
            self._node.destroy_publisher(publisher)


def camera_info(camera: Camera, intrinsics: Intrinsics | None) -> CameraInfo:
    """The message without its header; all zeros tell that the camera is not calibrated."""
    info = CameraInfo(height=camera.height, width=camera.width)
    if intrinsics is not None:
        fx, fy, cx, cy = intrinsics.fx, intrinsics.fy, intrinsics.cx, intrinsics.cy
        info.distortion_model = intrinsics.model
        info.d = list(intrinsics.distortion)
        info.k = [fx, 0.0, cx, 0.0, fy, cy, 0.0, 0.0, 1.0]
        info.r = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]
        info.p = [fx, 0.0, cx, 0.0, 0.0, fy, cy, 0.0, 0.0, 0.0, 1.0, 0.0]
    return info
