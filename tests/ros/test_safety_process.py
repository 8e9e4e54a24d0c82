"""How the processes next to the arm end, and that nobody who listens can hold them up."""

import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("rclpy")

from diagnostic_msgs.msg import DiagnosticArray
from std_msgs.msg import Bool

from hardware.dds_profile import without_shared_memory
from tests.ros.conftest import ROOT, Graph, wait_for
from tests.ros.safety_rig import TICK, Rig, Source

pytestmark = pytest.mark.domain(39)
LISTENER = """if True:
    import rclpy
    from hardware.program import end_with_parent
    from sensor_msgs.msg import JointState
    from std_msgs.msg import Float64MultiArray
    end_with_parent()
    rclpy.init()
    node = rclpy.create_node("listener")
    for kind, topic in ((Float64MultiArray, "arm/commands"), (JointState, "safety/report")):
        node.create_subscription(kind, topic, lambda message: None, 1)
    rclpy.spin(node)
"""


def test_a_driver_that_fails_ends_its_process_with_the_arm_held(graph: Graph) -> None:
    arm = graph.start("arm_node", driver="tests.ros.a_driver:Breaks")
    said, _ = arm.communicate(timeout=60)
    assert arm.returncode == 1
    assert "the arm does not answer any more" in said
    assert said.splitlines()[-2:] == ["held", "closed"]


def test_a_loop_that_fails_ends_the_safety_node(graph: Graph) -> None:
    code = """if True:
        from hardware.ros import safety_node
        from hardware.ros.process import run
        class Broken(safety_node.SafetyNode):
            def _tick(self, now):
                raise ZeroDivisionError("a defect")
        raise SystemExit(run(Broken))
    """
    command = [sys.executable, "-c", code, "--ros-args", "-p", "watch_cameras:=false"]
    done = subprocess.run(
        command, cwd=ROOT, env=graph.environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1
    assert "ZeroDivisionError: a defect" in done.stderr


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_both_nodes_end_at_once_while_the_arm_moves(graph: Graph, how: int) -> None:
    with Rig(graph) as rig:
        rig.policy()
        for process in (rig.safety, rig.arm):
            status, took = graph.end(process, how)
            assert status == 0
            assert took < 2


def test_a_listener_that_stands_still_delays_no_command(graph: Graph) -> None:
    with Rig(graph) as rig:
        source = Source(rig)
        source.heard()
        source.target = rig.stands(0.0)
        environment = without_shared_memory(graph.environment)
        listener = subprocess.Popen([sys.executable, "-c", LISTENER], env=environment)
        rig.keep(listener)
        wait_for(lambda: graph.node.count_subscribers("safety/report") > 1, "the listener")
        listener.send_signal(signal.SIGSTOP)
        stopped = rig.now()
        wait_for(lambda: rig.commands[-1].time > stopped + 2, "commands")
        times = np.array([command.time for command in rig.commands_since(stopped)])
        numbers = np.array([command.number for command in rig.commands_since(stopped)])
        gaps = np.diff(times) / np.diff(numbers)
        listener.send_signal(signal.SIGCONT)
        print(f"{len(times)} commands; the longest period {1e3 * gaps.max():.1f} ms")
        assert np.percentile(gaps, 99) < 3 * TICK
        assert len(times) > 0.9 * 2 / TICK


def test_stop_and_reset_answer_before_the_arm_is_there(graph: Graph) -> None:
    graph.start("safety_node", watch_cameras=False)
    estop = graph.node.create_publisher(Bool, "estop", 10)
    wait_for(estop.get_subscription_count, "the safety node")
    from std_srvs.srv import Trigger

    assert graph.call(Trigger, "estop").success
    assert graph.call(Trigger, "reset").success


def test_the_nodes_that_move_the_arm_share_no_memory_that_a_killed_peer_could_lock(
    graph: Graph,
) -> None:
    with Rig(graph) as rig:
        rig.policy()
        for process in (rig.arm, rig.safety):
            maps = Path(f"/proc/{process.pid}/maps").read_text()
            assert "libfastdds" in maps
            assert "/dev/shm/fastdds" not in maps


@pytest.mark.parametrize("robot", ["fr3", "so101", "ur5e", "xarm7"])
def test_the_safety_node_of_every_preset_with_all_it_needs_comes_up(
    graph: Graph, robot: str
) -> None:
    said = graph.listen(DiagnosticArray, "/diagnostics")
    safety = graph.start("safety_node", robot=robot)
    wait_for(lambda: said or safety.poll() is not None, "a word of the safety node")
    assert graph.end(safety)[0] == 0
