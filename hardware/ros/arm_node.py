"""``robot-rl-arm-node``: one arm behind its driver, as topics of its contract."""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from geometry_msgs.msg import PoseStamped, WrenchStamped
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.publisher import Publisher
from rclpy.subscription import MessageInfo
from rosgraph_msgs.msg import Clock as ClockMessage
from sensor_msgs.msg import JointState

from hardware.arm import Arm
from hardware.contract import Contract
from hardware.contract_file import load_contract
from hardware.driver import HasScene, Reading, Simulated, check_reading, make_driver
from hardware.health import Health
from hardware.node_settings import ArmSettings
from hardware.pacer import Monotonic, Pacer
from hardware.ros import convert
from hardware.ros.diagnostics import report_health
from hardware.ros.inbox import Inbox
from hardware.ros.loop import Loop
from hardware.ros.names import PLACE, SCENE
from hardware.ros.parameters import declare
from hardware.ros.process import run
from hardware.ros.qos import of_several, profile
from hardware.topics import Command, Gripper, Qos

STATES = Qos(depth=10)
"""Reliable, so that everybody hears them, also who insists on it."""
_UNDER_WAY = 1.0
"""So long after it is activated the arm node compares when commands were sent: somebody may set the
clock of the wall back later [s]."""
_NUMBERS: dict[str, Callable[[Any], np.ndarray]] = {
    "Float64MultiArray": lambda message: np.array(message.data),
    "Float64": lambda message: np.array([message.data]),
    "PoseStamped": lambda message: convert.vector_of_pose(message.pose),
    "Twist": lambda message: convert.vector_of_twist(message),
    "TwistStamped": lambda message: convert.vector_of_twist(message.twist),
}
"""Types of commands that a driver is handed as numbers."""


