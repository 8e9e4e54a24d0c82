import numpy as np
import pytest

from controllers.command_space import JointSpace, PoseSpace
from controllers.lie import quat_exp, quat_multiply
from controllers.limits import PANDA
from controllers.reason import Reason
from controllers.safety import SafetyFilter, Sent
from sim import panda

DT = 0.002
TIMEOUT = 0.1
ROUNDING = 1e-9

POSE = np.array([0.45, 0.0, 0.3, 1.0, 0.0, 0.0, 0.0])
HARD = np.array([0.0, 0.0, PANDA.force + 1, 0.0, 0.0, 0.0])


@pytest.fixture
def joints() -> SafetyFilter:
    return SafetyFilter(JointSpace(PANDA, arm=None), PANDA, TIMEOUT)


@pytest.fixture
def engaged(joints: SafetyFilter) -> SafetyFilter:
    """Has sent the ready position at time 0."""
    assert joints.filter(panda.Q_READY, panda.Q_READY, 0.0).command is not None
    return joints


def run(guard: SafetyFilter, command: np.ndarray, measured: np.ndarray, ticks: range) -> list[Sent]:
    return [guard.filter(command, measured, i * DT) for i in ticks]


def commands(sent: list[Sent]) -> np.ndarray:
    """What was sent, which must be something at every tick. Shape (ticks, size)."""
    return np.array([command for command, _ in sent if command is not None]).reshape(len(sent), -1)


def test_a_stream_within_the_limits_passes_bit_for_bit(engaged: SafetyFilter) -> None:
    for i in range(1, 2000):
        command = panda.Q_READY + 0.2 * np.sin(3 * i * DT) ** 3
        sent = engaged.filter(command, panda.Q_READY, i * DT)
        assert sent.reasons == Reason.NONE
        assert sent.command is not None
        np.testing.assert_array_equal(sent.command, command)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_command_that_is_not_finite_is_rejected_and_the_arm_held(
    engaged: SafetyFilter, value: float
) -> None:
    bad = panda.Q_READY.copy()
    bad[2] = value
    for sent in run(engaged, bad, panda.Q_READY, range(1, 20)):
        assert sent.reasons == Reason.INVALID
        np.testing.assert_array_equal(sent.command, panda.Q_READY)


def test_rejection_at_speed_brakes_within_the_acceleration(engaged: SafetyFilter) -> None:
    target = panda.Q_READY + 0.5
    moving = commands(run(engaged, target, panda.Q_READY, range(1, 40)))
    braking = commands(run(engaged, target * np.nan, panda.Q_READY, range(40, 300)))
    path = np.concatenate([moving, braking])
    change = np.diff(path, n=2, axis=0) / DT**2
    assert (np.abs(moving[-1] - moving[-2]) / DT > 0.3).all()
    assert (np.abs(change) <= PANDA.ddq * (1 + 1e-6)).all()
    np.testing.assert_array_equal(path[-1], path[-2])


def test_one_lost_frame_is_forgotten(engaged: SafetyFilter) -> None:
    reasons = []
    for i in range(1, 100):
        command = panda.Q_READY + 0.1 * np.sin(3 * i * DT) ** 3
        lost = np.nan if i == 50 else 1.0
        reasons.append(engaged.filter(command * lost, panda.Q_READY, i * DT).reasons)
    assert Reason.INVALID in reasons[49]
    assert reasons[-1] == Reason.NONE


def test_a_measurement_or_wrench_that_is_not_finite_is_no_reason_to_move(
    engaged: SafetyFilter,
) -> None:
    there = panda.Q_READY + 0.1
    blind = engaged.filter(there, np.full(7, np.nan), DT)
    numb = engaged.filter(there, panda.Q_READY, 2 * DT, np.full(6, np.nan))
    for sent in (blind, numb):
        assert sent.reasons == Reason.INVALID
        np.testing.assert_array_equal(sent.command, panda.Q_READY)


