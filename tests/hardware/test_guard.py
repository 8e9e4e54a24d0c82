"""The guard's promises, each with the fault as an input; nothing is waited for."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controllers.kinematics import Kinematics
from controllers.reason import Reason
from hardware.contract import Contract
from hardware.contract_file import load_contract
from hardware.guard import Guard, Order
from hardware.topics import Mode
from sim import panda

TWIN = load_contract("twin")
DT, PERIOD = 1 / TWIN.rates.stream, 1 / TWIN.rates.policy
Q = np.array(TWIN.home.q)
FAR = Q + 1.5 * np.eye(7)[0]
HARD = np.array([0, 0, TWIN.limits.force + 1, 0, 0, 0])


def _guard(contract: Contract = TWIN) -> Guard:
    return Guard(contract, Kinematics(panda.load(), panda.ARM_JOINTS, panda.TOOL_SITE))


@pytest.fixture
def engaged() -> Guard:
    """Asked to stay at ``Q`` until time 0."""
    guard = _guard()
    guard.request(Q, -DT)
    assert guard.tick(Q, -DT).reasons == Reason.ENGAGE
    assert guard.tick(Q, 0.0).reasons == Reason.NONE
    return guard


def _sent(order: Order) -> np.ndarray:
    assert order.command is not None
    return order.command


def test_nothing_is_sent_while_nobody_ever_asked() -> None:
    guard = _guard()
    assert all(guard.tick(Q, i * DT).command is None for i in range(100))
    assert guard.tally.sent == 0


def test_a_request_is_reached_one_period_later_on_a_straight_line() -> None:
    guard, goal = _guard(replace(TWIN, rates=replace(TWIN.rates, blend=1.0))), Q + 0.01
    guard.request(Q, -DT)
    guard.tick(Q, -DT)
    guard.request(goal, 0.0)
    ticks = round(PERIOD / DT)
    commands = [_sent(guard.tick(Q, (i + 1) * DT)) for i in range(ticks)]
    steps = np.diff(commands, axis=0)
    assert np.abs(steps).max() <= 2 * 0.01 / ticks  # It starts at rest and catches up.
    np.testing.assert_allclose(_sent(guard.tick(Q, (ticks + 3) * DT)), goal, atol=1e-3)


def test_a_silent_source_holds_the_measured_arm_within_two_periods(engaged: Guard) -> None:
    engaged.request(Q + 0.05, 0.0)
    measured = Q + 0.02
    reasons = [engaged.tick(measured, (i + 1) * DT).reasons for i in range(round(2 * PERIOD / DT))]
    assert not any(Reason.SILENCE in reason for reason in reasons[:-1])
    orders = [engaged.tick(measured, 2 * PERIOD + (i + 1) * DT) for i in range(200)]
    assert all(Reason.SILENCE in order.reasons for order in orders)
    assert all(order.requested is None for order in orders)
    np.testing.assert_allclose(_sent(orders[-1]), measured, atol=1e-9)


def test_nothing_is_sent_on_stale_streams_and_the_source_must_engage_anew(engaged: Guard) -> None:
    faults = {"joint_states": "joint_states is silent for 120 ms, its limit is 100 ms"}
    order = engaged.tick(Q, DT, faults=faults)
    assert order == Order(None, None, Reason.STALE)
    for i in range(2, 60):
        assert engaged.tick(Q, i * DT, faults=faults).command is None
    far = Q + 1.0
    engaged.request(far, 60 * DT)
    back = engaged.tick(Q, 60 * DT)
    assert back.reasons & Reason.ENGAGE
    assert back.command is None


def test_a_request_that_is_not_finite_stops_the_arm_and_poisons_nothing(engaged: Guard) -> None:
    engaged.request(np.full(7, np.nan), DT)
    order = engaged.tick(Q, DT)
    assert Reason.INVALID in order.reasons
    np.testing.assert_allclose(_sent(order), Q, atol=1e-6)
    engaged.request(Q + 0.001, 2 * DT)
    later = [engaged.tick(Q, (i + 3) * DT) for i in range(20)]
    assert later[-1].reasons == Reason.NONE
    np.testing.assert_allclose(_sent(later[-1]), Q + 0.001)


def test_a_stop_is_effective_with_the_next_tick_and_latched_until_reset(engaged: Guard) -> None:
    engaged.stop()
    for i in range(1, 100):
        engaged.request(Q + 0.1, i * DT)
        order = engaged.tick(Q, i * DT)
        assert Reason.STOP in order.reasons
        np.testing.assert_allclose(_sent(order), Q)
    engaged.reset()
    assert engaged.latched == Reason.NONE
    assert Reason.SILENCE in engaged.tick(Q, 100 * DT).reasons


def test_hard_contact_latches_also_while_the_source_is_silent(engaged: Guard) -> None:
    engaged.release()
    engaged.tick(Q, DT, HARD)
    assert engaged.latched == Reason.FORCE


def _moving(guard: Guard) -> float:
    """Lets a guard stream at full speed; returns the time of the last command."""
    for i in range(100):
        if i % 10 == 0:
            guard.request(FAR, i * DT)
        guard.tick(Q, (i + 1) * DT)
    return 100 * DT


@pytest.mark.parametrize("ticks", [1.0, 1.9, 2.1, 9.0, 11.0, 45.0])
def test_a_delayed_command_is_never_further_than_two_ticks_allow(
    engaged: Guard, ticks: float
) -> None:
    last = _moving(engaged)
    before = _sent(engaged.tick(Q, last + DT))
    now = last + DT + ticks * DT
    engaged.request(FAR, now)
    step = np.abs(_sent(engaged.tick(Q, now)) - before)
    assert (step <= min(ticks, 2.0) * DT * TWIN.limits.dq + 1e-12).all()


@pytest.mark.parametrize("late", [1, 2, 10])
def test_what_came_too_late_to_be_sent_does_not_count(engaged: Guard, late: int) -> None:
    last = _moving(engaged)
    before, sent = _sent(engaged.tick(Q, last + DT)), engaged.tally.sent
    times = last + DT + 12 * DT * np.arange(1, late + 1)
    for now in times:
        engaged.request(FAR, now)
        engaged.tick(Q, now)
        engaged.retract()
    assert engaged.tally.sent == sent
    step = np.abs(_sent(engaged.tick(Q, times[-1] + 2 * DT)) - before)
    assert (step <= TWIN.limits.ddq * (2 * DT) ** 2 + 1e-12).all(), (
        "from rest, at the last one sent"
    )
    assert step.max() > 0


def test_an_arm_that_was_taken_up_too_late_is_taken_up_again(engaged: Guard) -> None:
    guard = _guard()
    guard.request(Q, 0.0)
    guard.tick(Q, 0.0)
    guard.retract()
    assert _sent(guard.tick(Q + 0.01, DT)).tolist() == (Q + 0.01).tolist()


def test_after_a_pause_the_arm_starts_from_rest(engaged: Guard) -> None:
    last = _moving(engaged)
    before = _sent(engaged.tick(Q, last + DT))
    now = last + 20 * DT
    engaged.request(FAR, now)
    step = np.abs(_sent(engaged.tick(Q, now)) - before)
    assert (step <= TWIN.limits.ddq * (2 * DT) ** 2 + 1e-12).all()


def test_a_short_stale_moment_is_a_pause_as_well(engaged: Guard) -> None:
    last = _moving(engaged)
    before = _sent(engaged.tick(Q, last + DT))
    for i in range(2, 20):
        assert engaged.tick(Q, last + i * DT, faults={"wrench": "silent"}).command is None
    step = np.abs(_sent(engaged.tick(Q, last + 20 * DT)) - before)
    assert (step <= TWIN.limits.ddq * (2 * DT) ** 2 + 1e-12).all()


def test_after_a_long_delay_the_arm_is_taken_up_where_it_is_measured(engaged: Guard) -> None:
    now = _moving(engaged) + 2.5 * PERIOD
    assert engaged.tick(Q, now).command is None
    measured = Q + 0.1
    engaged.request(measured + 0.1, now + DT)
    order = engaged.tick(measured, now + DT)
    assert order.reasons == Reason.ENGAGE
    np.testing.assert_allclose(_sent(order), measured)


def test_a_clock_that_is_set_back_revives_no_request(engaged: Guard) -> None:
    engaged.request(Q + 0.1, 100.0)
    orders = [engaged.tick(Q, 1.0 + i * DT) for i in range(100)]
    assert all(order.requested is None for order in orders)


def test_nothing_is_sent_while_time_stands_still(engaged: Guard) -> None:
    engaged.tick(Q, 0.5)
    assert engaged.tick(Q, 0.5) == Order(None, None, Reason.CLOCK)


def test_nothing_is_sent_while_somebody_else_does(engaged: Guard) -> None:
    engaged.request(Q, DT)
    assert engaged.tick(Q, DT, contested=True) == Order(None, None, Reason.CONTESTED)
    assert Reason.SILENCE in engaged.tick(Q, 2 * DT).reasons


def test_silence_begins_when_the_request_was_asked(engaged: Guard) -> None:
    engaged.request(Q + 0.01, 0.05, age=0.05)
    assert engaged.tick(Q, 0.09).requested is not None
    assert engaged.tick(Q, 2 * PERIOD + DT).requested is None


def test_letting_go_freezes_within_one_tick(engaged: Guard) -> None:
    engaged.request(Q + 0.05, 0.0)
    engaged.tick(Q, DT)
    engaged.release()
    assert Reason.SILENCE in engaged.tick(Q, 2 * DT).reasons


def test_every_reason_is_counted(engaged: Guard) -> None:
    before = engaged.tally.reasons["INVALID"]
    engaged.request(np.full(7, np.inf), DT)
    for i in range(5):
        engaged.tick(Q, (i + 1) * DT)
    assert engaged.tally.reasons["INVALID"] - before == 5
    assert engaged.tally.ticks == engaged.tally.sent + engaged.tally.withheld


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_no_stream_of_requests_gets_a_command_past_a_limit(seed: int) -> None:
    rng, limits = np.random.default_rng(seed), TWIN.limits
    guard, last, velocity = _guard(), Q, np.zeros(7)
    guard.request(Q, -DT)
    guard.tick(Q, -DT)
    for i in range(100):
        if rng.random() < 0.1:
            guard.request(_attack(rng), i * DT)
        order = guard.tick(Q, i * DT)
        if order.command is None:
            continue
        moved = (order.command - last) / DT
        assert (order.command >= limits.q_lower).all()
        assert (order.command <= limits.q_upper).all()
        assert (np.abs(moved) <= limits.dq + 1e-9).all()
        assert (np.abs(moved - velocity) <= limits.ddq * DT + 1e-6).all()
        last, velocity = order.command, moved


def _attack(rng: np.random.Generator) -> np.ndarray:
    kind = rng.integers(4)
    noise = rng.standard_normal(7)
    return (Q + 0.1 * noise, Q + 1e6 * noise, np.full(7, np.nan), Q + np.inf)[kind]


def test_poses_are_guarded_as_well() -> None:
    fr3 = load_contract("fr3")
    guard, pose = Guard(fr3), np.array([0.45, 0, 0.4, 1.0, 0, 0, 0])
    guard.request(pose, -DT)
    guard.tick(pose, -DT)
    guard.request(np.array([0.455, 0, 0.4, 1.0, 0, 0, 0]), 0.0)
    period = 1 / fr3.rates.policy
    commands = [_sent(guard.tick(pose, (i + 1) * DT)) for i in range(round(2 * period / DT) - 1)]
    assert commands[0][0] < pose[0] + 0.005
    np.testing.assert_allclose(commands[-1][0], pose[0] + 0.005, atol=1e-3)


@pytest.mark.parametrize("quat", [[0.0, 0, 0, 0], [5.0, 0, 0, 0]])
def test_interpolation_makes_no_orientation_of_one_that_is_none(quat: list[float]) -> None:
    guard, pose = Guard(load_contract("fr3")), np.array([0.45, 0, 0.4, 1.0, 0, 0, 0])
    guard.request(pose, -DT)
    guard.tick(pose, -DT)
    guard.request(np.r_[pose[:3], quat], 0.0)
    assert Reason.INVALID in guard.tick(pose, DT).reasons
    assert guard.tally.objections["INVALID"] == 1


@pytest.mark.parametrize(("mode", "size"), [("joint_velocity", 7), ("cartesian_twist", 7)])
def test_an_arm_that_takes_velocities_is_asked_for_places(mode: Mode, size: int) -> None:
    """Seven joints, or seven numbers of a pose: never six of a twist."""
    assert Guard(TWIN.with_mode(mode)).size == size


def test_a_request_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match=r"shape \(3,\); give \(7,\)"):
        _guard().request(np.zeros(3), 0.0)
