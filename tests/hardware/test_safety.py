"""The safety node without ROS: every fault of a stream, a source and a clock is an input here."""

import threading
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from controllers.kinematics import Kinematics
from controllers.lie import vector_from_se3
from controllers.reason import Reason
from hardware.arm_model import kinematics_of
from hardware.contract import Contract
from hardware.contract_file import load_contract
from hardware.link import Report
from hardware.safety import GRIPPER, POSE_NAMES, Decision, Safety

TWIN, CARTESIAN = load_contract("twin"), load_contract("twin_cartesian")
KINEMATICS = kinematics_of(TWIN)
assert KINEMATICS is not None
ARM = list(TWIN.joints.arm)
Q = np.array(TWIN.home.q)
TICK, PERIOD = 1 / TWIN.rates.stream, 1 / TWIN.rates.policy
STATE, WRENCH = TWIN.state.joint_states, TWIN.state.wrench
assert WRENCH is not None
EPOCH = 1.7e9
SOON = 3


class Desk:
    """A robot that stands at ``q`` and says so, and a loop that is ticked by hand."""

    def __init__(self, contract: Contract = TWIN, cameras: bool = False) -> None:
        arm: Kinematics | None = kinematics_of(contract)
        self.safety = Safety(contract, arm, watch_cameras=cameras)
        self.q = Q
        self.now, self.shift = 10.0, EPOCH
        """Loop time, and by how much the clock of stamps is ahead of it."""
        self.silent: set[str] = set()
        self.wrench = np.zeros(6)
        self._ticks = 0

    @property
    def ros(self) -> float:
        return self.now + self.shift

    def hear(self, late: float = 0.0) -> None:
        """A message on every stream that is not silent."""
        values = {
            "joint_states": np.stack([np.r_[self.q, 0, 0], np.zeros(9)]),
            "wrench": self.wrench,
            "current_pose": vector_from_se3(KINEMATICS.pose(self.q)) if KINEMATICS else None,
        }
        for name in self.safety.streams.names:
            if name not in self.silent:
                self.safety.streams[name].push(self.ros - late, self.ros, values.get(name))

    def tick(self) -> Decision:
        self.now += TICK
        self._ticks += 1
        if self._ticks % 5 == 0:
            self.hear()
        return self.safety.tick(self.now, self.ros)

    def ticks(self, seconds: float) -> list[Decision]:
        return [self.tick() for _ in range(round(seconds / TICK))]

    def ask(
        self,
        target: np.ndarray,
        names: list[str] = ARM,
        old: float = 0.0,
        person: bool = False,
        source: str = "a",
    ) -> bool:
        stamp = self.ros - old
        return self.safety.request(names, target, stamp, self.now, self.ros, person, source)

    def follow(self, target: np.ndarray, seconds: float, **how: Any) -> list[Decision]:
        """Asks at the policy's rate."""
        decisions = []
        for _ in range(round(seconds / PERIOD)):
            self.ask(target, **how)
            decisions += self.ticks(PERIOD)
        return decisions

    def press_too_hard(self) -> None:
        """For a moment, on the way that is followed."""
        self.wrench = np.array([0, 0, TWIN.limits.force + 1, 0, 0, 0])
        self.follow(Q, 0.1)
        assert self.safety.guard.latched == Reason.FORCE
        self.wrench = np.zeros(6)
        self.follow(Q, 0.1)


@pytest.fixture
def desk() -> Desk:
    """Engaged: a policy asks the arm to stay."""
    one = Desk()
    one.hear()
    one.follow(Q, 0.2)
    return one


def sent(decisions: list[Decision]) -> np.ndarray:
    return np.array([d.order.command for d in decisions if d.order.command is not None])


def reasons(decisions: list[Decision]) -> Reason:
    found = Reason.NONE
    for decision in decisions:
        found |= decision.order.reasons
    return found


def test_an_engaged_arm_follows(desk: Desk) -> None:
    decisions = desk.follow(Q + 0.02, 0.3)
    assert len(sent(decisions)) == len(decisions)
    np.testing.assert_allclose(sent(decisions)[-1], Q + 0.02)
    assert decisions[-1].order.reasons == Reason.NONE


@pytest.mark.parametrize("name", ["joint_states", "wrench"])
def test_no_command_leaves_once_a_stream_is_older_than_its_limit(desk: Desk, name: str) -> None:
    desk.hear()
    desk.silent = {name}
    decisions = desk.follow(Q, 0.5)
    ticks = round(STATE.max_age / TICK)
    assert len(sent(decisions[: ticks - 1])) == ticks - 1
    assert len(sent(decisions[ticks:])) == 0
    assert reasons(decisions) == Reason.STALE


