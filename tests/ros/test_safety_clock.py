"""With ``use_sim_time``, a ``/clock`` that stands still, and one that begins anew."""

import signal

import numpy as np
import pytest

pytest.importorskip("rclpy")

from rosgraph_msgs.msg import Clock
from std_msgs.msg import Bool

from controllers.reason import Reason
from hardware.ros import convert
from tests.ros.conftest import Graph, wait_for
from tests.ros.safety_rig import SLACK, STEP, Rig, Source, longest_step, repeated

pytestmark = pytest.mark.domain(37)
STANDSTILLS = 5


def commanded(rig: Rig, since: float) -> int:
    return len(rig.commands_since(since))


def after_standstill(rig: Rig) -> float | None:
    """When the last command left after the clock stood still [s]; None if nobody knows when."""
    stopped = rig.now()
    rig.arm.send_signal(signal.SIGSTOP)
    known = rig.now() - stopped < SLACK
    wait_for(lambda: rig.now() > rig.commands[-1].time + 0.5, "an end of the commands")
    last, woken = rig.commands[-1].time, rig.now()
    rig.arm.send_signal(signal.SIGCONT)
    wait_for(lambda: commanded(rig, woken) > 100, "commands")
    return last - stopped if known else None


def test_while_the_clock_stands_still_nothing_is_sent(graph: Graph) -> None:
    with Rig(graph, speed=2.0) as rig:
        source = Source(rig)
        source.clock = lambda: rig.states[-1].time  # the twin's own time
        source.heard()
        source.target = rig.states[-1].values
        wait_for(lambda: commanded(rig, 0.0) > 100, "commands")
        late = repeated(STANDSTILLS, lambda: after_standstill(rig))
        print(f"last command {1e3 * max(late):.1f} ms after the clock stood still (worst)")
        # On a busy machine the node hears late of what the clock has said before.
        assert np.median(late) < 0.05
        assert max(late) < 1
        assert longest_step(rig.commands) <= 1 + 1e-9


def test_a_node_whose_clock_never_came_stops_and_ends(graph: Graph) -> None:
    safety = graph.start("safety_node", use_sim_time=True, watch_cameras=False)
    estop = graph.node.create_publisher(Bool, "estop", 10)
    wait_for(estop.get_subscription_count, "the safety node")
    status, took = graph.end(safety)
    assert status == 0
    assert took < 2


def test_a_clock_that_begins_anew_revives_no_request(graph: Graph) -> None:
    with Rig(graph, speed=2.0) as rig:
        source = Source(rig)
        source.clock = lambda: rig.states[-1].time
        source.heard()
        here = rig.states[-1].values
        source.target = here + 0.1 * np.eye(7)[0]
        wait_for(
            lambda: np.abs(rig.states[-1].values - source.target).max() < 0.01, "the arm there"
        )
        source.target, ended = None, len(rig.reports)
        rig.graph.end(rig.arm)
        clock = graph.node.create_publisher(Clock, "/clock", 1)
        times = iter(np.arange(0.0, 60.0, 0.002))
        anew = rig.now()
        graph.node.create_timer(
            0.004, lambda: clock.publish(Clock(clock=convert.to_stamp(next(times))))
        )
        wait_for(lambda: len(rig.reports) > ended + 50, "reports by the new clock")
        assert rig.commands_since(anew + 0.1) == []
        assert any(report.reasons & Reason.STALE for report in rig.reports[ended:])
        assert (np.abs(rig.commands[-1].values - here) < 0.1 + STEP).all()
