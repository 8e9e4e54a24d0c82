"""``hardware.link.Link`` over ROS 2: a node of its own, in a context of its own."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import rclpy
from geometry_msgs.msg import PoseStamped
from rclpy.executors import SingleThreadedExecutor
from rclpy.parameter import Parameter
from rclpy.publisher import Publisher
from rclpy.qos import QoSProfile
from rclpy.subscription import MessageInfo
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool
from std_srvs.srv import SetBool, Trigger

from hardware.contract import Contract
from hardware.dds_profile import use_dds_profile
from hardware.keys import Key
from hardware.link import SET_BACK, Report
from hardware.ros import convert
from hardware.ros.clock import NodeClock
from hardware.ros.context import new_context
from hardware.ros.inbox import Inbox
from hardware.ros.inspection import command_problem, commands, problems, safety_problem
from hardware.ros.names import (
    EPISODE,
    LEARNING,
    PAUSE_LEARNING,
    PLACE,
    REPORT,
    REQUEST,
    RESET_FORCE,
    SCENE,
)
from hardware.ros.qos import LATCHED, profile
from hardware.ros.question import Question
from hardware.ros.record_buttons import RecordButtons
from hardware.ros.state_listener import StateListener
from hardware.safety import GRIPPER, request_names
from hardware.streams import Streams

_LOOK = 0.01
_DISCOVERY = 0.5
"""Time after which all nodes of a machine have found each other [s]."""
_KEPT = 500
"""Reports that are kept: five seconds at 100 Hz."""


class RobotLink:
    """Listens to a robot and asks its safety node.

    Args:
        contract: The robot.
        namespace: Of its nodes.
        cameras: Cameras whose images are wanted; the others are not subscribed.
        use_sim_time: Whether ``/clock`` counts.
    """

    def __init__(
        self,
        contract: Contract,
        namespace: str = "",
        cameras: tuple[str, ...] = (),
        use_sim_time: bool = False,
    ) -> None:
        self.contract = contract
        self._born = time.monotonic()
        os.environ.update(use_dds_profile(os.environ))  # Read when the first context is made.
        self._context = new_context()
        self.node = rclpy.create_node(
            "robot_link",
            context=self._context,
            namespace=namespace,
            parameter_overrides=[Parameter("use_sim_time", value=use_sim_time)],
        )
        wanted = tuple(camera for camera in contract.cameras if camera.name in cameras)
        self._streams = Streams.of(replace(contract, cameras=wanted))
        inbox = Inbox(self.node)
        self._listener = StateListener(inbox, contract, self._streams)
        self._clock = NodeClock(self.node)
        self._names = request_names(contract)
        self._request = self.node.create_publisher(JointState, REQUEST, 1)
        self._reports: deque[Report] = deque(maxlen=_KEPT)
        inbox.subscribe(JointState, REPORT, self._hear, QoSProfile(depth=10))
        self._gripper: float | None = None
        if (gripper := contract.gripper) is not None:
            kind = convert.message_class(gripper.type)
            inbox.subscribe(kind, gripper.topic, self._grip, profile(gripper.qos))
        self._scene: np.ndarray | None = None
        self._buttons = RecordButtons(self.node)
        inbox.subscribe(JointState, SCENE, self._see, QoSProfile(depth=1))
        self._told = self.node.create_publisher(JointState, LEARNING, 10)
        self._reset = self.node.create_client(Trigger, RESET_FORCE)
        self._episode: Publisher | None = None
        self._places: dict[str, Publisher] = {
            pose.name: self.node.create_publisher(PoseStamped, f"{pose.name}/{PLACE}", 1)
            for pose in contract.extra
        }
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self.node)
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._spin, name="robot_link", daemon=True)
        self._thread.start()
        self._hearing = inbox.poll()

    @property
    def streams(self) -> Streams:
        """What the robot reports."""
        return self._streams

    def now(self) -> float:
        """Time of ROS [s]."""
        return self._clock.now()

    def sleep_until(self, when: float) -> None:
        """Returns at ``when`` [s], or a little earlier."""
        self._clock.sleep_until(when)

    def connect(self, timeout: float) -> None:
        """Waits until every stream is fresh and the safety node listens.

        Raises:
            ConnectionError: Something is missing after ``timeout`` [s] on the wall.
        """
        end = time.monotonic() + timeout
        while not (self._ready() and self._commanded_once()):
            if time.monotonic() > end:
                raise ConnectionError(self._complaint(timeout))
            time.sleep(_LOOK)

    def request(self, target: np.ndarray, gripper: float | None) -> float:
        """Asks the safety node for a command; returns its stamp [s]."""
        stamp, names, numbers = self.now(), list(self._names), target
        if gripper is not None:
            names, numbers = [*names, GRIPPER], np.append(target, gripper)
        self._request.publish(convert.joint_state(stamp, names, numbers))
        return stamp

    def reports(self, since: float) -> list[Report]:
        """What the safety node has said since a time [s], oldest first."""
        return [report for report in list(self._reports) if report.stamp >= since]

    def gripper(self) -> float | None:
        """The last command to the gripper, in the unit of its driver; None if there was none."""
        return self._gripper

    def place(self, name: str, pose: np.ndarray) -> bool:
        """Asks a twin to put an object elsewhere; False if nobody listens."""
        publisher = self._places.get(name)
        if publisher is None or publisher.get_subscription_count() == 0:
            return False
        publisher.publish(convert.pose_stamped(self.now(), self.contract.frames.base, pose))
        return True

    def scene(self) -> np.ndarray | None:
        """Positions of everything, where a twin publishes them."""
        return self._scene

    def announce(self, running: bool) -> None:
        """Tells who watches whether an episode runs now; after the end of ROS, nobody."""
        if not self._context.ok():
            return
        if self._episode is None:  # Links that only look have nothing to say.
            self._episode = self.node.create_publisher(Bool, EPISODE, profile(LATCHED))
        self._episode.publish(Bool(data=running))

    def pressed(self, keys: Collection[Key]) -> list[Key]:
        """What the record services were called for since the last look; these keys have one."""
        return self._buttons.pressed(keys)

    def open_latch(self, timeout: float = 2.0) -> None:
        """Opens the latch of the safety node, unless a person has closed it as well.

        Raises:
            ConnectionError: It does not answer within ``timeout`` [s].
        """
        question = Question(self._reset, Trigger.Request(), again=timeout / 4)
        end = time.monotonic() + timeout
        while question.answer() is None:
            if time.monotonic() > end:
                raise ConnectionError(
                    f"{self._reset.srv_name} does not answer within {timeout:g} s; "
                    "is the safety node running?"
                )
            time.sleep(_LOOK)

    def tell(self, values: Mapping[str, float]) -> None:
        """Publishes named numbers of learning on ``learning/status``."""
        numbers = np.array(list(values.values()), np.float64)
        self._told.publish(convert.joint_state(self.now(), values, numbers))

    def offer_pause(self) -> Callable[[], bool]:
        """Serves ``learning/pause``; returns whether somebody has paused."""
        paused = threading.Event()

        def switch(request: SetBool.Request, answer: SetBool.Response) -> SetBool.Response:
            (paused.set if request.data else paused.clear)()
            answer.success = True
            answer.message = "rests after this episode" if request.data else "goes on"
            return answer

        self.node.create_service(SetBool, PAUSE_LEARNING, switch)
        return paused.is_set

    def close(self) -> None:
        """Ends node and context; safe to call twice."""
        if self._ending.is_set():
            return
        self._ending.set()
        self._hearing.end()
        self._thread.join()
        self._executor.shutdown()
        self.node.destroy_node()
        self._context.try_shutdown()

    def _spin(self) -> None:
        try:
            while not self._ending.is_set():
                self._executor.spin_once(timeout_sec=0.05)
        except Exception:
            if self._context.ok():
                raise  # Else SIGINT has ended every context, at whatever moment.

    def _hear(self, message: JointState, _: MessageInfo) -> None:
        stamp = convert.to_seconds(message.header.stamp)
        if self._reports and stamp < self._reports[-1].stamp - SET_BACK:
            self._reports.clear()  # The clock was set back, and what was before is to come.
        self._reports.append(Report.of(stamp, np.array(message.position)))

    def _grip(self, message: Any, _: MessageInfo) -> None:
        self._gripper = convert.gripper_value(message)

    def _see(self, message: JointState, _: MessageInfo) -> None:
        self._scene = np.array(message.position)

    def _ready(self) -> bool:
        listens = self._request.get_subscription_count() > 0 and len(self._reports) > 0
        return (
            listens
            and not self._streams.faults(self.now())
            and self._streams.align(self.now()).whole
        )

    def _commanded_once(self) -> bool:
        """Whether the safety node alone commands; who else does is known a little after we came."""
        settled = time.monotonic() > self._born + _DISCOVERY
        return settled and not any(
            command_problem(self.node, command) for command in commands(self.contract)
        )

    def _complaint(self, timeout: float) -> str:
        """What is missing, as the graph and the streams have it."""
        unread, now = self._listener.problems, self.now()
        found = list(problems(self.node, self.contract, self._streams, now, unread))
        if (safety := safety_problem(self.node, bool(self._reports))) is not None:
            found.append(safety)
        apart = self._streams.align(now).faults.values()
        told = found or apart or ["all of it came together only now; try again"]
        lines = "".join(f"\n  - {line}" for line in told)
        return f"{self.contract.name} is not whole after {timeout:g} s:{lines}"
