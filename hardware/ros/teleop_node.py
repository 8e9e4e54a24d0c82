"""``robot-rl-teleop-node``: a person moves the tool by Joy or TwistStamped; hold to move."""

from __future__ import annotations

from geometry_msgs.msg import TwistStamped
from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.node import Node
from sensor_msgs.msg import JointState, Joy
from std_msgs.msg import Bool

from hardware.arm_model import kinematics_of
from hardware.contract_file import load_contract
from hardware.health import Health
from hardware.node_settings import TeleopSettings
from hardware.pacer import Monotonic, be_punctual
from hardware.ros import convert
from hardware.ros.clock import NodeClock
from hardware.ros.diagnostics import report_health
from hardware.ros.inbox import Inbox
from hardware.ros.names import DEADMAN, ENABLE, GRIP, JOY, TELEOP_REQUEST, TWIST
from hardware.ros.parameters import declare
from hardware.ros.process import run
from hardware.ros.qos import LATCHED, profile
from hardware.ros.service_buttons import ServiceButtons
from hardware.ros.state_listener import StateListener
from hardware.teleop import Teleop


class TeleopNode(Node):
    """Requests at the policy's rate while the deadman is held; says at once when it is not."""

    def __init__(self) -> None:
        super().__init__("teleop")
        settings = declare(self, TeleopSettings)
        contract = load_contract(settings.robot)
        if settings.mode:
            contract = contract.with_mode(settings.mode)  # pyright: ignore[reportArgumentType]
        self._teleop = Teleop(contract, kinematics_of(contract), settings)
        self._ros_time, self._time = NodeClock(self), Monotonic()
        # Taken when it is needed: the state comes 25 times as often.
        self._state = Inbox(self)
        self._listener = StateListener(self._state, contract, self._teleop.streams)
        self._requests = self.create_publisher(JointState, TELEOP_REQUEST, 1)
        self._deadman = self.create_publisher(Bool, DEADMAN, profile(LATCHED))
        self._deadman.publish(Bool(data=False))
        self._buttons = ServiceButtons(self, settings.services().values(), (), self._answered)
        # Ten deep: no short press may be lost.
        self.create_subscription(Joy, JOY, self._joy, 10)
        self.create_subscription(TwistStamped, TWIST, self._twist, 1)
        self.create_subscription(Bool, ENABLE, self._enable, 10)
        self.create_subscription(Bool, GRIP, self._grip, 1)
        report_health(self, contract.name, self._examine)
        # Nobody sets the steady clock; /clock counts if it is used.
        steady = None if self._ros_time.simulated else Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(1 / contract.rates.policy, self._tick, clock=steady)
        if settings.realtime:
            self.get_logger().info(be_punctual())

    def _joy(self, message: Joy) -> None:
        pressed = self._teleop.joy(message.axes, message.buttons, self._time.now())
        self._update()
        for service in pressed:
            self._buttons.press(service)

    def _twist(self, message: TwistStamped) -> None:
        vector = convert.vector_of_twist(message.twist)
        self._teleop.twist(vector, message.header.frame_id, self._time.now())
        self._update()

    def _enable(self, message: Bool) -> None:
        self._teleop.enable(message.data, self._time.now())
        self._update()

    def _grip(self, message: Bool) -> None:
        self._teleop.grip(message.data)

    def _update(self) -> None:
        self._state.take()
        before = self._teleop.moving
        self._tell(before, self._teleop.update(self._time.now(), self._ros_time.now()))

    def _tick(self) -> None:
        self._state.take()
        before, ros = self._teleop.moving, self._ros_time.now()
        request = self._teleop.tick(self._time.now(), ros)
        self._tell(before, self._teleop.moving)
        if request is not None:
            self._requests.publish(convert.joint_state(ros, request.names, request.values))

    def _tell(self, before: bool, moving: bool) -> None:
        if moving is not before:
            self._deadman.publish(Bool(data=moving))

    def _answered(self, service: str, answer: str) -> None:
        self.get_logger().info(f"{service}: {answer}")

    def _examine(self) -> Health:
        self._state.take()
        health, ros = Health(), self._ros_time.now()
        health.of_streams(self._teleop.streams, ros)
        health.count({"made": self._teleop.requests}, "requests")
        health.values["held"] = str(self._teleop.moving)
        if (fault := self._teleop.fault(ros)) is not None:
            health.warn(fault)
        for problem in self._listener.problems.values():
            health.warn(problem, "error")
        return health


def main() -> int:
    """Runs the node."""
    return run(TeleopNode)


if __name__ == "__main__":
    raise SystemExit(main())
