"""Promise 2: a source that dies, stops or stalls leaves the arm where it was measured."""

import signal

import numpy as np
import pytest

pytest.importorskip("rclpy")

from tests.forked import Forked
from tests.ros.conftest import Graph, wait_for
from tests.ros.safety_rig import PERIOD, SLACK, TICK, Rig, longest_step, repeated, told

pytestmark = pytest.mark.domain(32)
KILLS, STOPS, STALLS = 5, 5, 2
WITHIN = 2 * PERIOD + TICK


def held_where_it_was(rig: Rig) -> float | None:
    """Time from the last request to the hold [s]; the arm rests where it was measured then."""
    asked = rig.last_request()
    hold = rig.hold(asked)
    rest = rig.stands(asked)
    if hold is None or rig.hold(asked) is None:
        return None
    measured = rig.measured(hold.stamp)
    assert np.abs(rest - measured).max() < 0.015
    assert np.abs(rig.commands[-1].values - measured).max() < 0.015
    return hold.stamp - asked


def killed(rig: Rig) -> float | None:
    policy = rig.policy()
    rig.between_requests()
    rig.graph.end(policy, signal.SIGKILL)
    return held_where_it_was(rig)


def stopped(rig: Rig, policy: Forked) -> float | None:
    """None if it was stopped with a request that only some had heard: its stamp comes later."""
    rig.between_requests()
    policy.send_signal(signal.SIGSTOP)
    found, heard = held_where_it_was(rig), max(rig.requests)
    woken = rig.now()
    policy.send_signal(signal.SIGCONT)
    rig.follows(woken)
    return None if any(heard < request < woken for request in rig.requests) else found


def stalled(rig: Rig) -> float | None:
    policy = rig.policy()
    policy.send_signal(signal.SIGUSR1)
    found = held_where_it_was(rig)
    assert policy.poll() is None
    policy.kill()
    return found


def test_a_source_that_dies_stops_or_stalls_leaves_the_arm_where_it_was_measured(
    graph: Graph,
) -> None:
    with Rig(graph) as rig:
        found = {"SIGKILL": repeated(KILLS, lambda: killed(rig))}
        found["stall"] = repeated(STALLS, lambda: stalled(rig))
        policy = rig.policy()
        found["SIGSTOP"] = repeated(STOPS, lambda: stopped(rig, policy))
        for name, times in found.items():
            print(told(f"last request to hold, {name}", times))
            assert np.median(times) <= WITHIN + SLACK / 2
            assert max(times) <= WITHIN + SLACK
        never_zero(rig)


def never_zero(rig: Rig) -> None:
    """No command goes where nobody asked for, and none leaps."""
    joints = np.array([command.values for command in rig.commands])
    assert joints[:, 3].max() < -1.5  # home is at -2.4, and zeros are not
    assert longest_step(rig.commands) <= 1 + 1e-9


def test_nothing_is_sent_if_nothing_ever_was(graph: Graph) -> None:
    with Rig(graph) as rig:
        heard = len(rig.reports)
        wait_for(lambda: len(rig.reports) > heard + 100, "reports")
        assert rig.commands == []
        assert all(np.isnan(report.sent).all() for report in rig.reports)
