"""Promise 4: after a start, a stop and a release the first command is one step away, or none is."""

import numpy as np
import pytest

pytest.importorskip("rclpy")

from std_msgs.msg import Bool

from controllers.reason import Reason
from hardware.link import Report
from tests.ros.conftest import Graph, wait_for
from tests.ros.safety_rig import PERIOD, STEP, Rig, Source, longest_step, repeated

pytestmark = pytest.mark.domain(34)
STARTS, STOPS, RELEASES = 5, 5, 8
NEAR, FAR = 0.15 * np.eye(7)[0], 0.5 * np.eye(7)[0]
"""A first request within the radius in which an arm is taken up, and one beyond it [rad]."""


def refused(report: Report) -> bool:
    return bool(report.reasons & Reason.ENGAGE) and followed(report)


def takes_up(rig: Rig, source: Source, since: float, side: float) -> float:
    """How far the first command is from where the arm is measured, as a share of a step."""
    here = rig.stands(since)
    source.target = here + side * FAR
    rig.report(rig.now() + PERIOD, refused, "a refusal")
    asked = rig.now()
    wait_for(lambda: rig.reports[-1].stamp > asked + 4 * PERIOD, "some periods")
    np.testing.assert_allclose(rig.states[-1].values, here, atol=1e-3)
    goal, asked = here + side * NEAR, rig.now()
    source.target = goal
    wait_for(lambda: rig.commands_since(asked), "commands")
    first = rig.commands_since(asked)[0]
    wait_for(lambda: np.abs(rig.states[-1].values - goal).max() < 0.01, "the arm there")
    return float((np.abs(first.values - rig.measured(first.time)) / STEP).max())


def restarted(rig: Rig, source: Source, side: float) -> float:
    source.target = None
    rig.graph.end(rig.safety)
    ended = rig.now()
    rig.safety = rig.graph.start("safety_node", watch_cameras=False)
    rig.report(ended, lambda r: not r.reasons & Reason.STALE, "the new safety node")
    source.heard()
    assert rig.commands_since(ended) == []
    return takes_up(rig, source, ended, side)


def stopped(rig: Rig, source: Source, side: float) -> float:
    source.target = rig.states[-1].values - side * NEAR
    rig.follows(rig.now())
    pressed = rig.now()
    assert rig.call("estop").success
    rig.report(pressed, lambda r: bool(r.latched), "a stop")
    source.target = None
    rig.stands(pressed)
    assert rig.call("reset").success
    reset = rig.now()
    rig.report(reset + 2 * PERIOD, lambda r: not r.latched, "a pause after the reset")
    return takes_up(rig, source, reset, side)


def test_the_first_command_is_within_one_step_of_the_arm(graph: Graph) -> None:
    with Rig(graph) as rig:
        source = Source(rig)
        source.heard()
        found = {"start": [takes_up(rig, source, 0.0, 1.0)]}
        found["start"] += [restarted(rig, source, (-1.0) ** i) for i in range(1, STARTS)]
        found["stop"] = [stopped(rig, source, (-1.0) ** i) for i in range(STOPS)]
        for name, shares in found.items():
            print(f"first command after {name}: {max(shares):.3f} steps from the arm (worst)")
            assert max(shares) <= 1
        print(f"longest step of all: {longest_step(rig.commands):.3f}")
        assert longest_step(rig.commands) <= 1 + 1e-9


def test_no_command_leaps_when_a_person_lets_go_and_a_policy_goes_on(graph: Graph) -> None:
    with Rig(graph) as rig:
        deadman = graph.node.create_publisher(Bool, "teleop/deadman", 10)
        policy, person = Source(rig), Source(rig, "teleop/request")
        policy.heard()
        person.heard()
        here = rig.stands(0.0)
        policy.target = here.copy()
        rig.report(0.0, lambda r: bool(np.isfinite(r.sent).all()), "an engaged arm")
        gaps = []
        for i in range(RELEASES):
            began = rig.now()
            person.target = here + (-1.0) ** i * NEAR
            rig.report(began, lambda r: r.person, "the person with the arm")
            rig.follows(began)
            person.target, released = None, rig.now()
            deadman.publish(Bool(data=False))
            report = rig.report(released, lambda r: not r.person, "the release")
            gaps.append(report.stamp - released)
            rig.report(released, goes_on, "the policy with the arm")
        print(f"released after {1e3 * np.median(gaps):.1f} ms, at worst {1e3 * max(gaps):.1f} ms")
        print(f"longest step of all: {longest_step(rig.commands):.3f}")
        assert max(gaps) <= PERIOD
        assert longest_step(rig.commands) <= 1 + 1e-9


def goes_on(report: Report) -> bool:
    return not report.person and followed(report)


def followed(report: Report) -> bool:
    return bool(np.isfinite(report.requested).all())


def test_a_person_who_lets_go_without_having_the_arm_takes_it_from_no_policy(graph: Graph) -> None:
    with Rig(graph) as rig:
        deadman = graph.node.create_publisher(Bool, "teleop/deadman", 10)
        wait_for(deadman.get_subscription_count, "the safety node")
        policy = Source(rig)
        policy.heard()
        policy.target = rig.stands(0.0)
        rig.report(0.0, followed, "an engaged arm")

        def release() -> list[Report] | None:
            """What is reported after it; None if this process was too busy to go on asking."""
            released = rig.now()
            for _ in range(20):
                deadman.publish(Bool(data=False))
            rig.report(released + 6 * PERIOD, followed, "reports")
            asked = [time for time in rig.requests if time > released - 3 * PERIOD]
            spoiled = max(np.diff(asked)) > 1.5 * PERIOD
            return None if spoiled else rig.reports_since(released)

        [reports] = repeated(1, release)
        assert all(followed(report) for report in reports if not report.reasons & Reason.STALE)
