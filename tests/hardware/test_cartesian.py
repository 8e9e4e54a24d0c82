"""The Cartesian controller on an arm that does as it is told; every fault is an input."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controllers.command_space import PoseSpace
from controllers.kinematics import Kinematics
from controllers.lie import quat_exp, quat_multiply, vector_from_se3
from controllers.reason import Reason
from hardware.arm_model import kinematics_of
from hardware.cartesian import CartesianController, Motion
from hardware.contract_file import load_contract

CONTRACT = load_contract("twin_cartesian")
LIMITS, SPACE = CONTRACT.limits, PoseSpace(CONTRACT.limits)
DT = 1 / CONTRACT.rates.stream
SILENCE = 0.1
Q = np.array(CONTRACT.home.q)


def _arm() -> Kinematics:
    arm = kinematics_of(CONTRACT)
    assert arm is not None
    return arm


ARM = _arm()
HOME = vector_from_se3(ARM.pose(Q))


def shifted(*shift: float, turn: tuple[float, ...] = (0, 0, 0)) -> np.ndarray:
    """The home pose elsewhere."""
    quat = quat_multiply(quat_exp(np.array(turn, float)), HOME[3:])
    return np.concatenate([HOME[:3] + shift, quat])


class Bench:
    """A controller and an arm that is wherever it was commanded to be."""

    def __init__(self, q: np.ndarray = Q) -> None:
        self.core = CartesianController(CONTRACT, _arm())
        self.q, self.now = q.copy(), 100.0
        self.way = [q.copy()]

    def ask(self, pose: np.ndarray) -> bool:
        return self.core.target(pose, "link0", self.now, self.now, self.now)

    def tick(self, pose: np.ndarray | None = None) -> Motion:
        """One period; ``pose`` is asked for in it."""
        self.now += DT
        self.core.streams["joint_states"].push(self.now, self.now, np.stack([self.q, 0 * self.q]))
        if pose is not None:
            assert self.ask(pose)
        motion = self.core.tick(self.now, self.now)
        if motion.command is not None:
            self.q = motion.command
        self.way.append(self.q.copy())
        return motion

    def run(self, seconds: float, pose: np.ndarray | None = None) -> Motion:
        motions = [self.tick(pose) for _ in range(round(seconds / DT))]
        return motions[-1]

    def gap(self, pose: np.ndarray) -> np.ndarray:
        """Distance of the tool from a pose [m, rad]."""
        return np.linalg.norm(SPACE.gap(vector_from_se3(ARM.pose(self.q)), pose), axis=1)

    def speeds(self) -> np.ndarray:
        """Of the commands, per joint limit. Shape (ticks, 7)."""
        return np.diff(self.way, axis=0) / DT / LIMITS.dq

    def accelerations(self) -> np.ndarray:
        return np.diff(self.way, n=2, axis=0) / DT**2 / LIMITS.ddq


@pytest.fixture
def engaged() -> Bench:
    bench = Bench()
    bench.run(0.1, HOME)
    return bench


def test_nothing_is_sent_while_nobody_ever_asked() -> None:
    bench = Bench()
    assert all(bench.tick().command is None for _ in range(100))


def test_the_first_command_is_where_the_arm_is() -> None:
    bench = Bench()
    motion = bench.tick(shifted(0.03, 0, 0.02))
    assert motion.reasons & Reason.ENGAGE
    assert motion.command is not None
    np.testing.assert_allclose(motion.command, Q, atol=1e-12)


def test_a_pose_is_reached(engaged: Bench) -> None:
    goal = shifted(0.1, 0.15, -0.2, turn=(0.1, -0.2, 0.5))
    assert engaged.run(2.0, goal).reasons == Reason.NONE
    np.testing.assert_allclose(engaged.gap(goal), 0, atol=1e-5)


@settings(max_examples=8, deadline=None)
@given(
    jump=st.lists(st.floats(-0.5, 0.5), min_size=3, max_size=3),
    turn=st.lists(st.floats(-1, 1), min_size=3, max_size=3),
)
def test_a_jump_of_the_pose_never_jumps_the_joints(jump: list[float], turn: list[float]) -> None:
    bench = Bench()
    bench.run(0.1, HOME)
    bench.run(0.4, shifted(*jump, turn=tuple(turn)))
    bench.run(0.1, HOME)
    assert np.abs(bench.speeds()).max() <= 1 + 1e-9
    assert np.abs(bench.accelerations()).max() <= 1 + 1e-6
    way = np.array(bench.way)
    assert ((way >= LIMITS.q_lower) & (way <= LIMITS.q_upper)).all()


def test_a_moving_pose_is_followed_without_lag(engaged: Bench) -> None:
    gaps = []
    for i in range(500):
        goal = shifted(0, 0.1 * (1 - np.cos(2 * np.pi * i * DT)), 0)
        engaged.tick(goal)
        gaps.append(engaged.gap(goal)[0])
    assert max(gaps) < 1e-3


@pytest.mark.parametrize("goal", [(0.8, 0.5, 0.8), (0.8, -0.5, 0.79)])
def test_a_pose_out_of_reach_ends_at_rest_within_the_workspace(
    engaged: Bench, goal: tuple[float, float, float]
) -> None:
    engaged.run(2.5, np.concatenate([goal, HOME[3:]]))
    assert np.abs(engaged.speeds()[-50:]).max() < 2e-2
    tool = ARM.pose(engaged.q)[:3, 3]
    assert (tool <= LIMITS.workspace_upper + 1e-6).all()
    assert engaged.gap(np.concatenate([goal, HOME[3:]]))[0] < 0.4


def test_a_pose_below_the_workspace_ends_at_its_floor(engaged: Bench) -> None:
    engaged.run(3.0, shifted(0, 0, -0.6))
    assert ARM.pose(engaged.q)[2, 3] == pytest.approx(LIMITS.workspace_lower[2], abs=1e-3)


def test_silence_holds_the_arm_where_it_is_measured_then(engaged: Bench) -> None:
    engaged.run(0.3, shifted(0.0, 0.3, 0.0))
    assert np.abs(engaged.speeds()[-1]).max() > 0.1
    engaged.run(SILENCE - DT)
    measured = engaged.q.copy()
    motion = engaged.run(1.0)
    assert Reason.SILENCE in motion.reasons
    assert motion.command is not None
    assert np.abs(engaged.speeds()[-100:]).max() < 1e-9
    np.testing.assert_allclose(engaged.q, measured, atol=1.5 * DT * LIMITS.dq.max())
    assert np.abs(engaged.accelerations()).max() <= 1 + 1e-6


def test_silence_moves_an_arm_at_rest_nowhere(engaged: Bench) -> None:
    before = engaged.q.copy()
    for _ in range(500):
        motion = engaged.tick()
        assert motion.command is not None
        np.testing.assert_allclose(motion.command, before, atol=1e-9)


def test_after_silence_a_pose_must_be_near_the_tool_and_a_far_one_is_not_gone_to(
    engaged: Bench,
) -> None:
    engaged.run(0.5)
    held = engaged.q.copy()
    motion = engaged.run(0.5, shifted(0, 0.08, 0))
    assert Reason.ENGAGE in motion.reasons
    np.testing.assert_allclose(engaged.q, held, atol=1e-9)
    engaged.run(0.5, shifted(0, 0.04, 0))
    assert engaged.gap(shifted(0, 0.04, 0))[0] < 1e-3


@pytest.mark.parametrize("late", [0.05, 0.09])
def test_a_loop_that_comes_late_does_not_catch_up_with_a_jump(engaged: Bench, late: float) -> None:
    engaged.run(0.3, shifted(0, 0.3, 0))
    before = engaged.q.copy()
    engaged.now += late
    assert engaged.tick(shifted(0, 0.3, 0)).command is not None
    assert (np.abs(engaged.q - before) <= 2 * DT * LIMITS.dq + 1e-9).all()


def test_a_loop_that_was_away_longer_takes_the_arm_up_where_it_is(engaged: Bench) -> None:
    engaged.run(0.3, shifted(0, 0.3, 0))
    engaged.now += 1.0
    engaged.q = engaged.q + 0.01
    here = vector_from_se3(ARM.pose(engaged.q))
    before = engaged.q.copy()
    motion = engaged.tick(here)
    assert Reason.ENGAGE in motion.reasons
    np.testing.assert_allclose(engaged.q, before, atol=1e-12)


def test_stale_joints_send_nothing_and_the_arm_is_taken_up_where_it_is_then(
    engaged: Bench,
) -> None:
    engaged.run(0.3, shifted(0, 0.2, 0))
    for _ in range(round(0.3 / DT)):
        engaged.now += DT
        engaged.ask(shifted(0, 0.2, 0))
        motion = engaged.core.tick(engaged.now, engaged.now)
        if engaged.now > 100.4 + 0.11:
            assert motion == Motion(None, Reason.STALE, None, 0.0)
    here = engaged.q.copy()
    goal = vector_from_se3(ARM.pose(here)) + np.r_[0, 0.01, np.zeros(5)]
    motion = engaged.tick(goal)
    assert motion.command is not None
    np.testing.assert_allclose(motion.command, here, atol=1e-9)


def test_joints_that_never_came_send_nothing() -> None:
    core = CartesianController(CONTRACT, _arm())
    core.target(HOME, "link0", 1.0, 1.0, 1.0)
    assert core.tick(1.0, 1.0).command is None


@pytest.mark.parametrize(
    ("pose", "frame", "age", "why"),
    [
        (HOME, "link0", 0.2, "late"),
        (HOME, "link0", -0.2, "late"),
        (HOME, "camera", 0.0, "in frame camera"),
        (HOME * np.nan, "link0", 0.0, "no pose"),
        (np.full(7, np.inf), "link0", 0.0, "no pose"),
        (np.zeros(7), "link0", 0.0, "no pose"),
        (np.r_[HOME[:3], 2 * HOME[3:]], "link0", 0.0, "no pose"),
    ],
)
def test_a_pose_that_makes_no_sense_is_counted_and_moves_nothing(
    engaged: Bench, pose: np.ndarray, frame: str, age: float, why: str
) -> None:
    before, now = engaged.q.copy(), engaged.now
    assert not engaged.core.target(pose, frame, now - age, now, now)
    assert engaged.core.ignored == {why: 1}
    engaged.run(0.3)
    np.testing.assert_allclose(engaged.q, before, atol=1e-9)


def test_a_pose_without_stamp_or_frame_is_taken(engaged: Bench) -> None:
    assert engaged.core.target(HOME, "", 0.0, engaged.now, engaged.now)


def test_the_pose_of_the_tool_is_told_once_per_reading_with_its_stamp(engaged: Bench) -> None:
    motion = engaged.tick()
    assert motion.pose is not None
    np.testing.assert_allclose(motion.pose, HOME, atol=1e-6)
    assert motion.stamp == engaged.now
    assert engaged.core.tick(engaged.now + 0.5 * DT, engaged.now).pose is None


def test_spare_joints_stay_as_they_were_taken_up() -> None:
    aside = Q + np.array([0.6, 0.2, -0.5, 0.2, 0.1, 0.3, 0.4])
    bench = Bench(aside)
    pose = vector_from_se3(ARM.pose(aside))
    bench.run(1.0, pose)
    np.testing.assert_allclose(bench.q, aside, atol=1e-6)


def test_a_robot_that_takes_no_poses_or_whose_silence_means_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match=r"twin is commanded by joint_position.*cartesian_pose"):
        CartesianController(load_contract("twin"), ARM)
    rates = replace(CONTRACT.rates, command_timeout=None)
    with pytest.raises(ValueError, match=r"rates.command_timeout: null.*give the silence"):
        CartesianController(replace(CONTRACT, rates=rates), ARM)
