"""A person's pad to the arm's command, over real DDS: how soon letting go is felt."""

import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy")

from sensor_msgs.msg import Joy
from std_srvs.srv import Trigger

from hardware.arm_model import kinematics_of
from hardware.contract_file import load_contract
from tests.ros.conftest import PATIENCE, ROOT, Graph, wait_for
from tests.ros.watched_arm import WatchedArm, stamp_of

pytestmark = pytest.mark.domain(55)
ROBOT = load_contract("twin")
ARM = kinematics_of(ROBOT)
PERIOD = 1e3 / ROBOT.rates.policy
"""Of the policy [ms], as are all times here."""
HOLD, STOP, SUCCESS, LEFT = 4, 1, 7, 0
RELEASES = 10
PAD, SILENCE = 50.0, 250.0
BUSY = 50.0
"""What a machine that is busy elsewhere may add to a single measurement [ms]."""


class Pad:
    """The pad of a person who pushes the tool to and fro; repeats itself as joy's driver does."""

    def __init__(self, graph: Graph) -> None:
        self.axes, self.buttons = [0.0] * 8, [0] * 11
        self._publisher = graph.node.create_publisher(Joy, "teleop/joy", 10)
        self._timer = graph.node.create_timer(1e-3 * PAD, self._publish)
        wait_for(self._publisher.get_subscription_count, "the teleop node")

    def push(self, left: float) -> None:
        self.axes[LEFT] = left

    def turn(self, button: int, down: bool) -> float:
        """Presses or releases a button; returns when [s]."""
        self.buttons[button] = int(down)
        self._publish()
        return time.time()

    def fall_silent(self) -> float:
        self._timer.cancel()
        return time.time()

    def speak(self) -> None:
        self._timer.reset()

    def _publish(self) -> None:
        self._publisher.publish(Joy(axes=self.axes, buttons=self.buttons))


@pytest.fixture
def arm(graph: Graph) -> WatchedArm:
    return WatchedArm(graph)


@pytest.fixture
def pad(graph: Graph, arm: WatchedArm) -> Pad:
    return Pad(graph)


def first_requests(requests: list[Any]) -> list[Any]:
    """Those after a pause: the first of each press."""
    stamps = [stamp_of(request) for request in requests]
    starts = [0, *(1 + np.flatnonzero(np.diff(stamps) > 0.15))]
    return [requests[i] for i in starts]


def jump(request: Any, states: list[Any]) -> float:
    """How far a request is from the joints as they were measured before it [rad]."""
    before = [state for state in states if stamp_of(state) <= stamp_of(request)]
    return float(np.abs(np.array(request.position) - before[-1].position[:7]).max())


def hold(arm: WatchedArm, pad: Pad, left: float) -> None:
    """Takes the arm up afresh and pushes it until it moves."""
    pad.push(left)
    pressed = 0.0

    def moving() -> bool:
        nonlocal pressed
        if time.time() > pressed + 1.0:
            pad.turn(HOLD, False)
            pressed = pad.turn(HOLD, True)
        return arm.moving_since(pressed)

    wait_for(moving, "a command that follows the person")


def test_letting_go_ends_the_motion_within_one_control_period(arm: WatchedArm, pad: Pad) -> None:
    found = []
    for i in range(RELEASES):
        hold(arm, pad, left=(-1.0) ** i)
        found.append(arm.frozen(pad.turn(HOLD, False)))
        assert arm.person_moves[-1].data is False
    onward, rest = np.array(found).T
    print(
        f"{RELEASES} releases: no further after {np.median(onward):.0f} ms (worst "
        f"{onward.max():.0f}), at rest where measured after {np.median(rest):.0f} ms (worst "
        f"{rest.max():.0f})"
    )
    # A machine that is busy elsewhere may delay some of them.
    assert np.percentile(onward, 80) <= PERIOD
    assert np.median(rest) <= 3 * PERIOD


def test_a_silent_pad_and_a_killed_node_count_as_released_and_no_press_makes_a_jump(
    arm: WatchedArm, pad: Pad
) -> None:
    hold(arm, pad, left=1.0)
    silent = arm.released(pad.fall_silent())
    assert arm.person_moves[-1].data is False
    pad.speak()
    hold(arm, pad, left=-1.0)
    killed_at = time.time()
    arm.person.send_signal(signal.SIGKILL)
    killed = arm.released(killed_at)
    print(f"released {silent:.0f} ms after the pad's last word, {killed:.0f} after SIGKILL")
    assert silent <= PAD + SILENCE + PERIOD + BUSY
    assert killed <= 2 * PERIOD + BUSY
    firsts = first_requests(arm.requests)
    assert len(firsts) >= 2
    assert max(jump(request, arm.states) for request in firsts) < 0.03


def test_buttons_stop_the_arm_and_label_an_episode(graph: Graph, arm: WatchedArm, pad: Pad) -> None:
    asked: list[str] = []

    def answer(_: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        asked.append("success")
        response.success = True
        return response

    graph.node.create_service(Trigger, "record/success", answer)

    def labelled() -> bool:
        pad.turn(SUCCESS, False)
        pad.turn(SUCCESS, True)
        return bool(asked)

    wait_for(labelled, "the service of the button")
    hold(arm, pad, left=1.0)
    stopped = arm.frozen(pad.turn(STOP, True))
    names = arm.reports[-1].name
    wait_for(lambda: arm.reports[-1].position[names.index("latched")] > 0, "the latch")
    print(f"ms after the button: {stopped}")


class Terminal:
    """``robot-rl jog`` in a terminal of its own, in which a person types."""

    def __init__(self, graph: Graph) -> None:
        self._ours, theirs = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "robot_rl.cli", "jog", "--timeout", "30"],
            cwd=ROOT,
            env=graph.environment,
            stdin=theirs,
            stdout=subprocess.PIPE,
            text=True,
        )
        os.close(theirs)
        assert self.process.stdout is not None
        assert "hold a key" in self.process.stdout.readline()

    def press(self, key: bytes) -> None:
        os.write(self._ours, key)

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()
        os.close(self._ours)


@pytest.fixture
def terminal(graph: Graph, arm: WatchedArm) -> Iterator[Terminal]:
    one = Terminal(graph)
    yield one
    one.close()


def tool(arm: WatchedArm) -> np.ndarray:
    """Position as measured last. Shape (3,) [m]."""
    assert ARM is not None
    return ARM.pose(np.array(arm.states[-1].position[:7]))[:3, 3]


def test_a_key_moves_the_arm_while_it_repeats_and_another_ends_it(
    arm: WatchedArm, terminal: Terminal
) -> None:
    start, began = tool(arm), time.time()

    def moved() -> bool:
        if (time.time() - began) % 2 < 1:  # And let go, and anew, if the first press was not seen.
            terminal.press(b"a")
        return bool(tool(arm)[1] > start[1] + 0.01)

    wait_for(moved, "an arm that moves to the left")
    rest = arm.frozen(time.time()).rest
    print(f"at rest {rest:.0f} ms after the last key")
    assert rest < 1000
    way = tool(arm) - start
    assert np.abs(way[[0, 2]]).max() < 0.3 * way[1]
    terminal.press(b"q")
    assert terminal.process.wait(PATIENCE) == 0