def test_the_first_command_is_where_the_arm_is(joints: SafetyFilter) -> None:
    near = panda.Q_READY + 0.1
    first = joints.filter(near, panda.Q_READY, 5.0)
    assert first.reasons == Reason.ENGAGE
    np.testing.assert_array_equal(first.command, panda.Q_READY)
    second = joints.filter(near, panda.Q_READY, 5.0 + DT).command
    assert second is not None
    assert (np.abs(second - panda.Q_READY) <= PANDA.ddq * DT**2 * (1 + ROUNDING)).all()


def test_nothing_is_sent_while_the_first_command_is_far_from_the_arm(
    joints: SafetyFilter,
) -> None:
    far = panda.Q_READY + 0.3
    for sent in run(joints, far, panda.Q_READY, range(10)):
        assert sent == Sent(None, Reason.ENGAGE)
    assert joints.filter(panda.Q_READY, panda.Q_READY, 10 * DT).command is not None


def test_an_arm_beyond_its_limits_is_not_taken_up(joints: SafetyFilter) -> None:
    beyond = panda.Q_READY.copy()
    beyond[3] = PANDA.q_upper[3] + 0.1
    sent = joints.filter(beyond, beyond, 0.0)
    assert sent == Sent(None, Reason.ENGAGE | Reason.POSITION)
    barely = panda.Q_READY.copy()
    barely[3] = PANDA.q_upper[3] + 1e-4
    taken_up = joints.filter(barely, barely, DT).command
    assert taken_up is not None
    assert taken_up[3] == PANDA.q_upper[3]


def test_after_silence_a_source_must_be_near_the_arm_again(engaged: SafetyFilter) -> None:
    moved = panda.Q_READY + 1.0
    assert engaged.filter(panda.Q_READY, moved, 2 * TIMEOUT) == Sent(None, Reason.ENGAGE)
    again = engaged.filter(moved, moved, 2 * TIMEOUT + DT)
    assert again.reasons == Reason.ENGAGE
    np.testing.assert_array_equal(again.command, moved)


def test_silence_before_the_first_command_sends_nothing(joints: SafetyFilter) -> None:
    assert joints.hold(panda.Q_READY, 0.0) == Sent(None, Reason.SILENCE)


def test_silence_holds_the_pose_that_was_measured_first(engaged: SafetyFilter) -> None:
    sagging = panda.Q_READY - 0.01
    held = [engaged.hold(sagging - 1e-4 * i, i * DT) for i in range(1, 200)]
    assert all(Reason.SILENCE in sent.reasons for sent in held)
    np.testing.assert_allclose(commands(held)[-1], sagging - 1e-4, atol=1e-12)


def test_after_a_hold_a_far_source_is_not_followed(engaged: SafetyFilter) -> None:
    engaged.hold(panda.Q_READY, DT)
    for sent in run(engaged, panda.Q_READY + 0.5, panda.Q_READY, range(2, 10)):
        assert sent.reasons == Reason.ENGAGE
        np.testing.assert_array_equal(sent.command, panda.Q_READY)
    back = run(engaged, panda.Q_READY + 0.05, panda.Q_READY, range(10, 300))
    np.testing.assert_allclose(commands(back)[-1], panda.Q_READY + 0.05)
    assert back[-1].reasons == Reason.NONE


def test_a_clock_that_stands_or_runs_back_repeats_the_last_command(
    engaged: SafetyFilter,
) -> None:
    there = panda.Q_READY + 0.1
    before = engaged.filter(there, panda.Q_READY, DT).command
    for time in (DT, DT / 2, np.nan, np.inf):
        sent = engaged.filter(there, panda.Q_READY, time)
        assert sent.reasons == Reason.CLOCK
        np.testing.assert_array_equal(sent.command, before)


@pytest.mark.parametrize(
    "wrench",
    [
        HARD,
        -HARD,
        np.full(6, np.inf),
        np.full(6, 1e300),
        np.array([0, 0, 0, 0, PANDA.torque + 1, 0]),
    ],
)
def test_hard_contact_stops_the_arm_until_it_is_reset(
    engaged: SafetyFilter, wrench: np.ndarray
) -> None:
    touched = panda.Q_READY - 0.005
    there = panda.Q_READY + 0.1
    assert engaged.filter(there, touched, DT, wrench).reasons & Reason.FORCE
    stopped = run(engaged, there, touched, range(2, 200))
    assert all(Reason.FORCE in sent.reasons for sent in stopped)
    np.testing.assert_allclose(commands(stopped)[-1], touched, atol=1e-12)
    engaged.reset()
    assert engaged.latched == Reason.NONE
    after = run(engaged, there, touched, range(200, 500))
    np.testing.assert_allclose(commands(after)[-1], there)


