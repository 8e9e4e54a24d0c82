"""A person's pad to the arm's command, over real DDS: how soon letting go is felt."""

import signal
import time
from bisect import bisect
from typing import Any, NamedTuple

import numpy as np
import pytest

pytest.importorskip("rclpy")

from rclpy.qos import QoSProfile
from rclpy.subscription import MessageInfo
from sensor_msgs.msg import JointState, Joy
from std_msgs.msg import Bool, Float64MultiArray
from std_srvs.srv import Trigger

from hardware.contract_file import load_contract
from hardware.ros import convert
from tests.ros.conftest import Graph, wait_for

pytestmark = pytest.mark.domain(55)
ROBOT = load_contract("twin")
PERIOD = 1e3 / ROBOT.rates.policy
"""Of the policy [ms], as are all times here."""
HOLD, STOP, SUCCESS, LEFT = 4, 1, 7, 0
RELEASES = 10
PAD, SILENCE = 50.0, 250.0
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


class Arm:
    """What the arm is told, with the time at which it was published, as DDS has it."""

    def __init__(self, graph: Graph) -> None:
        self.told: list[tuple[float, np.ndarray]] = []
        self._changes: list[float] = []
        graph.inbox.subscribe(Float64MultiArray, "arm/commands", self._hear, QoSProfile(depth=1000))
        self.person_moves: list[Any] = graph.listen(Bool, "teleop/deadman")
        self.states, self.requests, self.reports = (
            graph.listen(JointState, topic, 100)
            for topic in ("joint_states", "teleop/request", "safety/report")
        )
        graph.start("arm_node")
        graph.start("safety_node", watch_cameras=False)
        self.person = graph.start("teleop_node")
        wait_for(lambda: self.states, "joint states")

    def moving_since(self, start: float) -> bool:
        """Whether the command has changed for a tenth of a second."""
        later = self._changes[bisect(self._changes, start) :]
        return len(later) > 10 and later[-1] - later[0] > 0.1

    def frozen(self, after: float) -> Frozen:
        """How the command came to rest; waits until it has."""
        wait_for(lambda: time.time() > self._last(after) + 0.25, "an unchanging command")
        rest = self._last(after)
        times = [time for time, _ in self.told]
        at, end = bisect(times, after), bisect(times, rest)
        told = np.array([told for _, told in self.told[max(0, at - 20) : end]])
        before, later = told[:20], told[20:]
        gone = later @ (before[-1] - before[0])
        onward = times[at + int(np.argmax(gone))] if len(gone) else after
        return Frozen(1e3 * (onward - after), 1e3 * (rest - after))

    def _last(self, after: float) -> float:
        return max([after, *self._changes[-1:]])

    def released(self, after: float) -> float:
        """When the safety node reports for the first time that nobody asks any more [ms]."""

        def since() -> float:
            """How long after it the last request was over; 0 while it may come again."""
            reports = [(stamp_of(r), asked(r)) for r in list(self.reports)]
            last = max([after, *(stamp for stamp, by_somebody in reports if by_somebody)])
            later = [stamp for stamp, _ in reports if stamp > last]
            return later[0] - after if later and later[-1] > last + 0.2 else 0.0

        return 1e3 * wait_for(since, "a report without a request")

    def _hear(self, message: Float64MultiArray, info: MessageInfo) -> None:
        now, values = 1e-9 * info["source_timestamp"], np.array(message.data)
        if self.told and np.abs(values - self.told[-1][1]).max() > 1e-6:
            self._changes.append(now)
        self.told.append((now, values))


@pytest.fixture
def arm(graph: Graph) -> Arm:
    return Arm(graph)


@pytest.fixture
def pad(graph: Graph, arm: Arm) -> Pad:
    return Pad(graph)


def stamp_of(message: Any) -> float:
    return convert.to_seconds(message.header.stamp)


def asked(report: Any) -> bool:
    """Whether anybody's request counted."""
    return bool(np.isfinite(report.position[report.name.index("requested/joint1")]))


def first_requests(requests: list[Any]) -> list[Any]:
    """Those after a pause: the first of each press."""
    stamps = [stamp_of(request) for request in requests]
    starts = [0, *(1 + np.flatnonzero(np.diff(stamps) > 0.15))]
    return [requests[i] for i in starts]


def jump(request: Any, states: list[Any]) -> float:
    """How far a request is from the joints as they were measured before it [rad]."""
    before = [state for state in states if stamp_of(state) <= stamp_of(request)]
    return float(np.abs(np.array(request.position) - before[-1].position[:7]).max())


def hold(arm: Arm, pad: Pad, left: float) -> None:
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


def test_letting_go_ends_the_motion_within_one_control_period(arm: Arm, pad: Pad) -> None:
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
    arm: Arm, pad: Pad
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


def test_buttons_stop_the_arm_and_label_an_episode(graph: Graph, arm: Arm, pad: Pad) -> None:
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