def test_cameras_count_if_they_are_watched() -> None:
    desk = Desk(cameras=True)
    desk.hear()
    assert len(sent(desk.follow(Q, 0.2))) > 90
    desk.silent = {"images/front"}
    desk.follow(Q, 0.2)
    assert len(sent(desk.follow(Q, 0.2))) == 0
    desk.silent = set()
    desk.ticks(0.2)
    assert len(sent(desk.follow(Q, 0.2))) > 90


def test_an_object_that_nobody_sees_stops_no_arm(desk: Desk) -> None:
    assert not any(name.startswith("extra") for name in desk.safety.streams.names)


def test_messages_that_come_late_stop_the_arm_although_they_come(desk: Desk) -> None:
    for _ in range(100):
        desk.now += TICK
        desk.hear(late=0.15)
        desk.safety.tick(desk.now, desk.ros)
    desk.now += TICK
    assert desk.safety.tick(desk.now, desk.ros).order == (None, None, Reason.STALE)


@pytest.mark.parametrize("jump", [-3600.0, -0.05, 0.05, 3600.0])
def test_a_stream_that_dies_as_the_clock_is_set_is_noticed_in_time(desk: Desk, jump: float) -> None:
    desk.silent = {"joint_states"}
    died = desk.now
    desk.shift += jump
    decisions = desk.follow(Q, 0.3)
    alive = [d for d in decisions if d.order.command is not None]
    assert len(alive) * TICK <= STATE.max_age + 0.01 + TICK
    assert desk.now > died + 0.2


@pytest.mark.parametrize("jump", [-3600.0, -0.05, 0.05, 3600.0])
def test_a_clock_that_is_set_ends_nothing_for_good(desk: Desk, jump: float) -> None:
    desk.shift += jump
    before = sent(desk.follow(Q, 0.1))
    desk.follow(Q, 0.5)
    after = desk.follow(Q + 0.01, 0.3)
    assert len(sent(after)) == len(after)
    steps = np.abs(np.diff(np.vstack([before, sent(after)]), axis=0))
    assert (steps <= 2 * TICK * TWIN.limits.dq).all()


def test_a_simulated_clock_that_begins_anew_revives_no_old_request(desk: Desk) -> None:
    desk.ask(Q + 0.1)
    desk.now -= 9.0  # loop and stamps go by /clock then
    for _ in range(20):
        desk.hear()
    decisions = desk.ticks(0.5)
    assert all(d.order.requested is None for d in decisions)


def test_while_time_stands_still_nothing_is_sent(desk: Desk) -> None:
    desk.ask(Q + 0.05)
    desk.tick()
    orders = [desk.safety.tick(desk.now, desk.ros).order for _ in range(10)]
    assert all(order == (None, None, Reason.CLOCK) for order in orders)
    assert desk.tick().order.command is not None


def test_a_silent_source_is_noticed_two_periods_after_it_asked_last(desk: Desk) -> None:
    desk.ask(Q + 0.05, old=0.03)  # under way for 30 ms
    asked = desk.now - 0.03
    held = next(d for d in iter(desk.tick, None) if Reason.SILENCE in d.order.reasons)
    assert held.order.requested is None
    assert desk.now - asked == pytest.approx(2 * PERIOD, abs=1.01 * TICK)


@pytest.mark.parametrize(
    ("old", "why"),
    [(2.1 * PERIOD, "late"), (EPOCH, "late"), (-2.1 * PERIOD, "ahead of our clock")],
)
def test_a_request_of_another_time_is_left_out(desk: Desk, old: float, why: str) -> None:
    assert not desk.ask(Q + 0.1, old=old)
    assert desk.safety.ignored == {why: 1}
    assert desk.ask(Q, old=1.9 * PERIOD)


@pytest.mark.parametrize(
    ("names", "values"),
    [
        (ARM[:6], Q[:6]),
        (ARM, Q[:6]),
        (ARM, np.r_[Q, 1.0]),
        ([*ARM[:6], "elbow"], Q),
        ([*ARM[:6], ARM[0]], Q),
        ([*ARM, ARM[0]], np.r_[Q, 1.0]),
        ([], np.empty(0)),
        (list(POSE_NAMES), Q),
    ],
)
def test_a_request_that_is_not_whole_is_counted_and_left_out(
    desk: Desk, names: list[str], values: np.ndarray
) -> None:
    assert not desk.ask(values, names)
    assert desk.safety.counts()["ignored"] == {"joints missing": 1}
    assert desk.tick().order.command is not None


