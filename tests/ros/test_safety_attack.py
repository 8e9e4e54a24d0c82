"""Promise 3: of forty thousand random requests over the wire, none gets a command past a limit."""

import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy")

from diagnostic_msgs.msg import DiagnosticArray
from std_msgs.msg import Bool

from controllers.command_space import PoseSpace
from controllers.lie import vector_from_se3
from controllers.rate_limit import length
from controllers.reason import Reason
from hardware.arm_model import chain_of, kinematics_of
from hardware.dds_profile import without_shared_memory
from hardware.link import Report
from tests.ros.an_attacker import KINDS
from tests.ros.conftest import PATIENCE, ROOT, Graph, wait_for
from tests.ros.safety_rig import PERIOD, TICK, TWIN, Rig, Said, longest_step, values_of

pytestmark = pytest.mark.domain(33)
REQUESTS = 40_000
LIMITS = TWIN.limits
WINDOW = 5
"""Reports over which a velocity is taken: 50 ms."""
SPEED, TURN = 0.8, 1.8
"""Of the tool, lower than what the joints may do [m/s, rad/s]."""
ARM = kinematics_of(TWIN)
CLOCK = 1e-4
"""How well a report's stamp tells the time of its tick [s]."""


def attack(rig: Rig, diagnostics: list[Any]) -> None:
    """Requests at random until so many have been received; contact is answered with a reset."""
    script = str(Path(__file__).with_name("an_attacker.py"))
    command = [sys.executable, script, "0"]
    environment = without_shared_memory(rig.graph.environment)
    process = subprocess.Popen(command, cwd=ROOT, env=environment)
    rig.keep(process)

    def enough() -> bool:
        if rig.reports[-1].latched & Reason.FORCE:
            rig.call("reset")
        return received(diagnostics) >= REQUESTS

    wait_for(enough, "forty thousand requests", 2 * PATIENCE)


def received(diagnostics: list[Any]) -> int:
    taken = values_of(diagnostics, "/safety", "guard/requests")
    return taken + sum(ignored(diagnostics).values())


def ignored(diagnostics: list[Any]) -> dict[str, int]:
    whys = ("joints missing", "late", "ahead of our clock", "another source commands")
    return {why: values_of(diagnostics, "/safety", f"ignored/{why}") for why in whys}


def test_of_forty_thousand_random_requests_none_gets_past_a_limit(
    graph: Graph, tmp_path: Path
) -> None:
    slow = tmp_path / "slow.yaml"
    slow.write_text(f"extends: twin\nlimits: {{speed: {SPEED}, angular_speed: {TURN}}}\n")
    diagnostics = graph.listen(DiagnosticArray, "/diagnostics")
    with Rig(graph, robot=slow) as rig:
        attack(rig, diagnostics)
        stops_in_spite_of_it(rig)
        total = received(diagnostics)
        sent = len(rig.commands)
        print(f"{total} requests received, {sent} commands sent, {len(rig.reports)} reports")
        no_command_is_beyond(rig.commands)
        print(f"longest step: {longest_step(rig.commands):.3f} of what two ticks allow")
        assert longest_step(rig.commands) <= 1 + 1e-9
        no_motion_is_too_fast(rig)
        every_request_is_counted(list(diagnostics))


def no_command_is_beyond(commands: list[Said]) -> None:
    q = np.array([command.values for command in commands])
    assert len(q) > REQUESTS / 10
    assert np.isfinite(q).all()
    assert (q >= LIMITS.q_lower).all()
    assert (q <= LIMITS.q_upper).all()
    arm = chain_of(TWIN)
    assert arm is not None
    tools = arm.forward(q).position
    assert (tools >= LIMITS.workspace_lower).all()
    assert (tools <= LIMITS.workspace_upper).all()
    assert np.ptp(tools, axis=0).min() > 0.1  # and it did move


