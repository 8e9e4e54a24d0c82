"""Promise 5: whoever presses stop, it is effective within a control period, and stays."""

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy")

from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from std_msgs.msg import Bool
from std_srvs.srv import Trigger

from controllers.reason import Reason
from tests.forked import Forked
from tests.ros.conftest import ROOT, Graph, wait_for
from tests.ros.safety_rig import PERIOD, Rig, longest_step, told

pytestmark = pytest.mark.domain(35)
PRESSES = 5
BEST_EFFORT = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)


class Keyboard:
    """``robot-rl estop --keyboard`` in a process of its own."""

    def __init__(self, graph: Graph) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "robot_rl.cli", "estop", "--keyboard", "--timeout", "30"],
            cwd=ROOT,
            env=graph.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=0,
        )
        assert "any key stops" in self.answer()

    def press(self, key: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(key)

    def answer(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline()


def stopped(rig: Rig, press: Callable[[], Any]) -> tuple[float, float, float]:
    """From the press to the stop and to standstill [s], and how far the arm still went [rad]."""
    rig.follows(rig.now())
    pressed = rig.now()
    press()
    report = rig.report(pressed, lambda r: bool(r.latched & Reason.STOP), "a stop")
    rest = rig.stands(report.stamp)
    after = [state for state in rig.states if state.time > pressed]
    moving = [s.time for s in after if np.abs(s.values - rest).max() > 0.005]
    way = max(float(np.abs(s.values - rig.measured(pressed)).max()) for s in after)
    return report.stamp - pressed, max(moving, default=pressed) - pressed, way


def stays(rig: Rig, policy: Forked) -> None:
    """Neither the policy's requests nor the reset move it, only a policy that begins anew."""
    here, asked = rig.states[-1].values, rig.now()
    wait_for(lambda: rig.requests[-1] > asked + 4 * PERIOD, "requests in spite of the stop")
    reset = rig.now()
    assert rig.call("reset").success
    rig.report(reset, lambda r: not r.latched, "an open latch")
    wait_for(lambda: rig.requests[-1] > reset + 4 * PERIOD, "requests after the reset")
    np.testing.assert_allclose(rig.states[-1].values, here, atol=2e-3)
    policy.send_signal(signal.SIGSTOP)
    rig.last_request()
    policy.send_signal(signal.SIGCONT)


def test_a_stop_from_anywhere_is_effective_at_once_and_stays(graph: Graph) -> None:
    with Rig(graph) as rig:
        keyboard = Keyboard(graph)
        rig.keep(keyboard.process)
        topic = graph.node.create_publisher(Bool, "estop", 10)
        careless = graph.node.create_publisher(Bool, "estop", BEST_EFFORT)
        wait_for(lambda: careless.get_subscription_count() == 1, "the safety node")
        wait_for(lambda: topic.get_subscription_count() == 2, "the safety node")
        service = graph.node.create_client(Trigger, "estop")
        wait_for(service.service_is_ready, "the service")
        presses: dict[str, Callable[[], Any]] = {
            "service": lambda: service.call_async(Trigger.Request()),
            "topic": lambda: topic.publish(Bool(data=True)),
            "topic, best effort": lambda: careless.publish(Bool(data=True)),
            "keyboard": lambda: keyboard.press(" "),
        }
        policy = rig.policy()
        for name, press in presses.items():
            found = []
            for _ in range(PRESSES if name == "topic" else 2):
                found.append(stopped(rig, press))
                stays(rig, policy)
            effective, still, ways = zip(*found, strict=True)
            print(told(f"{name}: press to stop", list(effective)))
            print(f"  at rest after {1e3 * max(still):.0f} ms, {max(ways):.3f} rad away (worst)")
            assert max(effective) <= PERIOD
        assert longest_step(rig.commands) <= 1 + 1e-9


def test_a_stop_outlives_policy_and_recorder(graph: Graph, tmp_path: Path) -> None:
    with Rig(graph) as rig:
        keyboard = Keyboard(graph)
        rig.keep(keyboard.process)
        recorder = graph.start("recorder_node", dataset=tmp_path / "recorded", cameras="[none]")
        policy = rig.policy()
        keyboard.press(" ")
        assert "stopped" in keyboard.answer()
        here = rig.stands(rig.now())
        for process in (policy, recorder):
            graph.end(process, signal.SIGKILL)
        killed = rig.now()
        rig.start_policy()
        report = rig.report(killed + 0.5, lambda r: True, "reports")
        assert report.latched & Reason.STOP
        np.testing.assert_allclose(rig.states[-1].values, here, atol=2e-3)
        keyboard.press("r")
        assert "begins anew" in keyboard.answer()
        rig.report(killed, lambda r: not r.latched, "an open latch")
        keyboard.press("q")
        assert keyboard.process.wait(20) == 0


def test_a_key_stops_while_nobody_answers_the_last_one(graph: Graph) -> None:
    heard = graph.listen(Bool, "estop")
    safety = graph.start("safety_node", watch_cameras=False)
    keyboard = Keyboard(graph)
    wait_for(lambda: keyboard.press(" ") or heard, "a keyboard that has found us")
    keyboard.press("r")
    while "begins anew" not in keyboard.answer():
        pass  # What was pressed before it is published by then.
    before = len(heard)
    safety.send_signal(signal.SIGSTOP)
    keyboard.press("r")
    keyboard.press(" ")
    wait_for(lambda: len(heard) > before, "a stop", timeout=2.0)
    safety.send_signal(signal.SIGCONT)
    keyboard.press("q")
    assert keyboard.process.wait(20) == 0


def test_a_stop_from_before_counts_and_the_command_line_frees_and_stops(graph: Graph) -> None:
    button = graph.node.create_publisher(Bool, "estop", LATCHED)
    button.publish(Bool(data=True))
    with Rig(graph) as rig:
        rig.report(0.0, lambda r: bool(r.latched & Reason.STOP), "a stop from before")
        for command, latched in (("rearm", False), ("estop", True)):
            asked = rig.now()
            said = typed(graph, command)
            answered = rig.now()
            print(f"{command} took {answered - asked:.1f} s: {said}")
            report = rig.report(answered, lambda r: True, "reports")
            assert bool(report.latched) is latched
        assert rig.commands == []


def typed(graph: Graph, command: str) -> str:
    """What ``robot-rl <command>`` says."""
    done = subprocess.run(
        [sys.executable, "-m", "robot_rl.cli", command, "--timeout", "30"],
        cwd=ROOT,
        env=graph.environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()
