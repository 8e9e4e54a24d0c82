"""Promise 2: a source that dies, stops or stalls leaves the arm where it was measured."""

import signal

import numpy as np
import pytest

pytest.importorskip("rclpy")

from tests.ros.conftest import Graph, wait_for
from tests.ros.safety_rig import PERIOD, SLACK, TICK, TWIN, Rig, longest_step, told

pytestmark = pytest.mark.domain(32)
KILLS, STOPS, STALLS = 6, 6, 2
WITHIN = 2 * PERIOD + TICK


def held_where_it_was(rig: Rig, died: float) -> float:
    """Time from the last request to the hold [s]; the arm rests where it was measured then."""
    hold = rig.held(died)
    last = max(time for time in list(rig.requests) if time < hold.stamp)
    rest, measured = rig.stands(hold.stamp), rig.measured(hold.stamp)
    assert np.abs(rest - measured).max() < 0.01
    assert np.abs(rig.commands[-1].values - measured).max() < 0.02
    return hold.stamp - last


def test_a_source_that_dies_stops_or_stalls_leaves_the_arm_where_it_was_measured(
    graph: Graph,
) -> None:
    with Rig(graph) as rig:
        killed, stopped, stalled = [], [], []
        for _ in range(KILLS):
            policy = rig.policy()
            died = rig.now()
            graph.end(policy, signal.SIGKILL)
            killed.append(held_where_it_was(rig, died))
        policy = rig.policy()
        for _ in range(STOPS):
            died = rig.now()
            policy.send_signal(signal.SIGSTOP)
            stopped.append(held_where_it_was(rig, died))
            woken = rig.now()
            policy.send_signal(signal.SIGCONT)
            rig.follows(woken)
        graph.end(policy, signal.SIGKILL)
        for _ in range(STALLS):
            began = rig.now()
            policy = rig.policy("stall=20")
            stalled.append(held_where_it_was(rig, began))
            assert policy.poll() is None
            policy.kill()
        for name, times in (("SIGKILL", killed), ("SIGSTOP", stopped), ("stall", stalled)):
            print(told(f"last request to hold, {name}", times))
            assert np.median(times) <= WITHIN + SLACK / 2
            assert max(times) <= WITHIN + SLACK
        never_zero(rig)


def never_zero(rig: Rig) -> None:
    """No command is far from the arm's way, and none leaps."""
    commands = rig.commands_since(0)
    away = np.abs([command.values - TWIN.home.q for command in commands])
    assert away.max() < 0.5  # zeros would be 2.4 rad away
    assert longest_step(commands).max() <= 1 + 1e-9


def test_nothing_is_sent_if_nothing_ever_was(graph: Graph) -> None:
    with Rig(graph) as rig:
        heard = len(rig.reports)
        wait_for(lambda: len(rig.reports) > heard + 100, "reports")
        assert rig.commands == []
        assert all(np.isnan(report.sent).all() for report in rig.reports)
