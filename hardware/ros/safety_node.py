"""``robot-rl-safety-node``: between every source of commands and the arm, in its own process."""

from __future__ import annotations

import functools

import numpy as np
from rclpy.node import Node
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool
from std_srvs.srv import Trigger

from controllers.reason import Reason
from hardware.arm_model import kinematics_of
from hardware.contract_file import load_contract
from hardware.health import Health
from hardware.node_settings import SafetySettings
from hardware.pacer import Pacer, be_punctual
from hardware.ros import convert
from hardware.ros.clock import NodeClock, loop_clock
from hardware.ros.commander import Commander
from hardware.ros.diagnostics import report_health
from hardware.ros.loop import Loop
from hardware.ros.names import DEADMAN, ESTOP, REPORT, REQUEST, RESET, TELEOP_REQUEST
from hardware.ros.parameters import declare
from hardware.ros.process import run
from hardware.ros.state_listener import StateListener
from hardware.safety import Decision, Safety


class SafetyNode(Node):
    """A loop of its own sends at the contract's stream rate; callbacks only hand over."""

    def __init__(self) -> None:
        super().__init__("safety")
        self._loop: Loop | None = None
        settings = declare(self, SafetySettings)
        contract = load_contract(settings.robot)
        if settings.mode:
            contract = contract.with_mode(settings.mode)  # pyright: ignore[reportArgumentType]
        self._contract = contract
        self._safety = Safety(contract, kinematics_of(contract), settings.watch_cameras)
        self._ros_time = NodeClock(self)
        self._listener = StateListener(self, contract, self._safety.streams, pixels=False)
        self._commander = Commander(self, contract)
        self._report = self.create_publisher(JointState, REPORT, 10)
        self._listen()
        report_health(self, contract.name, self._examine)
        self._pacer = Pacer(1 / contract.rates.stream, loop_clock(self))
        self._every = max(1, round(contract.rates.stream / contract.rates.state))
        begin = self._be_punctual if settings.realtime else lambda: None
        self._loop = Loop(self, self._pacer, self._tick, begin)
        self._loop.start()

    def destroy_node(self) -> None:
        """Ends the stream, then the node; the driver's own timeout keeps the arm held."""
        if self._loop is not None:
            self._loop.end()
        super().destroy_node()

    def _listen(self) -> None:
        for topic, person in ((REQUEST, False), (TELEOP_REQUEST, True)):
            request = functools.partial(self._request, person=person)
            self.create_subscription(JointState, topic, request, 1)
        self.create_subscription(Bool, DEADMAN, self._deadman, 10)
        self.create_subscription(Bool, ESTOP, lambda m: m.data and self._safety.stop(), 10)
        self.create_service(Trigger, ESTOP, self._stop)
        self.create_service(Trigger, RESET, self._reset)

    def _request(self, message: JointState, person: bool) -> None:
        stamp = convert.to_seconds(message.header.stamp)
        values = np.array(message.position)
        now, ros = self._pacer.clock.now(), self._ros_time.now()
        self._safety.request(message.name, values, stamp, now, ros, person)

    def _deadman(self, message: Bool) -> None:
        if not message.data:
            self._safety.let_go()

    def _stop(self, _: Trigger.Request, answer: Trigger.Response) -> Trigger.Response:
        self._safety.stop()
        self.get_logger().warning("stopped; the service reset opens the latch")
        answer.success, answer.message = True, "stopped until reset"
        return answer

    def _reset(self, _: Trigger.Request, answer: Trigger.Response) -> Trigger.Response:
        self._safety.reset()
        answer.success, answer.message = True, "the next request must be near the arm"
        return answer

    def _be_punctual(self) -> None:
        self.get_logger().info(be_punctual())

    def _tick(self, now: float) -> None:
        decision = self._safety.tick(now, self._ros_time.now())
        self._send(decision)
        if self._pacer.ticks % self._every == 0:
            self._publish_report(decision)

    def _send(self, decision: Decision) -> None:
        if decision.order.command is not None:
            self._commander.send(decision.order.command, self._ros_time.now())
        if decision.gripper is not None:
            self._commander.grip(decision.gripper)

    def _publish_report(self, decision: Decision) -> None:
        names, numbers = self._safety.report(decision)
        self._report.publish(convert.joint_state(self._ros_time.now(), names, numbers))

    def _examine(self) -> Health:
        health, guard, now = Health(), self._safety.guard, self._ros_time.now()
        health.of_pacer(self._pacer)
        health.of_streams(self._safety.streams, now)
        tally = guard.tally
        health.count({k: v for k, v in vars(tally).items() if k != "reasons"}, "guard")
        health.count({k: v for k, v in tally.reasons.items() if k}, "reasons")
        health.count(self._safety.ignored, "ignored")
        if guard.latched:
            names = ", ".join(r.name or "" for r in Reason if r in guard.latched)
            health.warn(f"latched ({names}); the service reset opens it", "error")
        for fault in self._safety.streams.faults(now).values():
            health.warn(fault)
        for name, problem in self._listener.problems.items():
            health.warn(f"{name}: {problem}", "error")
        if (others := self._commander.others()) is not None:
            health.warn(others, "error")
        return health


def main() -> int:
    """Runs the node."""
    return run(SafetyNode)


if __name__ == "__main__":
    raise SystemExit(main())
