"""A person's pad to the arm's command, over real DDS: how soon letting go is felt."""

import signal
import time
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import pytest

pytest.importorskip("rclpy")

from sensor_msgs.msg import JointState, Joy
from std_msgs.msg import Bool, Float64MultiArray
from std_srvs.srv import Trigger

from hardware.contract_file import load_contract
from tests.ros.conftest import Graph, wait_for

pytestmark = pytest.mark.domain(55)
ROBOT = load_contract("twin")
PERIOD = 1e3 / ROBOT.rates.policy
"""Of the policy [ms], as are all times here."""
HOLD, STOP, SUCCESS, LEFT = 4, 1, 7, 0
RELEASES = 10
SILENCE = 250.0
BUSY = 50.0
"""What a machine that is busy elsewhere may add to a single measurement [ms]."""


class Frozen(NamedTuple):
    """Times after which a command ended."""

    onward: float
    """No longer on in the direction in which it moved [ms]."""
    rest: float
    """No longer changed [ms]."""


class Pad:
    """The pad of a person who pushes the tool to and fro; repeats itself as joy's driver does."""

    def __init__(self, graph: Graph) -> None:
        self.axes, self.buttons = [0.0] * 8, [0] * 11
        self._publisher = graph.node.create_publisher(Joy, "teleop/joy", 10)
        self._timer = graph.node.create_timer(0.05, self._publish)
        wait_for(self._publisher.get_subscription_count, "the teleop node")

    def push(self, left: float) -> None:
        self.axes[LEFT] = left

    def turn(self, button: int, down: bool) -> float:
        """Presses or releases a button; returns when [s]."""
        self.buttons[button] = int(down)
        self._publish()
        return time.monotonic()

    def fall_silent(self) -> float:
        self._timer.cancel()
        return time.monotonic()

    def speak(self) -> None:
        self._timer.reset()

    def _publish(self) -> None:
        self._publisher.publish(Joy(axes=self.axes, buttons=self.buttons))


class Arm:
    """What the arm is told, with the time at which it came in."""

    def __init__(self, graph: Graph) -> None:
        self.told: list[tuple[float, np.ndarray]] = []
        graph.node.create_subscription(Float64MultiArray, "arm/commands", self._hear, 100)
        self.person_moves: list[Any] = graph.listen(Bool, "teleop/deadman")
        graph.start("arm_node")
        graph.start("safety_node", watch_cameras=False)
        self.person = graph.start("teleop_node")

    def moving_since(self, start: float) -> bool:
        """Whether the command has changed for a tenth of a second, and still does."""
        times = [time for time in self.changes() if time > start]
        return len(times) > 10 and times[-1] - times[0] > 0.1

    def changes(self) -> list[float]:
        """When the command was another than the one before [s]."""
        pairs = pairwise(list(self.told))
        return [time for (_, before), (time, now) in pairs if np.abs(now - before).max() > 1e-6]

    def frozen(self, after: float) -> Frozen:
        """How the command came to rest; waits until it has."""

        def rests() -> bool:
            last = max([after, *self.changes()])
            return self.told[-1][0] > last + 0.15

        wait_for(rests, "a command that no longer changes")
        rest = max([after, *self.changes()])
        before = np.array([told for time, told in self.told if time <= after])[-20:]
        later = [(time, told) for time, told in self.told if after < time <= rest]
        gone = [told @ (before[-1] - before[0]) for _, told in later]
        onward = later[int(np.argmax(gone))][0] if gone else after
        return Frozen(1e3 * (onward - after), 1e3 * (rest - after))

    def _hear(self, message: Float64MultiArray) -> None:
        self.told.append((time.monotonic(), np.array(message.data)))


@pytest.fixture
def arm(graph: Graph) -> Arm:
    return Arm(graph)


@pytest.fixture
def pad(graph: Graph, arm: Arm) -> Pad:
    return Pad(graph)


def hold(arm: Arm, pad: Pad, left: float) -> None:
    """Takes the arm up afresh and pushes it until it moves."""
    pad.push(left)
    pressed = 0.0

    def moving() -> bool:
        nonlocal pressed
        if time.monotonic() > pressed + 1.0:
            pad.turn(HOLD, False)
            pressed = pad.turn(HOLD, True)
        return arm.moving_since(pressed)

    wait_for(moving, "a command that follows the person")


def test_letting_go_ends_the_motion_within_one_control_period_and_no_press_makes_a_jump(
    graph: Graph, arm: Arm, pad: Pad
) -> None:
    states, found = graph.listen(JointState, "joint_states"), []
    wait_for(lambda: states, "joint states")
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
    assert np.sort(onward)[-2] <= PERIOD
    assert onward.max() <= PERIOD + BUSY
    assert np.median(rest) <= 3 * PERIOD
    told = np.array([told for _, told in arm.told])
    assert np.abs(told[0] - states[0].position[:7]).max() < 1e-3
    assert np.abs(np.diff(told, axis=0)).max() < 0.03


def test_a_silent_pad_and_a_killed_node_count_as_released(arm: Arm, pad: Pad) -> None:
    hold(arm, pad, left=1.0)
    silent = arm.frozen(pad.fall_silent())
    assert arm.person_moves[-1].data is False
    pad.speak()
    hold(arm, pad, left=-1.0)
    killed_at = time.monotonic()
    arm.person.send_signal(signal.SIGKILL)
    killed = arm.frozen(killed_at)
    print(f"ms after the pad's last word: {silent}; after SIGKILL of the node: {killed}")
    assert silent.onward <= SILENCE + PERIOD + BUSY
    assert killed.onward <= 2 * PERIOD + BUSY


def test_buttons_stop_the_arm_and_label_an_episode(graph: Graph, arm: Arm, pad: Pad) -> None:
    asked: list[str] = []

    def answer(_: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        asked.append("success")
        response.success = True
        return response

    graph.node.create_service(Trigger, "record/success", answer)
    reports = graph.listen(JointState, "safety/report")

    def labelled() -> bool:
        pad.turn(SUCCESS, False)
        pad.turn(SUCCESS, True)
        return bool(asked)

    wait_for(labelled, "the service of the button")
    hold(arm, pad, left=1.0)
    stopped = arm.frozen(pad.turn(STOP, True))
    names = reports[-1].name
    wait_for(lambda: reports[-1].position[names.index("latched")] > 0, "the latch")
    print(f"ms after the button: {stopped}")
    assert stopped.onward <= PERIOD + BUSY
