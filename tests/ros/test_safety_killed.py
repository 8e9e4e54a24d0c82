"""Promise 7: without the safety node the arm's own driver holds it."""

import signal
from itertools import count
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy")

from diagnostic_msgs.msg import DiagnosticArray

from tests.ros.conftest import Graph, wait_for
from tests.ros.safety_rig import TWIN, Rig, longest_step, repeated, told, values_of

pytestmark = pytest.mark.domain(36)
KILLS, STOPS = 2, 5
TIMEOUT = TWIN.rates.command_timeout or 0.0
STANDS = 0.4
"""Time in which the twin's servos bring the arm to rest [s]."""


def left_alone(rig: Rig, how: int) -> tuple[float, float] | None:
    """From the last command to standstill [s], and how far the arm still went [rad]."""
    rig.safety.send_signal(how)
    sent = rig.now()
    rest = rig.stands(sent)
    last = rig.commands[-1].time
    if rig.was_starved(last - 0.1):
        return None
    here = rig.measured(last)
    after = [state for state in rig.states if state.time > last]
    moving = [s.time for s in after if np.abs(s.values - rest).max() > 0.005]
    way = max(float(np.abs(s.values - here).max()) for s in after)
    return max(moving, default=last) - last, way


def tell(name: str, found: list[tuple[float, float]]) -> None:
    still, ways = zip(*found, strict=True)
    print(told(f"{name}: last command to standstill", list(still)))
    print(f"  at most {max(ways):.3f} rad from where it was then")
    assert max(still) <= TIMEOUT + STANDS
    assert max(ways) < 0.1


def stopped(rig: Rig, diagnostics: list[Any]) -> tuple[float, float] | None:
    before = values_of(diagnostics, "/arm", "arm/timeouts")
    found = left_alone(rig, signal.SIGSTOP)
    wait_for(lambda: values_of(diagnostics, "/arm", "arm/timeouts") > before, "a timeout")
    woken = rig.now()
    rig.safety.send_signal(signal.SIGCONT)
    rig.follows(woken)
    return found


def killed(graph: Graph, namespace: str) -> tuple[float, float] | None:
    """In a namespace of its own: DDS remembers a killed node for a while."""
    with Rig(graph, namespace) as rig:
        rig.policy()
        found = left_alone(rig, signal.SIGKILL)
        held, asked = rig.states[-1].values, rig.now()
        wait_for(lambda: rig.requests[-1] > asked + 0.3, "requests that go nowhere")
        np.testing.assert_allclose(rig.states[-1].values, held, atol=1e-3)
        graph.end(rig.arm)
        return found


def test_an_arm_whose_safety_node_stops_is_held_by_its_driver(graph: Graph) -> None:
    diagnostics = graph.listen(DiagnosticArray, "/diagnostics")
    with Rig(graph) as rig:
        rig.policy()
        tell("SIGSTOP", repeated(STOPS, lambda: stopped(rig, diagnostics)))
        assert longest_step(rig.commands) <= 1 + 1e-9


def test_an_arm_whose_safety_node_is_killed_is_held_by_its_driver(graph: Graph) -> None:
    names = (f"robot{i}" for i in count())
    tell("SIGKILL", repeated(KILLS, lambda: killed(graph, next(names))))
