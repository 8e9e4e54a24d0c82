"""The live page in front of a whole robot: what a browser does, as the arm feels it."""

import contextlib
import functools
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy")

from sensor_msgs.msg import JointState
from std_msgs.msg import Bool
from std_srvs.srv import SetBool, Trigger

from hardware.contract_file import load_contract
from hardware.ros.robot_link import RobotLink
from robot_rl.free_port import free_port
from tests.ros.chromium import PROGRAM, Chromium
from tests.ros.conftest import Graph, wait_for
from tests.ros.page_tab import Tab
from tests.ros.watched_arm import WatchedArm

pytestmark = pytest.mark.domain(75)
PRESSES = 5
SILENCE = 250.0
AFRESH, SLOW = 5.0, 150.0
"""A press is repeated after the first; a browser without a GPU may take the last to start [s]."""
BUSY = 250.0
"""What a machine that is busy elsewhere may add to a single measurement [ms]."""

Press = Callable[[], float]
LetGo = Callable[[], None]


@pytest.fixture
def arm(graph: Graph) -> WatchedArm:
    return WatchedArm(graph)


@pytest.fixture
def port(graph: Graph, arm: WatchedArm) -> int:
    number = free_port()
    graph.start("page_node", port=number, rate=2.0)

    def answers() -> bool:
        with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{number}"):
            return True
        return False

    wait_for(answers, "the page")
    return number


def kept(_: Trigger.Request, answer: Trigger.Response) -> Trigger.Response:
    answer.success, answer.message = True, "7 transitions"
    return answer


def answered(tab: Tab, label: str, service: str) -> bool:
    """Clicks a button, which is grey and of no effect until its service was found."""
    tab.click(label)
    return tab.says(f"{service}: 7 transitions")


def latched(arm: WatchedArm) -> bool:
    return arm.reports[-1].position[arm.reports[-1].name.index("latched")] > 0


def hold(
    arm: WatchedArm, press: Press, let_go: LetGo, until: Callable[[float], Any], what: str
) -> float:
    """Presses until something is so, given when it was; afresh where a busy machine lost a press.

    Returns:
        When it was pressed [s].
    """
    pressed = 0.0

    def so() -> Any:
        nonlocal pressed
        if time.time() > pressed + AFRESH:
            let_go()
            wait_for(arm.still, "an arm at rest")
            pressed = press()
        return until(pressed)

    wait_for(so, what, SLOW)
    return pressed


def delay(arm: WatchedArm, press: Press, let_go: LetGo) -> float:
    """From a press to the first command that differs [ms]."""
    pressed = hold(arm, press, let_go, arm.began, "a command that follows the press")
    let_go()
    return 1e3 * (arm.began(pressed) - pressed)


def test_a_page_that_nobody_touches_lets_go_of_nobody(
    graph: Graph, arm: WatchedArm, port: int
) -> None:
    """Somebody else may hold the deadman beside it."""
    said = graph.listen(Bool, "teleop/enable")
    with Tab(port) as tab:
        wait_for(lambda: tab.has("y +"), "the buttons")
        assert not said
        hold(arm, lambda: tab.press("y +"), tab.let_go, arm.began, "a command")
        tab.let_go()
        wait_for(lambda: said and not said[-1].data, "a word that it lets go")
        count = len(said)
        wait_for(arm.still, "an arm at rest")
    assert len(said) == count