def test_hard_contact_while_the_source_is_silent_latches_as_well(engaged: SafetyFilter) -> None:
    assert engaged.hold(panda.Q_READY, DT, HARD).reasons & Reason.FORCE
    assert engaged.latched == Reason.FORCE


def test_contact_below_the_threshold_stops_nothing(engaged: SafetyFilter) -> None:
    light = 0.99 * HARD * PANDA.force / HARD[2]
    assert engaged.filter(panda.Q_READY, panda.Q_READY, DT, light).reasons == Reason.NONE


def test_a_stop_outlasts_every_command_and_silence(engaged: SafetyFilter) -> None:
    engaged.stop()
    for i in range(1, 50):
        sent = engaged.filter(panda.Q_READY + 0.1, panda.Q_READY, i * DT)
        assert sent.reasons == Reason.STOP
        np.testing.assert_array_equal(sent.command, panda.Q_READY)
    later = engaged.filter(panda.Q_READY, panda.Q_READY, 10.0)
    assert later == Sent(None, Reason.STOP)


def test_the_filter_does_not_share_its_memory(engaged: SafetyFilter) -> None:
    command = panda.Q_READY + 1e-6
    sent = engaged.filter(command, panda.Q_READY, DT).command
    assert sent is not None
    sent[:] = command[:] = np.nan
    after = engaged.filter(np.full(7, np.nan), panda.Q_READY, 2 * DT)
    assert np.isfinite(commands([after])).all()


def test_a_far_pose_is_reached_in_position_and_orientation() -> None:
    guard = SafetyFilter(PoseSpace(PANDA, engage_radius=(1.0, 3.0)), PANDA, TIMEOUT)
    turn = quat_multiply(quat_exp(np.array([0.3, 0.2, 1.0])), POSE[3:])
    target = np.concatenate([[0.7, 0.3, 0.1], turn])
    path = commands(run(guard, target, POSE, range(1000)))
    np.testing.assert_allclose(path[-1], target, atol=1e-9)
    line = (path[:, :3] - POSE[:3]) / (target[:3] - POSE[:3])
    np.testing.assert_allclose(line, line[:, :1] * np.ones(3), atol=1e-9)
    assert (np.diff(line[:, 0]) >= -1e-12).all()


def test_a_pose_outside_the_workspace_leads_to_its_wall() -> None:
    guard = SafetyFilter(PoseSpace(PANDA, engage_radius=(1.0, 3.0)), PANDA, TIMEOUT)
    below = POSE - np.eye(7)[2]
    sent = run(guard, below, POSE, range(1000))
    assert sent[-1].reasons == Reason.WORKSPACE
    np.testing.assert_allclose(commands(sent)[-1], [*POSE[:2], 0.0, *POSE[3:]], atol=1e-12)


def test_a_joint_command_at_a_limit_is_reached(engaged: SafetyFilter) -> None:
    beyond = panda.Q_READY.copy()
    beyond[3] = 1.0
    sent = run(engaged, beyond, panda.Q_READY, range(1, 2000))[-1]
    assert sent.command is not None
    assert sent.command[3] == pytest.approx(PANDA.q_upper[3], abs=1e-9)
    assert sent.reasons == Reason.POSITION


def test_a_wrong_shape_is_named(joints: SafetyFilter) -> None:
    with pytest.raises(ValueError, match=r"command has shape \(6,\), .* needs \(7,\); check joint"):
        joints.filter(np.zeros(6), panda.Q_READY, 0.0)
    with pytest.raises(ValueError, match=r"wrench has shape \(3,\)"):
        joints.filter(panda.Q_READY, panda.Q_READY, 0.0, np.zeros(3))
    with pytest.raises(ValueError, match="timeout is 0 s; give two or more control periods"):
        SafetyFilter(PoseSpace(PANDA), PANDA, timeout=0)
