"""Hold to move: every way to let go, and nothing ever jumps."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controllers.command_space import PoseSpace
from controllers.lie import so3_from_quat, vector_from_se3
from hardware.arm_model import kinematics_of
from hardware.contract import Contract
from hardware.contract_file import load_contract
from hardware.node_settings import TeleopSettings
from hardware.safety import POSE_NAMES
from hardware.teleop import Request, Teleop

TWIN, CARTESIAN = load_contract("twin"), load_contract("twin_cartesian")
ARM = kinematics_of(TWIN)
assert ARM is not None
Q = np.array(TWIN.home.q)
PERIOD = 1 / TWIN.rates.policy
SPACE = PoseSpace(TWIN.limits)
HOLD, OPEN, CLOSE, STOP, SUCCESS = 4, 2, 0, 1, 7
LEFT, FORWARD = 0, 1
some = settings(max_examples=40, deadline=None)


def pose_of(q: np.ndarray) -> np.ndarray:
    assert ARM is not None
    return vector_from_se3(ARM.pose(q))


class Seat:
    """A person, a pad and an arm that stands at ``q``; time advances by hand."""

    def __init__(self, contract: Contract = TWIN, q: np.ndarray = Q, **parameters: Any) -> None:
        self.teleop = Teleop(contract, ARM, TeleopSettings(**parameters))
        self.q, self.now = q, 100.0
        self.axes, self.buttons = np.zeros(8), np.zeros(11, int)

    def press(self, *buttons: int) -> tuple[str, ...]:
        self.buttons[list(buttons)] = 1
        return self.joy()

    def let_go(self, *buttons: int) -> tuple[str, ...]:
        self.buttons[list(buttons)] = 0
        return self.joy()

    def joy(self) -> tuple[str, ...]:
        pressed = self.teleop.joy(self.axes.tolist(), self.buttons.tolist(), self.now)
        self.teleop.update(self.now, self.now)
        return pressed

    def measure(self) -> None:
        (name,) = self.teleop.streams.names
        value = pose_of(self.q) if name == "current_pose" else np.stack([self.q, 0 * self.q])
        self.teleop.streams[name].push(self.now, self.now, value)

    def take(self) -> None:
        """Takes the arm up."""
        self.measure()
        self.joy()
        self.press(HOLD)

    def tick(self) -> Request | None:
        """One policy period in which the pad repeats itself."""
        self.now += PERIOD
        self.measure()
        self.joy()
        return self.teleop.tick(self.now, self.now)

    def target(self) -> np.ndarray:
        """The pose that the next request asks for."""
        request = self.tick()
        assert request is not None
        return (
            request.values
            if len(request.values) == 7 and self.poses
            else pose_of(request.values[:7])
        )

    @property
    def poses(self) -> bool:
        return self.teleop.streams.names == ("current_pose",)


both = pytest.mark.parametrize("contract", [TWIN, CARTESIAN], ids=["joints", "pose"])


def test_nobody_asks_for_anything_before_the_deadman_is_pressed() -> None:
    seat = Seat()
    seat.axes[FORWARD] = 1.0
    assert [seat.tick() for _ in range(10)] == [None] * 10
    assert not seat.teleop.moving


@both
@some
@given(
    shift=st.lists(st.floats(-0.3, 0.3), min_size=7, max_size=7),
    axes=st.lists(st.floats(-1, 1), min_size=8, max_size=8),
)
def test_the_first_request_is_one_step_from_the_arm_wherever_it_stands(
    contract: Contract, shift: list[float], axes: list[float]
) -> None:
    q = Q + shift
    here = pose_of(q)
    if SPACE.beyond(here):
        return
    seat = Seat(contract, q)
    seat.axes[:] = axes
    seat.take()
    way, turn = np.linalg.norm(SPACE.gap(here, seat.target()), axis=1)
    assert way < 0.1 * PERIOD + 1e-4
    assert turn < 0.5 * PERIOD + 1e-4


def test_joint_requests_begin_at_the_measured_joints() -> None:
    q = Q + np.array([0.3, -0.1, 0.2, 0.1, -0.2, 0.1, 0.4])
    seat = Seat(q=q)
    seat.take()
    request = seat.tick()
    assert request is not None
    assert request.names == TWIN.joints.arm
    np.testing.assert_allclose(request.values, q, atol=1e-9)


def test_a_pose_request_has_the_names_that_the_safety_node_expects() -> None:
    seat = Seat(CARTESIAN)
    seat.take()
    request = seat.tick()
    assert request is not None
    assert request.names == POSE_NAMES
    np.testing.assert_allclose(request.values, pose_of(Q), atol=1e-9)


@both
def test_an_axis_at_its_end_moves_the_target_at_the_speed_of_the_settings(
    contract: Contract,
) -> None:
    seat = Seat(contract, linear_speed=0.2)
    seat.axes[LEFT] = 1.0
    seat.take()
    shift = np.array([seat.target() for _ in range(4)])[:, :3] - pose_of(Q)[:3]
    np.testing.assert_allclose(shift[:, 1], 0.2 * PERIOD * np.arange(1, 5), atol=1e-4)
    np.testing.assert_allclose(shift[:, [0, 2]], 0, atol=1e-4)


def test_two_axes_together_are_no_faster_than_one() -> None:
    seat = Seat(CARTESIAN)
    seat.axes[[LEFT, FORWARD]] = 1.0
    seat.take()
    assert np.linalg.norm(seat.target()[:3] - pose_of(Q)[:3]) == pytest.approx(0.1 * PERIOD)


def test_an_axis_turns_the_tool_and_may_be_reversed() -> None:
    seat = Seat(CARTESIAN, directions=(1.0, 1.0, 1.0, 1.0, 1.0, -1.0))
    seat.axes[3] = 1.0
    seat.take()
    way, turn = SPACE.gap(pose_of(Q), seat.target())
    np.testing.assert_allclose(way, 0, atol=1e-12)
    np.testing.assert_allclose(turn, [0, 0, -0.5 * PERIOD], atol=1e-9)


def test_in_the_tool_frame_forward_is_where_the_tool_points() -> None:
    q = Q + np.array([0.5, 0.2, 0, 0.1, 0, 0.1, 0.4])
    seat = Seat(CARTESIAN, q, frame="tool", axes=(-1, -1, FORWARD, -1, -1, -1))
    seat.axes[FORWARD] = 1.0
    seat.take()
    way, _ = SPACE.gap(pose_of(q), seat.target())
    np.testing.assert_allclose(way, 0.1 * PERIOD * so3_from_quat(pose_of(q)[3:])[:, 2], atol=1e-9)


@pytest.mark.parametrize("value", [0.0, 0.05, -0.1])
def test_the_deadzone_of_an_axis_means_nothing(value: float) -> None:
    seat = Seat(CARTESIAN)
    seat.axes[FORWARD] = value
    seat.take()
    np.testing.assert_allclose(seat.target(), pose_of(Q), atol=1e-12)


@both
def test_the_target_stays_within_the_leash_of_an_arm_that_cannot_follow(
    contract: Contract,
) -> None:
    seat = Seat(contract)
    seat.axes[FORWARD] = 1.0
    seat.take()
    ways = [np.linalg.norm(seat.target()[:3] - pose_of(Q)[:3]) for _ in range(100)]
    assert max(ways) == pytest.approx(SPACE.engage_radius[0], rel=1e-3)
    seat.axes[FORWARD] = -1.0
    back = np.linalg.norm(seat.target()[:3] - pose_of(Q)[:3])
    assert back < ways[-1] - 0.5 * 0.1 * PERIOD


@both
def test_while_it_is_held_and_nothing_is_pushed_the_target_does_not_sag_with_the_arm(
    contract: Contract,
) -> None:
    seat = Seat(contract)
    seat.take()
    start = seat.target()
    seat.q = Q + np.array([0, 0.004, 0, 0, 0, 0, 0])
    for _ in range(20):
        np.testing.assert_allclose(seat.target()[:3], start[:3], atol=2e-4)


def test_letting_go_ends_it_with_the_message_and_not_with_the_next_tick() -> None:
    seat = Seat()
    seat.take()
    assert seat.tick() is not None
    seat.let_go(HOLD)
    assert not seat.teleop.moving
    assert seat.tick() is None


def test_each_press_begins_where_the_arm_is_measured_now() -> None:
    seat = Seat(CARTESIAN)
    seat.axes[FORWARD] = 1.0
    seat.take()
    for _ in range(10):
        seat.tick()
    seat.let_go(HOLD)
    seat.axes[FORWARD] = 0.0
    seat.q = Q + np.array([0.4, 0, 0, 0.1, 0, 0, 0])
    seat.measure()
    seat.now += PERIOD
    seat.measure()
    seat.press(HOLD)
    np.testing.assert_allclose(seat.target(), pose_of(seat.q), atol=1e-9)


def test_a_pad_that_falls_silent_counts_as_released_after_its_time_and_not_before() -> None:
    seat = Seat(silence=0.25)
    seat.take()
    pressed_at = seat.now
    for seconds, held in ((0.2, True), (0.249, True), (0.251, False), (1.0, False)):
        seat.now = pressed_at + seconds
        seat.measure()
        assert (seat.teleop.tick(seat.now, seat.now) is not None) is held


def test_after_silence_the_deadman_must_be_seen_up_before_it_counts() -> None:
    seat = Seat()
    seat.take()
    seat.now += 1.0
    assert [seat.tick() for _ in range(5)] == [None] * 5
    seat.let_go(HOLD)
    assert seat.tick() is None
    seat.press(HOLD)
    assert seat.tick() is not None


def test_a_deadman_that_is_down_in_the_first_message_does_not_count() -> None:
    seat = Seat()
    seat.measure()
    seat.press(HOLD)
    assert seat.tick() is None


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_an_axis_that_is_not_finite_counts_as_released_until_a_new_press(value: float) -> None:
    seat = Seat()
    seat.take()
    seat.axes[LEFT] = value
    assert seat.tick() is None
    assert "not finite" in (seat.teleop.fault(seat.now) or "")
    seat.axes[LEFT] = 0.0
    assert seat.tick() is None
    seat.let_go(HOLD)
    seat.press(HOLD)
    assert seat.tick() is not None


def test_an_axis_that_nobody_uses_may_be_anything() -> None:
    seat = Seat()
    seat.axes[7] = np.nan
    seat.take()
    assert seat.tick() is not None


def test_a_pad_without_the_axes_that_are_named_moves_nothing_and_says_so() -> None:
    seat = Seat()
    seat.axes = np.zeros(4)
    seat.take()
    assert seat.tick() is None
    assert seat.teleop.fault(seat.now) == (
        "Joy has 4 axes, and the parameters name number 4; give 0 to 3, or -1 for none"
    )
    seat.axes, seat.buttons = np.zeros(6), np.zeros(2, int)
    seat.joy()
    assert "Joy has 2 buttons, and the parameters name number 7" in str(seat.teleop.fault(seat.now))


def test_joints_that_are_stale_end_it_until_a_new_press() -> None:
    seat = Seat()
    seat.take()
    seat.now += 0.2
    seat.joy()
    assert seat.teleop.tick(seat.now, seat.now) is None
    assert "joint_states is silent" in str(seat.teleop.fault(seat.now))
    assert seat.tick() is None
    seat.let_go(HOLD)
    seat.press(HOLD)
    assert seat.tick() is not None


def test_nobody_takes_up_an_arm_that_has_not_told_where_it_is() -> None:
    seat = Seat()
    seat.joy()
    seat.press(HOLD)
    assert not seat.teleop.moving


def test_the_gripper_follows_its_buttons_while_the_deadman_is_held_and_is_forgotten_then() -> None:
    seat = Seat()
    seat.measure()
    seat.joy()
    seat.press(OPEN)
    seat.let_go(OPEN)
    seat.press(HOLD)
    request = seat.tick()
    assert request is not None
    assert request.names == TWIN.joints.arm
    assert TWIN.gripper is not None
    for button, value in ((CLOSE, TWIN.gripper.closed), (OPEN, TWIN.gripper.open)):
        seat.press(button)
        for _ in range(2):
            request = seat.tick()
            assert request is not None
            assert (request.names[-1], request.values[-1]) == ("gripper", value)
        seat.let_go(button)
    seat.let_go(HOLD)
    seat.press(HOLD)
    request = seat.tick()
    assert request is not None
    assert "gripper" not in request.names


def test_a_button_calls_its_service_once_per_press_whether_or_not_anybody_moves() -> None:
    seat = Seat()
    assert seat.press(STOP) == ("estop",)
    assert seat.joy() == ()
    assert seat.let_go(STOP) == ()
    assert seat.press(STOP, SUCCESS) == ("estop", "record/success")
    assert not seat.teleop.moving


def test_the_stop_works_also_while_the_axes_make_no_sense() -> None:
    seat = Seat()
    seat.axes[:] = np.nan
    assert seat.press(STOP) == ("estop",)
    seat.let_go(STOP)
    seat.axes = np.zeros(1)
    assert seat.press(STOP) == ("estop",)


def test_a_twist_goes_before_the_axes_while_it_comes_and_is_cut_to_the_speeds() -> None:
    seat = Seat(CARTESIAN)
    seat.axes[FORWARD] = 1.0
    seat.take()
    seat.teleop.twist(np.array([0, 0, -5.0, 0, 0, 0]), "", seat.now)
    way, _ = SPACE.gap(pose_of(Q), seat.target())
    np.testing.assert_allclose(way, [0, 0, -0.1 * PERIOD], atol=1e-9)
    seat.now += 0.3
    seat.measure()
    seat.let_go(HOLD)
    seat.press(HOLD)
    way, _ = SPACE.gap(pose_of(Q), seat.target())
    np.testing.assert_allclose(way, [0.1 * PERIOD, 0, 0], atol=1e-9)


def test_a_twist_is_in_the_frame_that_it_names() -> None:
    for frame, sign in (("link0", 1), ("tcp", -1), ("spacenav", 1)):
        seat = Seat(CARTESIAN)
        seat.take()
        seat.teleop.twist(np.array([0, 0, 0.05, 0, 0, 0]), frame, seat.now)
        way, _ = SPACE.gap(pose_of(Q), seat.target())
        np.testing.assert_allclose(way, [0, 0, sign * 0.05 * PERIOD], atol=1e-6)


def test_a_twist_that_is_not_finite_counts_as_released() -> None:
    seat = Seat()
    seat.take()
    seat.teleop.twist(np.array([0, np.nan, 0, 0, 0, 0]), "", seat.now)
    assert seat.tick() is None


def test_without_a_button_the_deadman_is_a_topic_that_must_repeat_itself() -> None:
    seat = Seat(deadman_button=-1)
    seat.take()
    assert seat.tick() is None
    seat.teleop.enable(True, seat.now)
    assert seat.tick() is None
    seat.teleop.enable(False, seat.now)
    seat.teleop.enable(True, seat.now)
    assert seat.tick() is not None
    seat.now += 0.25
    assert seat.tick() is None


def test_beside_a_button_the_topic_is_a_second_deadman_for_twists_alone() -> None:
    seat = Seat()
    seat.measure()
    seat.axes[:] = 1.0
    seat.joy()
    seat.teleop.enable(False, seat.now)
    seat.teleop.enable(True, seat.now)
    assert np.allclose(seat.target(), pose_of(Q), atol=1e-4)  # axes have a deadman of their own
    seat.teleop.twist(np.array([0, 0, 0.1, 0, 0, 0]), "link0", seat.now)
    assert np.allclose(seat.target() - pose_of(Q), [0, 0, 0.1 * PERIOD, 0, 0, 0, 0], atol=1e-3)


def test_the_gripper_obeys_a_word_only_while_the_arm_is_held() -> None:
    seat = Seat(deadman_button=-1)
    seat.measure()
    seat.teleop.enable(False, seat.now)
    seat.teleop.grip(False)
    seat.teleop.enable(True, seat.now)
    request = seat.tick()
    assert request is not None
    assert "gripper" not in request.names
    seat.teleop.grip(False)
    request = seat.tick()
    assert request is not None
    assert TWIN.gripper is not None
    assert dict(zip(request.names, request.values, strict=True))["gripper"] == TWIN.gripper.closed


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"axes": (0, 1, 2)}, r"axes is \(0, 1, 2\); give six: x, y, z"),
        ({"frame": "world"}, "frame is 'world'; choose base or tool"),
        ({"deadzone": 1.0}, "deadzone is 1.0; give a part of 1"),
        ({"linear_speed": 0.0}, "linear_speed is 0.0; give a number above 0"),
        ({"silence": float("nan")}, "silence is nan; give a number above 0"),
        ({"buttons": ("estop",)}, "buttons has 'estop'; write number=service, e.g. 1=estop"),
        ({"buttons": ("1=estop", "1=record/redo")}, "buttons has '1=record/redo'.*once"),
        ({"open_button": 1}, "button 1 has two meanings; give deadman_button, open_button"),
    ],
)
def test_settings_that_mean_nothing_are_refused(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TeleopSettings(**parameters)


def test_a_robot_that_does_not_tell_where_its_tool_is_is_refused() -> None:
    with pytest.raises(ValueError, match=r"does not tell where its tool is; give model\.file"):
        Teleop(replace(TWIN, model=None), None, TeleopSettings())
    Teleop(load_contract("fr3"), None, TeleopSettings())


def test_an_arm_that_takes_twists_is_asked_for_poses() -> None:
    with pytest.raises(ValueError, match=r"gen3 does not tell where its tool is; give model\.file"):
        Teleop(load_contract("gen3"), None, TeleopSettings())
    twists = TWIN.with_mode("cartesian_twist")
    Teleop(twists, kinematics_of(twists), TeleopSettings())