def test_a_tab_moves_the_arm_while_it_is_there_and_stops_it_for_good(
    graph: Graph, arm: WatchedArm, port: int
) -> None:
    with Tab(port) as tab, Tab(port) as other:
        wait_for(lambda: tab.has("y +") and other.has("y -"), "the buttons")
        press, back = (functools.partial(tab.press, label) for label in ("y +", "y -"))
        found = [delay(arm, way, tab.let_go) for way in (press, back) * PRESSES]
        hold(arm, press, tab.let_go, lambda _: tab.says("A person"), "who is in control")

        def both() -> float:
            tab.press("y +")
            return other.press("y -")

        def neither() -> None:
            tab.let_go()
            other.let_go()

        neither()
        hold(arm, both, neither, lambda _: tab.says("another page holds the arm"), "who may not")
        neither()
        hold(arm, press, tab.let_go, arm.moving_since, "an arm that moves")
        closed = time.time()
        tab.close()
        frozen = arm.frozen(closed)
    assert arm.person_moves[-1].data is False
    with Tab(port) as tab:
        wait_for(lambda: tab.has("STOP"), "the buttons")
        tab.click("STOP")
        wait_for(lambda: latched(arm), "the latch")
        wait_for(lambda: tab.says("STOPPED", "estop: "), "what came back")
        tab.click("rearm")
        wait_for(lambda: not latched(arm), "an open latch")
        for service in ("record/success", "record/mistaken"):
            graph.node.create_service(Trigger, service, kept)
        for label, service in (("success", "success"), ("last: no success", "mistaken")):
            pressed = functools.partial(answered, tab, label, f"record/{service}")
            wait_for(pressed, "the recorder's answer")
    print(
        f"press to command: {np.median(found):.0f} ms, worst {max(found):.0f}; "
        f"no further {frozen.onward:.0f} ms after the tab was closed"
    )
    assert np.median(found) < 500
    assert frozen.onward <= SILENCE + BUSY


def test_the_page_shows_how_learning_goes_and_pauses_it(graph: Graph, port: int) -> None:
    told = graph.listen(JointState, "learning/status")
    link = RobotLink(load_contract("twin"))
    try:
        paused = link.offer_pause()
        with Tab(port) as tab:
            wait_for(lambda: tab.has("pause learning"), "the buttons")

            def shown() -> bool:
                link.tell({"steps": 1234, "success_rate": 0.75, "classifier/score": 0.5})
                return bool(told) and tab.says("1,234", "0.75", "classifier/score")

            wait_for(shown, "the numbers, here and on the page")
            assert told[-1].name == ["steps", "success_rate", "classifier/score"]
            tab.click("pause learning")
            wait_for(paused, "the pause")
            wait_for(lambda: tab.says("rests after this episode"), "what came back")
        assert graph.call(SetBool, "learning/pause", SetBool.Request(data=False)).success
        assert not paused()
    finally:
        link.close()


@pytest.mark.timeout(600)
@pytest.mark.skipif(PROGRAM is None, reason="no Chromium here: apt-get install chromium")
def test_a_person_at_a_browser_without_a_network_moves_and_stops_the_arm(
    arm: WatchedArm, port: int, tmp_path: Path
) -> None:
    browser = Chromium(f"http://127.0.0.1:{port}", 1300, 600)
    try:
        wait_for(lambda: browser.find("STOP") and browser.find("y -"), "the page", SLOW)
        press, back = (functools.partial(browser.press, label) for label in ("y +", "y -"))
        found = [delay(arm, way, browser.let_go) for way in (press, back) * 2]
        pressed = browser.press("STOP")  # the finger is still down
        wait_for(lambda: latched(arm), "the latch")
        stopped = 1e3 * (time.time() - pressed)
        browser.let_go()
        wait_for(lambda: browser.shows("STOPPED"), "that it is stopped")
        (tmp_path / "page.png").write_bytes(browser.picture())
        away = [url for url in browser.requested() if not url.startswith(("data:", "blob:"))]
        wait_for(lambda: browser.find("rearm"), "a button that frees the arm")
        browser.press("rearm")
        browser.let_go()
        wait_for(lambda: not latched(arm), "an open latch")
        wait_for(lambda: browser.find("y +"), "buttons that move again")
        hold(arm, press, browser.let_go, arm.moving_since, "an arm that moves")
        closed = time.time()
    finally:
        browser.close()
    frozen = arm.frozen(closed)
    print(
        f"click to command: {np.median(found):.0f} ms, worst {max(found):.0f}; STOP to the latch "
        f"{stopped:.0f}; no further {frozen.onward:.0f} after the browser was killed; "
        f"{tmp_path / 'page.png'}"
    )
    assert all(url.startswith(f"http://127.0.0.1:{port}") for url in away), away
    assert min(found) < 500  # without a GPU the browser itself is slow
    assert frozen.onward <= SILENCE + BUSY
