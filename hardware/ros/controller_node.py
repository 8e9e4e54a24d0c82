"""``robot-rl-controller-node``: poses of the tool become the joint commands that an arm takes."""

from __future__ import annotations

from dataclasses import replace

from geometry_msgs.msg import PoseStamped
from rclpy.node import Node
from rclpy.subscription import MessageInfo

from controllers.reason import Reason
from hardware.arm_model import kinematics_of
from hardware.cartesian import CartesianController, Motion
from hardware.contract import Contract
from hardware.contract_file import load_contract
from hardware.health import Health
from hardware.node_settings import ControllerSettings
from hardware.pacer import Pacer, be_punctual
from hardware.ros import convert
from hardware.ros.clock import NodeClock, loop_clock
from hardware.ros.commander import Commander
from hardware.ros.diagnostics import report_health
from hardware.ros.inbox import Inbox
from hardware.ros.loop import Loop
from hardware.ros.parameters import declare
from hardware.ros.process import run
from hardware.ros.qos import profile
from hardware.ros.state_listener import StateListener
from hardware.topics import Qos

_STATE = Qos(depth=10)


class ControllerNode(Node):
    """A loop of its own hears poses and commands the joints, at the contract's stream rate."""

    def __init__(self) -> None:
        super().__init__("controller")
        self._loop: Loop | None = None
        settings = declare(self, ControllerSettings)
        contract = load_contract(settings.robot).with_mode("cartesian_pose")
        self._joints = contract.with_mode("joint_position")
        self._contract = contract
        self._core = _core(contract)
        self._ros_time = NodeClock(self)
        self._inbox = Inbox(self)
        self._listener = StateListener(self._inbox, contract, self._core.streams)
        # The gripper is the safety node's, which nobody stands in front of.
        self._commander = Commander(self, replace(self._joints, gripper=None))
        self._pose = contract.state.current_pose and self.create_publisher(
            PoseStamped, contract.state.current_pose.topic, profile(_STATE)
        )
        command = contract.command
        self._inbox.subscribe(PoseStamped, command.topic, self._aim, profile(command.qos))
        report_health(self, contract.name, self._examine)
        self._reasons = Reason.NONE
        self._pacer = Pacer(1 / contract.rates.stream, loop_clock(self))
        begin = self._be_punctual if settings.realtime else lambda: None
        self._loop = Loop(self, self._pacer, self._tick, begin)
        self._loop.start()

    def destroy_node(self) -> None:
        """Ends the stream, then the node; the driver's own timeout keeps the arm held."""
        if self._loop is not None:
            self._loop.end()
        super().destroy_node()

    def _be_punctual(self) -> None:
        self.get_logger().info(be_punctual())

    def _aim(self, message: PoseStamped, _: MessageInfo) -> None:
        stamp = convert.to_seconds(message.header.stamp)
        pose, frame = convert.vector_of_pose(message.pose), message.header.frame_id
        self._core.target(pose, frame, stamp, self._pacer.clock.now(), self._ros_time.now())

    def _tick(self, now: float) -> None:
        self._inbox.take()
        motion = self._core.tick(now, self._ros_time.now())
        self._reasons = motion.reasons
        if motion.command is not None:
            self._commander.send(motion.command, self._ros_time.now())
        self._show(motion)

    def _show(self, motion: Motion) -> None:
        if self._pose is not None and motion.pose is not None:
            base = self._contract.frames.base
            self._pose.publish(convert.pose_stamped(motion.stamp, base, motion.pose))

    def _examine(self) -> Health:
        health, now = Health(), self._ros_time.now()
        health.of_pacer(self._pacer)
        health.of_streams(self._core.streams, now)
        health.count({"taken": self._core.targets}, "targets")
        health.count(self._core.ignored, "ignored")
        for fault in self._core.streams.faults(now).values():
            health.warn(fault)
        for problem in self._listener.problems.values():
            health.warn(problem, "error")
        if Reason.ENGAGE in self._reasons:
            health.warn("the target pose is too far from the tool; begin where the tool is")
        for topic in (self._contract.command.topic, self._joints.command.topic):
            if (count := self.count_publishers(self.resolve_topic_name(topic))) > 1:
                health.warn(f"{count} publishers on {topic}; end all but one", "error")
        return health


def _core(contract: Contract) -> CartesianController:
    arm = kinematics_of(contract)
    if arm is None:
        raise ValueError(
            f"{contract.name} has no model; give model.file and model.tool_site in its contract"
        )
    return CartesianController(contract, arm)


def main() -> int:
    """Runs the node."""
    return run(ControllerNode)


if __name__ == "__main__":
    raise SystemExit(main())
