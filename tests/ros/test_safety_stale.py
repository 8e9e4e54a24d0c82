"""Promise 1: no command leaves while a required stream is older than its limit."""

import signal

import numpy as np
import pytest

pytest.importorskip("rclpy")

from diagnostic_msgs.msg import DiagnosticArray
from sensor_msgs.msg import CameraInfo, JointState
from std_msgs.msg import Float64MultiArray

from controllers.reason import Reason
from hardware.ros import convert
from tests.ros.conftest import Graph, wait_for
from tests.ros.safety_rig import TICK, TWIN, Rig, longest_step, told, values_of

pytestmark = pytest.mark.domain(31)
STOPS = 6
STATE = TWIN.state.joint_states.max_age
CAMERA = TWIN.cameras[0].stale_after
QUIET = 0.3
"""How long no further command may come, although requests go on [s]."""


class Cameras:
    """Two cameras at the contract's rate, as the safety node hears them; each can be stopped."""

    def __init__(self, graph: Graph) -> None:
        self.silent: str | None = None
        self.stamps = {camera.name: 0.0 for camera in TWIN.cameras}
        self._node = graph.node
        self._publishers = {
            camera.name: graph.node.create_publisher(CameraInfo, camera.info_topic, 1)
            for camera in TWIN.cameras
        }
        graph.node.create_timer(1 / TWIN.cameras[0].rate, self._publish)

    def _publish(self) -> None:
        for name, publisher in self._publishers.items():
            if name != self.silent:
                self.stamps[name] = 1e-9 * self._node.get_clock().now().nanoseconds
                publisher.publish(CameraInfo(header=convert.header(self.stamps[name], name)))


def last_command(rig: Rig) -> float:
    """When the last command left, once none comes any more though requests do [s]."""

    def ended() -> bool:
        last = rig.commands[-1].time
        return rig.requests[-1] > last + QUIET and rig.reports[-1].stamp > last + QUIET

    wait_for(ended, "an end of the commands")
    assert rig.reports[-1].reasons & Reason.STALE
    return rig.commands[-1].time


def test_no_command_leaves_on_an_old_state_of_the_arm(graph: Graph) -> None:
    diagnostics = graph.listen(DiagnosticArray, "/diagnostics")
    with Rig(graph) as rig:
        rig.policy()
        ages = []
        for _ in range(STOPS):
            rig.arm.send_signal(signal.SIGSTOP)
            ages.append(last_command(rig) - rig.states[-1].time)
            woken = rig.now()
            rig.arm.send_signal(signal.SIGCONT)
            rig.follows(woken)
        print(told("age of the joint states at the last command", ages))
        assert max(ages) <= STATE + TICK
        assert longest_step(rig.commands) <= 1 + 1e-9
        # What waited for the arm's process while it stood still is no command any more.
        wait_for(lambda: values_of(diagnostics, "/arm", "arm/late") >= STOPS, "late commands")


def test_no_command_leaves_while_a_camera_is_silent(graph: Graph) -> None:
    cameras = Cameras(graph)
    with Rig(graph, watch_cameras=True) as rig:
        rig.policy()
        ages = []
        for i in range(STOPS):
            name = TWIN.cameras[i % 2].name
            cameras.silent = name
            ages.append(last_command(rig) - cameras.stamps[name])
            woken, cameras.silent = rig.now(), None
            rig.follows(woken)
        print(told("age of the picture at the last command", ages))
        assert max(ages) <= CAMERA + TICK
        assert longest_step(rig.commands) <= 1 + 1e-9


def test_an_arm_that_reports_no_numbers_is_not_moved(graph: Graph) -> None:
    diagnostics = graph.listen(DiagnosticArray, "/diagnostics")
    sent = graph.listen(Float64MultiArray, "arm/commands")
    states = graph.node.create_publisher(JointState, "joint_states", 10)
    requests = graph.node.create_publisher(JointState, "request", 10)
    graph.start("safety_node", watch_cameras=False)
    joints = [*TWIN.joints.arm, *TWIN.joints.gripper]
    q = np.r_[TWIN.home.q, 0, 0]

    def says() -> bool:
        now = 1e-9 * graph.node.get_clock().now().nanoseconds
        states.publish(convert.joint_state(now, joints, np.r_[np.nan, q[1:]]))
        requests.publish(convert.joint_state(now, joints[:7], q[:7]))
        told = (status.message for array in diagnostics for status in array.status)
        return any("a position is not finite: [nan" in message for message in told)

    wait_for(says, "a word about it")
    assert not sent
