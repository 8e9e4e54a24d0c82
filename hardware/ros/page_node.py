"""``robot-rl-page-node``: a page for a browser: what the robot does, and a hand on it."""

from __future__ import annotations

import threading
import time

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.subscription import MessageInfo
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool

from hardware.arm_shapes import arm_shapes
from hardware.contract_file import load_contract
from hardware.endpoints import EXTRA, IMAGES
from hardware.health import LEVELS, Health
from hardware.link import Report
from hardware.node_settings import PageSettings
from hardware.pacer import Monotonic, Pacer
from hardware.page import Page
from hardware.page_jog import JOGS
from hardware.page_scene import PageScene
from hardware.page_server import serve
from hardware.page_view import Handlers, PageView
from hardware.ros import convert
from hardware.ros.clock import NodeClock
from hardware.ros.diagnostics import report_health
from hardware.ros.hand import Hand
from hardware.ros.inbox import Inbox
from hardware.ros.loop import Loop
from hardware.ros.names import (
    ESTOP,
    GRIP,
    LEARNING,
    PAUSE_LEARNING,
    RECORD,
    RECORD_FAILURE,
    RECORD_MISTAKEN,
    RECORD_REDO,
    RECORD_SUCCESS,
    REPORT,
    RESET,
    RUN_POLICY,
)
from hardware.ros.parameters import declare
from hardware.ros.process import run
from hardware.ros.service_buttons import ServiceButtons
from hardware.ros.state_listener import StateListener
from hardware.streams import Streams

_CALLS: dict[str, tuple[str, bool | None]] = {
    "estop": (ESTOP, None),
    "reset": (RESET, None),
    "begin": (RECORD, True),
    "end": (RECORD, False),
    "success": (RECORD_SUCCESS, None),
    "failure": (RECORD_FAILURE, None),
    "redo": (RECORD_REDO, None),
    "mistaken": (RECORD_MISTAKEN, None),
    "run policy": (RUN_POLICY, True),
    "rest policy": (RUN_POLICY, False),
    "learn": (PAUSE_LEARNING, False),
    "pause": (PAUSE_LEARNING, True),
}
"""Service of each button, and what it is told."""
_HEARTBEAT = 0.02
"""Time between two words to the teleop node while a button is held [s]."""
_SECOND = 1.0


