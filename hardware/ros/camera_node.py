"""``robot-rl-camera-node``: one camera of the contract from a device, a video file or pictures."""

from __future__ import annotations

import time

from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn

from hardware.camera import FrameSource, open_source
from hardware.contract_file import load_contract
from hardware.feed import Feed
from hardware.health import Health
from hardware.intrinsics import Intrinsics
from hardware.node_settings import CameraSettings
from hardware.pacer import Pacer
from hardware.ros.camera_publisher import CameraPublisher
from hardware.ros.clock import NodeClock, loop_clock
from hardware.ros.diagnostics import report_health
from hardware.ros.loop import Loop
from hardware.ros.parameters import declare
from hardware.ros.process import run
from hardware.topics import Camera


class CameraNode(LifecycleNode):
    """Configure opens the source, activate streams; a source that is lost is opened again."""

    def __init__(self) -> None:
        super().__init__("camera")
        self._feed: Feed | None = None
        self._publisher: CameraPublisher | None = None
        self._loop: Loop | None = None
        self._ticked = 0.0
        self._settings = declare(self, CameraSettings)
        contract = load_contract(self._settings.robot)
        self._camera = chosen(contract.cameras, self._settings.camera)
        self._ros_time = NodeClock(self)
        report_health(self, f"{contract.name} {self._camera.name}", self._examine)
        if self._settings.autostart:
            self._start()

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Opens the source; one that does not fit leaves the node unconfigured."""
        try:
            intrinsics = self._intrinsics()
            self._feed = Feed(self._open)
        except (OSError, ValueError) as error:
            self.get_logger().error(str(error))
            return TransitionCallbackReturn.FAILURE
        self._publisher = CameraPublisher(self, self._camera, intrinsics)
        return TransitionCallbackReturn.SUCCESS

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Starts to publish."""
        self._loop = Loop(self, Pacer(1 / self._camera.rate, loop_clock(self)), self._tick)
        self._loop.start()
        return super().on_activate(state)

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stops to publish; the source stays open."""
        self._end_loop()
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Closes the source."""
        self._release()
        return TransitionCallbackReturn.SUCCESS

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """As deactivate and cleanup."""
        self._release()
        return TransitionCallbackReturn.SUCCESS

    def destroy_node(self) -> None:
        """Closes the source, then the node."""
        if self._loop is not None:
            self._loop.end()  # and kept: the process asks it how it ended
        if self._feed is not None:
            self._feed.close()
        super().destroy_node()

    def _start(self) -> None:
        for transition in (self.trigger_configure, self.trigger_activate):
            if transition() is not TransitionCallbackReturn.SUCCESS:
                raise ConnectionError(f"camera {self._camera.name} did not start; see above")

    def _open(self) -> FrameSource:
        return open_source(self._settings.source, self._camera, self._settings.loop)

    def _intrinsics(self) -> Intrinsics | None:
        path, camera = self._settings.calibration, self._camera
        return Intrinsics.load(path, camera.width, camera.height) if path else None

    def _tick(self, now: float) -> None:
        assert self._feed is not None
        assert self._publisher is not None
        if now == self._ticked:  # /clock has not come yet, or stands still
            return
        self._ticked = now
        before = self._feed.fault
        pixels = self._feed.read(now)
        if self._feed.fault not in (None, before):
            self.get_logger().error(f"{self._feed.fault}; it will be opened again")
        if pixels is not None:
            age = time.monotonic() - self._feed.taken
            self._publisher.publish(self._ros_time.now() - age, pixels)

    def _end_loop(self) -> None:
        if self._loop is not None:
            self._loop.end()
            self._loop = None

    def _release(self) -> None:
        self._end_loop()
        if self._feed is not None and self._publisher is not None:
            self._feed.close()
            self._publisher.close()
        self._feed = self._publisher = None

    def _examine(self) -> Health:
        health = Health()
        if self._feed is None or self._publisher is None or self._loop is None:
            health.warn("the camera is not active", "stale")
            return health
        health.of_pacer(self._loop.pacer)
        health.count({"lost": self._feed.lost}, "source")
        if self._feed.fault is not None:
            health.warn(f"{self._feed.fault}; trying to open it again", "error")
        if self._feed.ended:
            health.warn(f"{self._settings.source} has ended", "stale")
        self._publisher.examine(health)
        return health


def chosen(cameras: tuple[Camera, ...], name: str) -> Camera:
    """The camera of a name; the only one needs no name.

    Raises:
        ValueError: There is none, or several and no name.
    """
    found = [camera for camera in cameras if name in (camera.name, "")]
    if len(found) != 1:
        names = ", ".join(camera.name for camera in cameras) or "none: add it to the contract"
        raise ValueError(f"camera is {name!r}; the contract has {names}")
    return found[0]


def main() -> int:
    """Runs the node."""
    return run(CameraNode, frames=True)


if __name__ == "__main__":
    raise SystemExit(main())