class ArmNode(LifecycleNode):
    """Configure connects the driver, activate moves; deactivate holds the arm."""

    def __init__(self) -> None:
        super().__init__("arm")
        self._arm: Arm | None = None
        self._loop: Loop | None = None
        self._active, self._since = False, 0
        self._settings = declare(self, ArmSettings)
        contract = load_contract(self._settings.robot).streaming(self._settings.stream)
        if self._settings.mode:
            contract = contract.with_mode(self._settings.mode)  # pyright: ignore[reportArgumentType]
        _require_numbers(contract)
        self._contract = contract
        self._joints = (*self._contract.joints.arm, *self._contract.joints.gripper)
        self._inbox = Inbox(self)
        self._states: Publisher | None = None
        self._scenic: HasScene | None = None
        self._lock = threading.RLock()
        report_health(self, self._contract.name, self._examine)
        if self._settings.autostart:
            self._start()

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Connects; an arm that does not answer leaves the node unconfigured."""
        try:
            driver = make_driver(self._settings.driver, self._contract, **self._options())
            driver.connect()
            check_reading(self._contract, driver)
        except (ConnectionError, OSError, ValueError, TypeError, ImportError) as error:
            self.get_logger().error(str(error))
            return TransitionCallbackReturn.FAILURE
        self._arm = Arm(self._contract, driver)
        self._scenic = driver if isinstance(driver, HasScene) else None
        if self._states is None:
            self._advertise()
        return TransitionCallbackReturn.SUCCESS

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Starts the loop that reads and publishes; commands now reach the arm."""
        assert self._arm is not None
        driver, rates = self._arm.driver, self._contract.rates
        simulated = isinstance(driver, Simulated)
        self._advance = driver.advance if simulated else lambda _: None
        self._every = max(1, round(rates.stream / rates.state))
        clock = Monotonic(self._settings.speed)
        # The clock of a driver that lost its arm may stand still, and commands still time out.
        self._now = driver.time if simulated else clock.now
        self._loop = Loop(self, Pacer(1 / rates.stream, clock), self._tick)
        self._since = time.time_ns()  # What was sent before may still be under way, for a moment.
        self._settled = time.monotonic() + _UNDER_WAY
        self._active = True
        self._loop.start()
        return super().on_activate(state)

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Ends the loop with the arm held."""
        self._end_loop()
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Ends the connection."""
        self._disconnect()
        return TransitionCallbackReturn.SUCCESS

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """As deactivate and cleanup."""
        self._disconnect()
        return TransitionCallbackReturn.SUCCESS

    def destroy_node(self) -> None:
        """Holds the arm, ends the connection, then the node."""
        self._disconnect()
        super().destroy_node()

    def _start(self) -> None:
        for transition in (self.trigger_configure, self.trigger_activate):
            if transition() is not TransitionCallbackReturn.SUCCESS:
                raise ConnectionError(f"the arm of {self._contract.name} did not start; see above")

    def _options(self) -> dict[str, Any]:
        """Options of the driver."""
        if self._settings.driver != "twin":
            return {}
        return {name: getattr(self._settings, name) for name in ("task", "gap", "seed")}

    def _advertise(self) -> None:
        state, command, gripper = (
            self._contract.state,
            self._contract.command,
            self._contract.gripper,
        )
        sensor = profile(STATES)
        self._states = self.create_publisher(JointState, state.joint_states.topic, sensor)
        self._wrench = state.wrench and self.create_publisher(
            WrenchStamped, state.wrench.topic, sensor
        )
        self._pose = state.current_pose and self.create_publisher(
            PoseStamped, state.current_pose.topic, sensor
        )
        self._clock_topic = self.create_publisher(ClockMessage, "/clock", 1)
        self._subscribe(command, self._command)
        if gripper is not None:
            self._subscribe(gripper, self._grip)
        self._objects: dict[str, Any] = {}
        if self._scenic is not None:
            self._scene = self.create_publisher(JointState, SCENE, sensor)
            for name in self._scenic.objects():
                self._objects[name] = self.create_publisher(PoseStamped, f"{name}/pose", sensor)
                place = functools.partial(self._place, name)
                self.create_subscription(PoseStamped, f"{name}/{PLACE}", place, 1)

    def _subscribe(
        self, part: Command | Gripper, take: Callable[[np.ndarray, float, bytes], None]
    ) -> None:
        """Hands over the numbers of each message, how long ago it was sent [s], and by whom."""
        numbers = _NUMBERS[part.type]

        def receive(message: Any, info: MessageInfo) -> None:
            sent = info["source_timestamp"]
            if self._active and (sent >= self._since or time.monotonic() > self._settled):
                age = 1e-9 * (time.time_ns() - sent)
                take(numbers(message), age, convert.sender_of(info))

        kind = convert.message_class(part.type)
        self._inbox.subscribe(kind, part.topic, receive, of_several(part.qos))

    def _command(self, values: np.ndarray, age: float, sender: bytes) -> None:
        assert self._arm is not None
        self._arm.command(values, self._now(), age, sender)

    def _grip(self, values: np.ndarray, age: float, sender: bytes) -> None:
        assert self._arm is not None
        if values.size:
            self._arm.grip(values[0])

    def _place(self, name: str, message: PoseStamped) -> None:
        pose = convert.vector_of_pose(message.pose)
        with self._lock:
            if self._arm is not None and self._scenic is not None and np.isfinite(pose).all():
                self._scenic.place(name, pose)

    def _tick(self, _: float) -> None:
        """Takes commands, and advances a twin; publishes at the rate of states."""
        assert self._arm is not None
        assert self._loop is not None
        driver, pacer = self._arm.driver, self._loop.pacer
        publishes = pacer.ticks % self._every == 0
        with self._lock:
            self._inbox.take()
            self._advance(pacer.period)
            self._arm.tick(self._now())
            reading = driver.read() if publishes else None
        if self._settings.speed != 1:
            self._clock_topic.publish(ClockMessage(clock=convert.to_stamp(driver.time())))
        if reading is not None:
            self._publish(reading)

    def _publish(self, reading: Reading) -> None:
        assert self._arm is not None
        assert self._states is not None
        stamp = self._to_ros(reading.stamp)
        self._states.publish(convert.joint_state(stamp, self._joints, reading.q, reading.dq))
        if self._wrench is not None and reading.wrench is not None:
            base = self._contract.frames.base
            self._wrench.publish(convert.wrench_stamped(stamp, base, reading.wrench))
        if self._pose is not None and reading.pose_base_tool is not None:
            base = self._contract.frames.base
            self._pose.publish(convert.pose_stamped(stamp, base, reading.pose_base_tool))
        if (driver := self._scenic) is not None:
            with self._lock:
                objects, (_, scene) = driver.objects(), driver.scene()
            for name, pose in objects.items():
                message = convert.pose_stamped(stamp, self._contract.frames.base, pose)
                self._objects[name].publish(message)
            self._scene.publish(convert.joint_state(stamp, (), scene))

    def _to_ros(self, stamp: float) -> float:
        """A time of the driver on the clock of ROS: as long ago now as it was then."""
        assert self._arm is not None
        if self._settings.speed != 1:
            return stamp
        return 1e-9 * self.get_clock().now().nanoseconds - (self._arm.driver.time() - stamp)

    def _end_loop(self) -> None:
        """Ends the loop, which is kept: the process asks it how it ended."""
        if self._active and self._loop is not None:
            self._active = False
            self._loop.end()
            assert self._arm is not None
            self._arm.hold()

    def _disconnect(self) -> None:
        try:
            self._end_loop()
        finally:
            if self._arm is not None:
                self._arm.driver.close()
                self._arm = None

    def _examine(self) -> Health:
        health = Health()
        if self._arm is None or self._loop is None or not self._active:
            health.warn("the arm is not active", "stale")
            return health
        counts = self._arm.counts
        health.count(vars(counts), "arm")
        health.of_pacer(self._loop.pacer)
        topic = self.resolve_topic_name(self._contract.command.topic)
        if (publishers := self.count_publishers(topic)) > 1:
            health.warn(
                f"{publishers} publishers on {topic}; the first that sends "
                "is followed: end the others",
                "error",
            )
        if counts.timeouts and not self._arm.moving:
            health.warn(f"commands stopped, {counts.timeouts} times so far; the arm is held")
        if counts.late:
            health.warn(
                f"{counts.late} commands were left out, for they came late; "
                "see that the clocks of this machine and the safety node's agree"
            )
        return health


def _require_numbers(contract: Contract) -> None:
    for part in filter(None, (contract.command, contract.gripper)):
        if part.type not in _NUMBERS:
            raise ValueError(
                f"{contract.name} takes {part.type} on {part.topic}, which no driver here does; "
                f"choose from {', '.join(_NUMBERS)}, or start the arm's own driver"
            )


def main() -> int:
    """Runs the node."""
    return run(ArmNode)


if __name__ == "__main__":
    raise SystemExit(main())