class PageNode(Node):
    """What a browser does goes out at once and repeats itself; what is shown waits its turn."""

    def __init__(self) -> None:
        super().__init__("page")
        self._loop = self._server = None
        settings = declare(self, PageSettings)
        self._contract = load_contract(settings.robot)
        self._page, self._time, self._ros_time = Page(settings), Monotonic(), NodeClock(self)
        self._hand, self._pushing = Hand(self), threading.Lock()
        self._grip = self.create_publisher(Bool, GRIP, 1)
        triggers = {service for service, value in _CALLS.values() if value is None}
        switches = {service for service, value in _CALLS.values() if value is not None}
        self._buttons = ServiceButtons(self, triggers, switches, self._answered)
        self._streams = Streams.of(self._contract, looks=1 / settings.rate)
        self._inbox = Inbox(self)
        self._listener = StateListener(self._inbox, self._contract, self._streams)
        self._listen(self._inbox)
        self._serve(settings)
        self._loop = Loop(self, Pacer(_HEARTBEAT, Monotonic()), lambda _: self._push())
        self._loop.start()
        self.create_timer(1 / settings.rate, self._draw)
        self.create_timer(_SECOND, self._draw_texts)
        report_health(self, self._contract.name, self._examine)

    def destroy_node(self) -> None:
        """Lets go of the arm, closes the page, then ends the node."""
        if self._loop is not None:
            self._loop.end()
        if self._server is not None:
            self._server.stop()
        super().destroy_node()

    def _serve(self, settings: PageSettings) -> None:
        contract, self._arm = self._contract, arm_shapes(self._contract)
        self._server = serve(settings.host, settings.port, f"robot_rl · {contract.name}")
        self._viewers = self._server.get_clients
        self._scene = PageScene(self._server, contract, self._arm)
        handlers = Handlers(self._hold, self._release, self._press)
        cameras = [camera.name for camera in contract.cameras]
        self._view = PageView(self._server, self._page, handlers, cameras)
        self._shown: dict[str, float] = {}
        self.get_logger().info(f"http://{settings.host}:{self._server.get_port()}")

    def _listen(self, inbox: Inbox) -> None:
        namespace = self.get_namespace().rstrip("/") + "/"

        def report(message: JointState, _: MessageInfo) -> None:
            stamp = convert.to_seconds(message.header.stamp)
            self._page.hear_report(Report.of(stamp, np.array(message.position)))

        def status(message: JointState, _: MessageInfo) -> None:
            values = dict(zip(message.name, message.position, strict=True))
            self._page.hear_status(values, self._time.now())

        def health(message: DiagnosticArray, _: MessageInfo) -> None:
            for one in message.status:
                if one.name.startswith(namespace):
                    level, name = LEVELS[one.level[0]], one.name.removeprefix(namespace)
                    self._page.hear_health(name, level, one.message, self._time.now())

        inbox.subscribe(JointState, REPORT, report, QoSProfile(depth=10))
        inbox.subscribe(JointState, LEARNING, status, QoSProfile(depth=10))
        inbox.subscribe(DiagnosticArray, "/diagnostics", health, QoSProfile(depth=10))

    def _hold(self, client: int, button: str) -> None:
        refused = self._page.hold(client, button, self._time.now())
        if refused is None:
            self._push()
        elif not self._page.said or self._page.said[-1][1] != refused:
            self._answered("", refused)

    def _release(self, client: int) -> None:
        self._page.release(client)
        self._push()

    def _press(self, button: str) -> None:
        service, value = _CALLS[button]
        self._buttons.press(service, value)

    def _push(self) -> None:
        """Says what is held, or that nothing is any more; browsers and our own loop ask for it."""
        with self._pushing:
            asked = self._page.asked(self._time.now())
            if not self.context.ok():  # ROS has ended, and browsers go after it.
                return
            if asked is None:
                self._hand.release()
                return
            frames = self._contract.frames
            frame = frames.tool if asked.in_tool else frames.base
            self._hand.push(asked.twist, frame, self._ros_time.now())
            if asked.gripper is not None:
                self._grip.publish(Bool(data=asked.gripper))

    def _answered(self, service: str, answer: str) -> None:
        at = time.strftime("%H:%M:%S")
        self._page.said.append((at, f"{service}: {answer}" if service else answer))

    def _draw(self) -> None:
        self._inbox.take()
        if not self._viewers():
            return
        self._view.show_control(self._page.control(self._ros_time.now()))
        for name in self._streams.names:
            sample = self._streams[name].newest()
            if sample is not None and self._shown.get(name) != sample.stamp:
                self._shown[name] = sample.stamp
                self._show(name, sample.value)

    def _show(self, name: str, value: np.ndarray) -> None:
        if name.startswith(IMAGES):
            self._view.show_picture(name.removeprefix(IMAGES), value)
        elif name.startswith(EXTRA):
            self._scene.show_object(name.removeprefix(EXTRA), value)
        elif name == "joint_states" and self._arm is not None:
            self._scene.show_arm(self._arm.pose(value[0]))
        elif name == "current_pose" and self._arm is None:
            self._scene.show_tool(value)

    def _draw_texts(self) -> None:
        self._view.show_texts(self._page, self._time.now())
        self._view.show_curves(self._page.curves)
        ready = {button: self._buttons.ready(service) for button, (service, _) in _CALLS.items()}
        ready["estop"] = True  # Its topic is heard even where its service is not found.
        moved = self._hand.heard
        stopped = self._page.control(self._ros_time.now()).who == "stopped"
        ready["reset"] = ready["reset"] and stopped
        self._view.enable(ready | dict.fromkeys(JOGS, moved and not stopped))

    def _examine(self) -> Health:
        health = Health()
        health.of_streams(self._streams, self._ros_time.now())
        for problem in self._listener.problems.values():
            health.warn(problem, "error")
        if not self._hand.heard:
            health.warn("nobody moves the arm for this page; start the teleop node")
        return health


def main() -> int:
    """Runs the node."""
    return run(PageNode, frames=True)


if __name__ == "__main__":
    raise SystemExit(main())
