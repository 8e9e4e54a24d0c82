"""What a live page knows: who is in control, what a held button asks for, and what ends it."""

import numpy as np
import pytest

from controllers.reason import Reason
from hardware.arm_shapes import arm_shapes, joint_names
from hardware.contract_file import load_contract
from hardware.link import Report
from hardware.node_settings import PageSettings
from hardware.page import Page
from hardware.page_control import control
from hardware.page_curves import Curves
from hardware.page_hold import Hold
from hardware.page_html import answers, faults
from hardware.page_jog import JOGS

TWIN = load_contract("twin")
ANN, BOB = 1, 2


def report(stamp: float = 0.0, sends: bool = True, asked: bool = True, **facts: int) -> Report:
    def numbers(there: bool) -> np.ndarray:
        return np.full(7, 0.0 if there else np.nan)

    facts = {"reasons": 0, "latched": 0, "person": 0} | facts
    person = bool(facts["person"])
    return Report(stamp, numbers(sends), numbers(asked), facts["reasons"], facts["latched"], person)


def test_a_press_lasts_while_it_is_repeated_and_ends_when_it_is_let_go() -> None:
    hold = Hold(silence=0.25)
    for now in np.arange(0, 1, 0.1):
        assert hold.press(ANN, "x+", now) is None
        assert hold.held(now + 0.09) is not None
    hold.release(ANN)
    assert hold.held(0.9) is None


def test_a_press_that_fell_silent_counts_again_only_after_it_was_let_go() -> None:
    hold = Hold(silence=0.25)
    hold.press(ANN, "x+", 0.0)
    assert hold.held(0.25) is not None
    assert hold.held(0.26) is None
    refused = [hold.press(ANN, "x+", now) for now in (2.0, 2.01, 2.02)]  # a burst after a stall
    assert all(why is not None and "let go" in why for why in refused)
    assert hold.held(2.02) is None
    hold.release(ANN)
    assert hold.press(ANN, "x+", 2.1) is None
    assert hold.held(2.1) is not None


def test_silence_between_two_words_ends_a_press_though_nobody_looked_meanwhile() -> None:
    hold = Hold(silence=0.25)
    hold.press(ANN, "x+", 0.0)
    assert hold.press(ANN, "x+", 0.3) is not None
    assert hold.held(0.3) is None


def test_one_page_holds_the_arm_and_another_takes_it_only_with_a_press_of_its_own() -> None:
    hold = Hold(silence=0.25)
    hold.press(ANN, "x+", 0.0)
    why = hold.press(BOB, "x-", 0.1)
    assert why is not None
    assert "another page holds the arm" in why
    hold.release(BOB)  # of the page that watches: no concern of Ann's
    held = hold.held(0.1)
    assert held is not None
    assert held.client == ANN
    hold.press(BOB, "x-", 0.1)
    hold.release(ANN)
    assert hold.press(BOB, "x-", 0.15) is not None  # still the press that was refused
    hold.release(BOB)
    assert hold.press(BOB, "x-", 0.2) is None


def test_a_clock_that_goes_back_lets_go() -> None:
    hold = Hold(silence=0.25)
    hold.press(ANN, "x+", 10.0)
    assert hold.held(9.9) is None


@pytest.mark.parametrize(
    ("reports", "who", "words"),
    [
        ([], "unknown", "start robot-rl up"),
        ([report(stamp=-1.0)], "unknown", "nothing moves the arm"),
        ([report()], "policy", "moves the arm"),
        ([report(person=1)], "person", "moves the arm"),
        ([report(asked=False)], "nobody", "held where it is"),
        ([report(asked=False, sends=False)], "nobody", "nothing is sent"),
        ([report(reasons=Reason.WORKSPACE)], "policy", "edge of the workspace"),
        ([report(reasons=Reason.VELOCITY)], "policy", "moves the arm"),
        ([report(sends=False, reasons=Reason.STALE)], "blocked", "a stream is too old"),
        ([report(latched=Reason.FORCE)], "stopped", "contact was too hard"),
        ([report(latched=Reason.STOP, person=1)], "stopped", "then rearm"),
    ],
)
def test_who_is_in_control_is_what_the_safety_node_says(
    reports: list[Report], who: str, words: str
) -> None:
    found = control(reports, now=0.1)
    assert found.who == who
    assert words in found.detail


