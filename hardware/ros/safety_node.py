"""``robot-rl-safety-node``: between every source of commands and the arm, in its own process."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile
from rclpy.subscription import MessageInfo
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
from hardware.ros.inbox import Inbox
from hardware.ros.loop import Loop
from hardware.ros.names import DEADMAN, ESTOP, REPORT, REQUEST, RESET, RESET_FORCE, TELEOP_REQUEST
from hardware.ros.parameters import declare
from hardware.ros.process import run
from hardware.ros.qos import LATCHED, of_several, profile
from hardware.ros.state_listener import StateListener
from hardware.safety import Decision, Safety, unwatched
from hardware.topics import SENSOR, Qos

_EARS = (Qos(depth=10), SENSOR)
"""Qualities with which a stop is heard, whoever publishes it."""
_LOOK = 0.1
"""How often the graph is asked for others who command the arm, and for buttons [s]."""
_LATE = 0.02
"""A command that was made so long ago is not sent any more [s]."""
_FAREWELLS = 5
"""So often an arm that takes velocities is told to stand still before the node ends."""
_DEAD = 0.5
"""A loop that has not ticked for so long has stopped [s]."""


class SafetyNode(Node):
    """A loop of its own hears and sends at the contract's stream rate."""

    def __init__(self) -> None:
        super().__init__("safety")
        self._loop: Loop | None = None
        settings = declare(self, SafetySettings)
        contract = load_contract(settings.robot).streaming(settings.stream)
        if settings.mode:
            contract = contract.with_mode(settings.mode)  # pyright: ignore[reportArgumentType]
        self._contract = contract
        self._safety = Safety(contract, kinematics_of(contract), settings.watch_cameras)
        if (gap := unwatched(contract)) is not None:
            self.get_logger().warning(gap)
        self._ros_time = NodeClock(self)
        # The wall's time is asked for in each tick, and rclpy takes ten times as long.
        self._ros_now = self._ros_time.now if self._ros_time.simulated else time.time
        self._inbox, self._measurements = Inbox(self), Inbox(self)
        self._listener = StateListener(
            self._measurements, contract, self._safety.streams, pixels=False
        )
        self._commander = Commander(self, contract)
        self._report = self.create_publisher(JointState, REPORT, 10)
        self._told: tuple[object, ...] = ()
        self._rivals: str | None = None
        self._latched_heard = self._ready = False
        period = 1 / contract.rates.stream
        self._pacer = Pacer(period, loop_clock(self), resync=2 * period)
        self._listen()
        report_health(self, contract.name, self._examine)
        self._every = max(1, round(contract.rates.stream / contract.rates.state))
        self._look_every = max(1, round(_LOOK / period))
        begin = self._be_punctual if settings.realtime else lambda: None
        self._loop = Loop(self, self._pacer, self._tick, begin)
        self._loop.start()

    def destroy_node(self) -> None:
        """Ends the stream, then the node; the driver holds the arm, once it stands."""
        if self._loop is not None:
            self._loop.end()
            self._stand_still()
        super().destroy_node()

    def _stand_still(self) -> None:
        rest = self._safety.farewell()
        if rest is None or not self.context.ok():
            return
        for _ in range(_FAREWELLS):
            self._commander.send(rest, self._ros_now())
            time.sleep(self._pacer.period)

    def _listen(self) -> None:
        self._subscribe(REQUEST, person=False)
        self._subscribe(TELEOP_REQUEST, person=True)
        self._inbox.subscribe(Bool, DEADMAN, self._deadman, QoSProfile(depth=10))
        for quality in _EARS:
            self._hear_stops(quality)
        self.create_service(Trigger, ESTOP, self._stop)
        self.create_service(Trigger, RESET, self._reset)
        self.create_service(Trigger, RESET_FORCE, self._reset_force)

    def _subscribe(self, topic: str, person: bool) -> None:
        def request(message: JointState, info: MessageInfo) -> None:
            stamp, source = convert.to_seconds(message.header.stamp), convert.sender_of(info)
            now, ros = self._pacer.clock.now(), self._ros_now()
            values = np.array(message.position)
            self._safety.request(list(message.name), values, stamp, now, ros, person, source)

        self._inbox.subscribe(JointState, topic, request, of_several(Qos()))

    def _deadman(self, message: Bool, _: MessageInfo) -> None:
        if not message.data:
            self._safety.let_go(self._pacer.clock.now(), self._ros_now())

    def _hear_stops(self, quality: Qos) -> None:
        self._inbox.subscribe(Bool, ESTOP, self._hear_stop, profile(quality))

    def _hear_latched_stops(self) -> None:
        """Hears what a button that keeps its state has said before this node was there."""
        publishers = self.get_publishers_info_by_topic(self.resolve_topic_name(ESTOP))
        latched = DurabilityPolicy.TRANSIENT_LOCAL
        if not self._latched_heard and any(p.qos_profile.durability == latched for p in publishers):
            self._latched_heard = True
            self._hear_stops(LATCHED)

    def _hear_stop(self, message: Bool, _: MessageInfo) -> None:
        if message.data:
            self._halt()

    def _stop(self, _: Trigger.Request, answer: Trigger.Response) -> Trigger.Response:
        self._halt()
        answer.success, answer.message = True, "stopped until robot-rl rearm, or the service reset"
        return answer

    def _halt(self) -> None:
        before = self._safety.guard.latched
        self._safety.stop()
        if Reason.STOP not in before:
            self.get_logger().warning(
                "stopped; robot-rl rearm, or the service reset, opens the latch"
            )

    def _reset(self, _: Trigger.Request, answer: Trigger.Response) -> Trigger.Response:
        self._safety.reset()
        answer.success = True
        answer.message = "free; who commands begins anew, with a request near the arm"
        return answer

    def _reset_force(self, _: Trigger.Request, answer: Trigger.Response) -> Trigger.Response:
        answer.success = self._safety.reset_force()
        answer.message = "free" if answer.success else "stopped by a person, who frees it"
        return answer

    def _look(self) -> None:
        """Looks for others who command the arm, for buttons, and whether all streams have come."""
        self._hear_latched_stops()
        if not self._ready and not self._safety.streams.faults(self._ros_now()):
            self._ready = True
            self.get_logger().info("hears all that is required: ready for requests")
        before, self._rivals = self._rivals, self._commander.rivals()
        self._safety.contest(self._rivals is not None)
        if self._rivals is not None and before is None:
            self.get_logger().error(self._rivals)
        elif before is not None and self._rivals is None:
            self.get_logger().info("nobody else commands the arm any more")

    def _be_punctual(self) -> None:
        self.get_logger().info(be_punctual())

    def _tick(self, now: float) -> None:
        ros = self._ros_now()
        self._inbox.take()
        decision = self._safety.tick(now, ros)
        # A process that was stopped in between must not send what it made before.
        if self._pacer.silence() >= _LATE:
            decision = self._safety.retract(decision)
        if decision.command is not None:
            self._commander.send(decision.command, ros)
        if decision.gripper is not None:
            self._commander.grip(decision.gripper)
        # Reading them takes as long as all the rest, and would make the commands irregular.
        self._measurements.take()
        self._tell(decision, ros)
        if self._pacer.ticks % self._look_every == 0:
            self._look()

    def _tell(self, decision: Decision, ros: float) -> None:
        """Reports at the rate of states, and at once when it changes who or what holds the arm."""
        order = decision.order
        state = (self._safety.guard.latched, order.command is None, order.requested is None)
        if self._pacer.ticks % self._every == 0 or state != self._told:
            self._told = state
            self._report.publish(convert.joint_state(ros, *self._safety.report(decision)))

    def _examine(self) -> Health:
        health, ros = Health(), self._ros_now()
        health.of_pacer(self._pacer)
        health.of_streams(self._safety.streams, ros)
        for group, counts in self._safety.counts().items():
            health.count(counts, group)
        for complaint in self._errors():
            health.warn(complaint, "error")
        for fault in self._safety.streams.faults(ros).values():
            health.warn(fault)
        if (waiting := self._safety.waiting(self._pacer.clock.now())) is not None:
            health.warn(waiting)
        return health

    def _errors(self) -> Iterator[str]:
        latched = self._safety.guard.latched
        if (silence := self._pacer.silence()) > _DEAD:
            yield f"the loop has not ticked for {silence:.1f} s; start the node anew"
        if latched:
            names = ", ".join(reason.name or "" for reason in latched)
            yield f"latched ({names}); robot-rl rearm, or the service reset, opens it"
        if (others := self._commander.others()) is not None:
            yield others
        for name, problem in self._listener.problems.items():
            yield f"{name}: {problem}"


def main() -> int:
    """Runs the node."""
    return run(SafetyNode, last_words=True)


if __name__ == "__main__":
    raise SystemExit(main())