def test_joints_go_by_name(desk: Desk) -> None:
    target = Q + np.arange(7) / 100
    desk.follow(target[::-1], 0.5, names=ARM[::-1])
    np.testing.assert_allclose(sent([desk.tick()])[0], target)


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        (np.full(7, np.nan), "INVALID"),
        (np.r_[Q[:6], np.inf], "INVALID"),
        (np.r_[Q[:3], 1.0, Q[4:]], "POSITION"),
        (Q + np.r_[2.0, np.zeros(6)], "WORKSPACE"),
        (Q + np.r_[0.5, np.zeros(6)], "VELOCITY"),
        (np.full(7, 1e308), "POSITION"),
    ],
)
def test_every_request_that_nobody_may_follow_is_counted_with_its_reason(
    desk: Desk, target: np.ndarray, reason: str
) -> None:
    desk.ask(target)
    assert desk.safety.counts()["requests"][reason] == 1


def test_a_person_goes_before_a_policy_and_a_policy_goes_on_after(desk: Desk) -> None:
    desk.ask(Q + 0.02, person=True, source="person")
    assert not desk.ask(Q - 0.02)
    assert desk.safety.ignored == {"a person commands": 1}
    assert desk.tick().person
    desk.ticks(2.1 * PERIOD)
    assert desk.ask(Q - 0.02)
    assert not desk.tick().person


def test_letting_go_holds_the_arm_at_the_next_tick(desk: Desk) -> None:
    desk.follow(Q + 0.1, 0.2, person=True, source="person")
    desk.safety.let_go(desk.now, desk.ros)
    decision = desk.tick()
    assert Reason.SILENCE in decision.order.reasons
    assert not decision.person


def test_what_a_person_asked_before_letting_go_does_not_count_afterwards(desk: Desk) -> None:
    desk.follow(Q + 0.05, 0.2, person=True, source="person")
    asked = 0.5 * TICK
    desk.now += 2 * asked
    desk.safety.let_go(desk.now, desk.ros)
    assert not desk.ask(Q + 0.05, old=asked, person=True, source="person")
    assert desk.safety.ignored["asked before letting go"] == 1
    desk.tick()
    assert desk.ask(Q + 0.05, person=True, source="person")


def test_a_person_who_never_had_the_arm_lets_go_of_nothing(desk: Desk) -> None:
    desk.ask(Q + 0.05)
    desk.safety.let_go(desk.now, desk.ros)
    assert desk.tick().order.requested is not None


def test_letting_go_before_the_clock_was_set_back_bars_nobody(desk: Desk) -> None:
    desk.safety.let_go(desk.now, desk.ros)
    desk.shift -= 3600
    desk.follow(Q, 0.5)
    desk.ticks(0.3)
    assert desk.ask(Q, person=True, source="person")


def test_of_two_sources_the_first_is_followed_until_it_is_silent(desk: Desk) -> None:
    assert not desk.ask(Q - 0.1, source="b")
    assert desk.safety.ignored == {"another source commands": 1}
    desk.ticks(2.1 * PERIOD)
    assert desk.ask(Q - 0.05, source="b")
    assert not desk.ask(Q, source="a")


def test_a_stop_is_effective_with_the_next_tick_and_holds_the_gripper(desk: Desk) -> None:
    desk.ask(np.r_[Q + 0.05, 0.0], [*ARM, GRIPPER])
    desk.safety.stop()
    decisions = desk.follow(np.r_[Q + 0.05, 0.0], 0.3, names=[*ARM, GRIPPER])
    assert all(Reason.STOP in d.order.reasons for d in decisions)
    assert all(d.gripper is None for d in decisions)
    np.testing.assert_allclose(sent(decisions), np.tile(Q, (len(decisions), 1)), atol=1e-9)