def test_a_held_button_asks_for_its_own_axis_within_the_speeds() -> None:
    page = Page(PageSettings(linear_speed=0.2, angular_speed=1.0))
    page.speed, page.in_tool = 0.5, True
    for i, name in enumerate(JOGS):
        page.hold(ANN, name, float(i))
        asked = page.asked(float(i))
        assert asked is not None
        assert asked.in_tool
        speed = 0.1 if name[0] in "xyz" else 0.5 if name[0] == "r" else 0.0
        assert np.isclose(np.abs(asked.twist).sum(), speed)
        assert asked.twist.sum() * (-1 if name.endswith("-") else 1) == pytest.approx(speed)
        assert asked.gripper == {"open": True, "close": False}.get(name)
        page.release(ANN)
        assert page.asked(float(i)) is None


def test_a_node_that_falls_silent_is_a_fault_until_it_is_forgotten() -> None:
    page = Page(PageSettings())
    page.hear_health("arm", "ok", "ok", 0.0)
    page.hear_health("safety", "warn", "loop is late", 0.0)
    assert [fault.node for fault in page.faults(1.0)] == ["safety"]
    assert [fault.message for fault in page.faults(5.0)] == ["says nothing for 5 s"] * 2
    assert page.faults(100.0) == []


def test_curves_are_over_steps_or_over_the_last_seconds_and_stay_small() -> None:
    curves = Curves(points=100, window=10.0)
    for i in range(1000):
        curves.append({"steps": 10 * i, "success_rate": i / 1000, "return": np.nan}, now=0.1 * i)
        curves.append({"classifier/score": 0.5}, now=0.1 * i)
    steps, rate = curves.curve("success_rate")
    assert len(steps) <= 100
    assert (steps[0], steps[-1], rate[-1]) == (0, 9990, 0.999)
    assert np.all(np.diff(steps) > 0)
    at, _ = curves.curve("classifier/score")
    assert at[0] >= at[-1] - 10.0
    assert curves.names() == ("success_rate", "classifier/score")
    curves.append({"steps": 5, "success_rate": 0.0}, now=200.0)  # a run that began anew
    assert len(curves.curve("success_rate")[0]) == 1


def test_words_from_a_topic_are_no_html() -> None:
    page = Page(PageSettings())
    page.hear_health("<b>", "error", "<img src=x onerror=alert(1)>", 0.0)
    text = faults(page.faults(0.0)) + answers([("12:00", "<script>")])
    assert "<img" not in text
    assert "<script" not in text
    assert "&lt;img" in text


def test_the_arm_is_drawn_where_its_kinematics_have_it() -> None:
    from hardware.arm_model import kinematics_of

    arm, chain = arm_shapes(TWIN), kinematics_of(TWIN)
    assert arm is not None
    assert chain is not None
    q = np.array([*TWIN.home.q, 0.04, 0.04])
    assert joint_names(TWIN)[-2:] == ("finger_joint1", "finger_joint2")
    poses = arm.pose(q)
    assert np.allclose(poses[-1, :3], chain.pose(q[:7])[:3, 3])
    assert {shape.body for shape in arm.shapes} < set(range(len(poses) - 1))
    assert all(shape.faces.max() < len(shape.vertices) for shape in arm.shapes)
    closed = arm.pose(np.array([*TWIN.home.q, 0.0, 0.0]))
    assert not np.allclose(poses, closed)  # the fingers are drawn as they stand