def no_motion_is_too_fast(rig: Rig) -> None:
    """Mean velocities over windows of reports, and how they change from one to the next.

    A report has the time of its tick; a message on the command topic has not. A tick that came late
    is bridged, and looks as if the arm had braked, so windows with one are left out.
    """
    speeds, changes, tools = [], [], []
    for window in windows(rig):
        before, middle, after = window[0], window[WINDOW], window[-1]
        first, second = middle.stamp - before.stamp, after.stamp - middle.stamp
        one, two = (middle.sent - before.sent) / first, (after.sent - middle.sent) / second
        speeds.append(np.abs(one) / LIMITS.dq)
        changes.append(np.abs(two - one) / (LIMITS.ddq * (first + second) / 2))
        tools.append(tool_speeds(before.sent, middle.sent) / first)
    speed, change = np.max(speeds, axis=0), np.max(changes, axis=0)
    print(f"{len(speeds)} windows; of speed {speed.max():.4f}, of acceleration {change.max():.4f}")
    assert len(speeds) > 100
    span = WINDOW * 5 * TICK
    assert (speed <= 1 + CLOCK / span).all()
    assert (change <= 1 + 2 * LIMITS.dq * CLOCK / span / (LIMITS.ddq * span)).all()
    assert speed.max() > 0.5
    linear, angular = np.max(tools, axis=0) / (SPEED, TURN)
    print(f"of the tool's speed {linear:.4f}, of its angular speed {angular:.4f}")
    # The way bends within a window, and the levers change while the arm brakes.
    assert max(linear, angular) <= 1.01 + CLOCK / span
    assert min(linear, angular) > 0.9


def tool_speeds(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """How far the tool moves and turns between two commands. Shape (2,) [m, rad]."""
    assert ARM is not None
    poses = (vector_from_se3(ARM.pose(q)) for q in (before, after))
    return length(PoseSpace(LIMITS).gap(*poses))


def windows(rig: Rig) -> list[list[Report]]:
    """Neighbouring reports of a stream without a late tick."""
    late = {b.number for a, b in pairwise(rig.commands) if b.time - a.time > 1.8 * TICK}
    numbers, times = zip(*((c.number, c.time) for c in rig.commands), strict=True)
    reports = [r for r in rig.reports if np.isfinite(r.sent).all()]
    found = []
    for start in range(0, len(reports) - 2 * WINDOW, WINDOW):
        window = reports[start : start + 2 * WINDOW + 1]
        low, high = np.searchsorted(times, [window[0].stamp - TICK, window[-1].stamp + TICK])
        regular = window[-1].stamp - window[0].stamp < 2 * WINDOW * 5 * TICK + TICK
        if regular and late.isdisjoint(numbers[low:high]):
            found.append(window)
    return found


def every_request_is_counted(diagnostics: list[Any]) -> None:
    """Shares of the reasons are those of the kinds, whichever requests DDS has dropped."""
    total, names = received(diagnostics), ("INVALID", "POSITION", "WORKSPACE", "VELOCITY")
    counted = {name: values_of(diagnostics, "/safety", f"requests/{name}") for name in names}
    ticks = {name: values_of(diagnostics, "/safety", f"reasons/{name}") for name in names}
    missing = ignored(diagnostics)["joints missing"]
    print(f"counted {counted}, ignored {ignored(diagnostics)}, ticks {ticks}")
    assert counted["INVALID"] / total == pytest.approx(KINDS["broken"], abs=0.04)
    assert missing / total == pytest.approx(KINDS["names"] + KINDS["length"], abs=0.04)
    assert counted["POSITION"] / total == pytest.approx(KINDS["beyond"] + KINDS["huge"], abs=0.04)
    assert counted["VELOCITY"] > 0
    assert counted["WORKSPACE"] > 0
    assert all(ticks.values())


def stops_in_spite_of_it(rig: Rig) -> None:
    publisher = rig.graph.node.create_publisher(Bool, "estop", 1)
    wait_for(publisher.get_subscription_count, "the safety node")
    pressed = rig.now()
    publisher.publish(Bool(data=True))
    report = rig.report(pressed, lambda r: bool(r.latched & Reason.STOP), "a stop")
    print(f"stopped {1e3 * (report.stamp - pressed):.1f} ms after the button, under attack")
    assert report.stamp - pressed <= PERIOD