def test_a_reset_moves_nothing_until_the_source_begins_anew(desk: Desk) -> None:
    desk.safety.stop()
    desk.follow(Q + 0.05, 0.2)
    desk.safety.reset()
    still = desk.follow(Q + 0.05, 1.0)
    assert all(d.order.requested is None for d in still)
    assert "begun anew" in next(iter(desk.safety.ignored))
    assert "kept asking" in str(desk.safety.waiting(desk.now))
    desk.ticks(2.1 * PERIOD)
    moved = desk.follow(Q + 0.05, 0.5)
    np.testing.assert_allclose(sent(moved)[-1], Q + 0.05)
    assert desk.safety.waiting(desk.now) is None


def test_a_source_that_paused_for_the_reset_counts_at_once(desk: Desk) -> None:
    desk.safety.stop()
    desk.ticks(0.5)
    desk.safety.reset()
    assert desk.ask(Q)


def test_a_person_counts_after_a_reset_when_they_let_go_and_take_it_again(desk: Desk) -> None:
    desk.safety.stop()
    desk.follow(Q, 0.2, person=True, source="person")
    desk.safety.reset()
    assert not desk.ask(Q, person=True, source="person")
    desk.tick()
    desk.safety.let_go(desk.now, desk.ros)
    desk.tick()
    assert desk.ask(Q, person=True, source="person")


def test_after_a_reset_from_contact_the_source_may_go_on(desk: Desk) -> None:
    desk.press_too_hard()
    desk.safety.reset()
    assert desk.ask(Q)
    assert desk.tick().order.requested is not None


def test_whoever_frees_an_arm_from_contact_never_frees_it_from_a_person(desk: Desk) -> None:
    desk.press_too_hard()
    desk.safety.stop()
    assert not desk.safety.reset_force()
    assert desk.safety.guard.latched == Reason.FORCE | Reason.STOP
    desk.safety.reset()
    assert desk.safety.reset_force()
    assert desk.safety.guard.latched == Reason.NONE


def test_what_is_asked_while_stopped_is_not_followed_after_the_reset() -> None:
    desk = Desk()
    desk.hear()
    desk.safety.stop()
    desk.ask(Q + 0.1, person=True)
    desk.tick()
    desk.safety.reset()
    decisions = desk.ticks(0.3)
    assert all(d.order.requested is None for d in decisions)


def test_a_stop_counts_also_while_streams_are_stale(desk: Desk) -> None:
    desk.silent = {"joint_states"}
    desk.ticks(0.2)
    desk.safety.stop()
    assert desk.tick().order.reasons == Reason.STALE | Reason.STOP
    desk.silent = set()
    assert reasons(desk.follow(Q, 0.2)) & Reason.STOP


def test_contact_that_is_too_hard_latches_while_a_picture_is_late() -> None:
    desk = Desk(cameras=True)
    desk.hear()
    desk.follow(Q, 0.2)
    desk.silent = {"images/front"}
    desk.ticks(0.5)
    usual, desk.wrench = desk.wrench, np.array([1000.0, 0, 0, 0, 0, 0])
    late = desk.ticks(0.1)[-1].order
    assert late.reasons == Reason.STALE | Reason.FORCE
    desk.wrench = usual
    desk.silent = set()
    assert reasons(desk.follow(Q, 0.2)) & Reason.FORCE


def test_nothing_is_sent_while_somebody_else_commands_the_arm(desk: Desk) -> None:
    desk.safety.contest(True)
    decisions = desk.follow(Q, 0.3)
    assert len(sent(decisions)) == 0
    assert reasons(decisions) == Reason.CONTESTED
    desk.safety.contest(False)
    desk.q = Q + 0.3  # where the other one moved it
    desk.ticks(0.1)
    assert len(sent(desk.follow(Q, 0.3))) == 0
    after = desk.follow(Q + 0.3, 0.3)
    np.testing.assert_allclose(sent(after)[0], Q + 0.3)


def test_the_gripper_moves_with_the_arm(desk: Desk) -> None:
    names = [*ARM, GRIPPER]
    desk.ask(np.r_[Q, 0.01], names)
    assert [desk.tick().gripper for _ in range(3)] == [0.01, None, None]
    desk.ask(np.r_[Q, 99.0], names)
    assert desk.tick().gripper == 0.04


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_gripper_value_that_makes_no_sense_moves_nothing(desk: Desk, value: float) -> None:
    assert desk.ask(np.r_[Q, value], [*ARM, GRIPPER])
    assert desk.tick().gripper is None
    assert desk.safety.ignored == {"gripper": 1}


