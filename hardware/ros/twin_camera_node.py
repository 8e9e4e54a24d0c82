"""``robot-rl-twin-camera-node``: draws the twin's cameras beside its physics."""

from __future__ import annotations

import functools
import importlib
import os
from typing import Any

import numpy as np
from rclpy.node import Node
from rclpy.subscription import MessageInfo
from sensor_msgs.msg import JointState

from hardware.contract import Contract
from hardware.contract_file import load_contract
from hardware.health import Health
from hardware.intrinsics import Intrinsics
from hardware.node_settings import TwinCameraSettings
from hardware.ros import convert
from hardware.ros.camera_publisher import CameraPublisher
from hardware.ros.diagnostics import report_health
from hardware.ros.inbox import Inbox
from hardware.ros.names import SCENE
from hardware.ros.parameters import declare
from hardware.ros.process import run
from hardware.ros.qos import profile
from hardware.topics import SENSOR, Camera

_NICE = 10
"""By how much it yields to arm, safety node and policy, which a real camera would leave alone."""


class TwinCameraNode(Node):
    """Each camera draws the newest scene at its rate, on the node's clock.

    All in one thread: PyBullet keeps the interpreter to itself while it draws. Cameras that are too
    much for one core go into processes of their own, by the parameter ``cameras``.
    """

    def __init__(self) -> None:
        super().__init__("twin_camera")
        os.nice(_NICE)
        self._view: Any = None
        settings = declare(self, TwinCameraSettings)
        contract = load_contract(settings.robot)
        make = importlib.import_module("sim.environments").make_twin_view
        self._view = make(settings.task, settings.gap, settings.seed)
        self._scene: tuple[float, np.ndarray] | None = None
        self._stamps: dict[str, float] = {}
        self._cameras = [self._add(camera) for camera in drawn(contract, settings.cameras)]
        self._inbox = Inbox(self)
        self._inbox.subscribe(JointState, SCENE, self._receive, profile(SENSOR))
        report_health(self, contract.name, self._examine)

    def destroy_node(self) -> None:
        """Frees the renderers, then the node."""
        if self._view is not None:
            self._view.close()
        super().destroy_node()

    def _add(self, camera: Camera) -> CameraPublisher:
        fovy = self._view.fovy(camera.name)
        intrinsics = Intrinsics.of_fovy(fovy, camera.width, camera.height)
        publisher = CameraPublisher(self, camera, intrinsics)
        self.create_timer(1 / camera.rate, functools.partial(self._draw, camera, publisher))
        return publisher

    def _receive(self, message: JointState, _: MessageInfo) -> None:
        self._scene = convert.to_seconds(message.header.stamp), np.array(message.position)

    def _draw(self, camera: Camera, publisher: CameraPublisher) -> None:
        self._inbox.take()
        if self._scene is None:
            return
        picture = self._view.take(camera.name, (camera.width, camera.height), *self._scene)
        # The same picture again is a dropped frame, or an arm that has nothing new to tell.
        if picture.stamp != self._stamps.get(camera.name):
            self._stamps[camera.name] = picture.stamp
            publisher.publish(picture.stamp, picture.pixels)

    def _examine(self) -> Health:
        health = Health()
        if self._scene is None:
            health.warn("no scene has come yet; start the arm node with driver twin", "stale")
        for publisher in self._cameras:
            publisher.examine(health)
        return health


def drawn(contract: Contract, names: tuple[str, ...]) -> list[Camera]:
    """The cameras of a contract that have one of the names; all without a name.

    Raises:
        ValueError: There is no such camera.
    """
    wanted = {name for name in names if name} or {camera.name for camera in contract.cameras}
    if unknown := wanted - {camera.name for camera in contract.cameras}:
        raise ValueError(
            f"{contract.name} has no camera {', '.join(sorted(unknown))}; choose from "
            f"{', '.join(camera.name for camera in contract.cameras)}"
        )
    return [camera for camera in contract.cameras if camera.name in wanted]


def main() -> int:
    """Runs the node."""
    return run(TwinCameraNode, frames=True)


if __name__ == "__main__":
    raise SystemExit(main())
