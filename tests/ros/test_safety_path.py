"""Twin and safety node, two processes: a request moves the arm, and the report says all of it."""

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("rclpy")

from rclpy.serialization import deserialize_message
from std_msgs.msg import Float64MultiArray
from trajectory_msgs.msg import JointTrajectory

from controllers.reason import Reason
from hardware.link import Report
from hardware.ros.commander import Commander, serialized
from tests.ros.conftest import Graph, wait_for
from tests.ros.safety_rig import TICK, TWIN, Rig, Source

pytestmark = pytest.mark.domain(30)
SENT = 200


def test_a_request_moves_the_arm_and_the_report_has_what_was_asked_and_sent(graph: Graph) -> None:
    with Rig(graph) as rig:
        source = Source(rig)
        source.heard()
        here = rig.stands(0.0)
        source.target = here + 0.05
        wait_for(lambda: np.abs(rig.states[-1].values - source.target).max() < 0.005, "the arm")
        asked = rig.now()
        beyond = source.target.copy()
        beyond[0] = TWIN.limits.q_upper[0] + 0.5
        source.target = beyond
        limited = rig.report(asked, is_limited, "a command that is not the one asked for")
        assert not np.allclose(limited.sent, limited.requested)
        wait_for(lambda: len(rig.commands) > SENT, "commands")
        every_report_is_of_a_command(rig)


def is_limited(report: Report) -> bool:
    return bool(report.reasons & (Reason.POSITION | Reason.VELOCITY | Reason.WORKSPACE))


def every_report_is_of_a_command(rig: Rig) -> None:
    """Reports come at the rate of states, and each has the very numbers that were published."""
    reports = [report for report in list(rig.reports) if np.isfinite(report.sent).all()]
    gaps = np.diff([report.stamp for report in reports])
    assert np.median(gaps) == pytest.approx(1 / TWIN.rates.state, abs=TICK)
    for report in reports:  # what nobody asked for is a hold
        assert np.isfinite(report.requested).all() or report.reasons & Reason.SILENCE
    wait_for(lambda: rig.commands[-1].time > reports[-1].stamp + 5 * TICK, "later commands")
    times = np.array([command.time for command in rig.commands])
    for report in reports:
        near = np.searchsorted(times, report.stamp)  # published after its tick, not before
        assert any(
            np.array_equal(command.values, report.sent) for command in rig.commands[near : near + 3]
        )


def test_both_fingers_follow_a_trajectory(graph: Graph) -> None:
    assert TWIN.gripper is not None
    fingers = replace(TWIN.gripper, type="JointTrajectory", topic="fingers")
    heard = graph.listen(JointTrajectory, "fingers")
    commander = Commander(graph.node, replace(TWIN, gripper=fingers))
    wait_for(lambda: graph.node.count_subscribers("fingers"), "the listener")
    wait_for(lambda: commander.grip(0.02) or heard, "a trajectory")
    assert heard[0].joint_names == list(TWIN.joints.gripper)
    assert list(heard[0].points[0].positions) == [0.02, 0.02]


@pytest.mark.parametrize("size", [0, 1, 6, 7, 8])
def test_a_command_is_written_as_rclpy_reads_it(size: int) -> None:
    values = np.random.default_rng(size).normal(0, 1, size)
    message = deserialize_message(serialized(values), Float64MultiArray)
    assert message == Float64MultiArray(data=values.tolist())