@pytest.mark.parametrize("target", [Q + 1.0, np.full(7, np.nan)])
def test_the_gripper_stays_with_a_request_that_is_not_followed(target: np.ndarray) -> None:
    desk = Desk()
    desk.hear()
    decisions = desk.follow(np.r_[target, 0.0], 0.3, names=[*ARM, GRIPPER])
    assert all(d.gripper is None for d in decisions)
    later = desk.ticks(0.3) + desk.follow(Q, 0.3)
    assert all(d.gripper is None for d in later)


def test_the_first_grip_is_not_lost_while_the_arm_engages() -> None:
    desk = Desk()
    desk.hear()
    desk.ask(np.r_[Q, 0.0], [*ARM, GRIPPER])
    assert [desk.tick().gripper for _ in range(2)] == [None, 0.0]


def test_the_report_has_what_was_sent_what_was_asked_and_why(desk: Desk) -> None:
    decision = desk.follow(Q + 0.02, 0.2)[-1]
    names, numbers = desk.safety.report(decision)
    assert names[:2] == ["sent/joint1", "sent/joint2"]
    assert names[7] == "requested/joint1"
    report = Report.of(0.0, numbers)
    np.testing.assert_allclose(report.sent, Q + 0.02)
    np.testing.assert_allclose(report.requested, Q + 0.02)
    assert (report.latched, report.person) == (0, False)


def test_the_report_tells_a_reason_that_lasted_for_one_tick(desk: Desk) -> None:
    desk.safety.report(desk.tick())
    desk.ask(np.full(7, np.nan))
    desk.tick()
    desk.ask(Q)
    later = desk.ticks(SOON * TICK)[-1]
    assert later.order.reasons == Reason.NONE
    assert Report.of(0, desk.safety.report(later)[1]).reasons & Reason.INVALID
    assert Report.of(0, desk.safety.report(desk.tick())[1]).reasons == 0


def test_the_report_has_nan_where_nothing_was_sent() -> None:
    desk = Desk()
    report = Report.of(0.0, desk.safety.report(desk.tick())[1])
    assert np.isnan([report.sent, report.requested]).all()
    assert report.reasons == Reason.STALE


def test_poses_are_asked_for_by_their_names() -> None:
    desk = Desk(CARTESIAN)
    assert KINEMATICS is not None
    pose = vector_from_se3(KINEMATICS.pose(Q))
    desk.hear()
    desk.follow(pose, 0.2, names=list(POSE_NAMES))
    goal = pose + 0.01 * np.eye(7)[0]
    decisions = desk.follow(goal, 0.3, names=list(POSE_NAMES))
    np.testing.assert_allclose(sent(decisions)[-1], goal, atol=1e-6)


@pytest.mark.parametrize("quat", [[0.0, 0, 0, 0], [5.0, 0, 0, 0], [1.0, 1, 1, 1]])
def test_a_pose_without_orientation_is_never_interpolated(quat: list[float]) -> None:
    desk = Desk(CARTESIAN)
    assert KINEMATICS is not None
    pose = vector_from_se3(KINEMATICS.pose(Q))
    desk.hear()
    desk.follow(pose, 0.2, names=list(POSE_NAMES))
    decisions = desk.follow(np.r_[pose[:3], quat], 0.3, names=list(POSE_NAMES))
    assert all(Reason.INVALID in d.order.reasons for d in decisions)
    np.testing.assert_allclose(sent(decisions), np.tile(pose, (len(decisions), 1)), atol=1e-6)


def test_a_robot_without_current_pose_is_measured_by_its_joints() -> None:
    bare = replace(CARTESIAN, state=replace(CARTESIAN.state, current_pose=None))
    desk = Desk(bare)
    assert KINEMATICS is not None
    pose = vector_from_se3(KINEMATICS.pose(Q))
    desk.hear()
    decisions = desk.follow(pose, 0.2, names=list(POSE_NAMES))
    np.testing.assert_allclose(sent(decisions)[0], pose, atol=1e-9)


def test_requests_and_counts_may_come_from_other_threads(desk: Desk) -> None:
    errors: list[Exception] = []
    done = threading.Event()

    def look() -> None:
        try:
            while not done.is_set():
                desk.safety.counts()
                desk.safety.waiting(0.0)
        except RuntimeError as error:
            errors.append(error)

    looker = threading.Thread(target=look)
    looker.start()
    rng = np.random.default_rng(0)
    for i in range(300):
        desk.ask(Q + rng.normal(0, 0.5, 7), names=ARM if i % 3 else [f"joint{i}"])
        desk.tick()
    done.set()
    looker.join()
    assert errors == []
