import sys
from dataclasses import replace

import numpy as np
import pytest

from controllers.lie import se3, se3_exp, so3_exp, so3_log
from controllers.limits import PANDA
from controllers.trajectory import (
    JointMotion,
    TargetInterpolator,
    interpolate_joints,
    interpolate_pose,
)

DT = 0.001
ROUNDING = 1e-9
START = np.array([0, 0, 0, -1.5, 0, 1.5, 0])
SOFT = replace(PANDA, dddq=PANDA.ddq * 20)


def test_targets_that_change_at_random_never_break_a_limit() -> None:
    rng = np.random.default_rng(0)
    motion = JointMotion(SOFT, DT)
    motion.start(START)
    setpoints = []
    for _ in range(60):
        target = rng.choice([SOFT.q_lower, SOFT.q_upper, rng.uniform(SOFT.q_lower, SOFT.q_upper)])
        setpoints += [motion.step(target) for _ in range(rng.integers(1, 400))]
    q, dq, ddq = (np.array([getattr(s, name) for s in setpoints]) for name in ("q", "dq", "ddq"))
    assert (q >= SOFT.q_lower - ROUNDING).all()
    assert (q <= SOFT.q_upper + ROUNDING).all()
    assert (np.abs(dq) <= SOFT.dq + ROUNDING).all()
    assert (np.abs(ddq) <= SOFT.ddq + ROUNDING).all()
    assert (np.abs(np.diff(ddq, axis=0)) / DT <= SOFT.dddq * (1 + 1e-6)).all()
    np.testing.assert_allclose(np.diff(q, axis=0) / DT, dq[1:], atol=SOFT.ddq.max() * DT)
    assert np.abs(dq).max() > 2.0


def test_a_motion_arrives_at_rest() -> None:
    motion = JointMotion(PANDA, DT)
    target = np.array([1, 0.5, -1, -2, 0.3, 2, 1])
    motion.start(START)
    ticks = 1
    while not (setpoint := motion.step(target)).arrived:
        ticks += 1
        assert ticks < 2000
    np.testing.assert_allclose(setpoint.q, target, atol=1e-9)
    np.testing.assert_allclose(setpoint.dq, 0, atol=1e-9)
    # The slowest joint cannot be faster than the triangle of speed its acceleration allows.
    assert ticks * DT >= np.max(2 * np.sqrt(np.abs(target - START) / PANDA.ddq)) * 0.99


def test_a_motion_to_where_it_is_has_arrived() -> None:
    motion = JointMotion(PANDA, DT)
    motion.start(START)
    setpoint = motion.step(START)
    assert setpoint.arrived
    np.testing.assert_array_equal(setpoint.q, START)


def test_bad_use_of_a_motion_is_answered() -> None:
    motion = JointMotion(PANDA, DT)
    with pytest.raises(RuntimeError, match=r"call start\(q\)"):
        motion.step(START)
    with pytest.raises(ValueError, match=r"start of joint 3 is 0\.0 rad, outside \[-3\.07"):
        motion.start(np.zeros(7))
    with pytest.raises(ValueError, match="target of joint 0 is nan rad"):
        motion.step(np.full(7, np.nan))
    with pytest.raises(ValueError, match="control period is 0"):
        JointMotion(PANDA, 0)


def test_missing_ruckig_is_answered_with_the_line_that_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "ruckig", None)
    with pytest.raises(ImportError, match="pip install ruckig"):
        JointMotion(PANDA, DT)


def test_interpolation_begins_at_the_start_and_ends_at_the_goal() -> None:
    start = se3_exp(np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6]))
    goal = se3_exp(np.array([0.3, 0.0, 0.3, -0.4, 0.1, 1.6]))
    np.testing.assert_allclose(interpolate_pose(start, goal, 0.0), start, atol=1e-12)
    np.testing.assert_allclose(interpolate_pose(start, goal, 1.0), goal, atol=1e-12)


def test_interpolated_poses_turn_and_shift_at_constant_speed() -> None:
    start = se3(np.zeros(3), np.eye(3))
    goal = se3(np.array([0.1, 0.0, 0.0]), so3_exp(np.array([0.0, 0.0, 1.0])))
    for fraction in np.linspace(0, 1, 11):
        pose = interpolate_pose(start, goal, float(fraction))
        np.testing.assert_allclose(pose[:3, 3], [0.1 * fraction, 0, 0], atol=1e-12)
        np.testing.assert_allclose(so3_log(pose[:3, :3]), [0, 0, fraction], atol=1e-12)


def test_targets_of_a_policy_are_joined_without_jumps() -> None:
    rng = np.random.default_rng(0)
    period, tick = 0.05, 0.001
    path = TargetInterpolator(np.zeros(7), period, interpolate_joints)
    before = path.at(0.0)
    fastest = 0.0
    for step in range(20):
        path.aim(rng.uniform(-1, 1, 7), step * period)
        for i in range(1, 51):
            now = path.at(step * period + i * tick)
            fastest = max(fastest, float(np.abs(now - before).max()))
            before = now
    assert fastest <= 2.0 * tick / period + 1e-12


def test_a_target_is_reached_after_one_period_and_kept() -> None:
    path = TargetInterpolator(np.zeros(7), 0.05, interpolate_joints)
    np.testing.assert_array_equal(path.at(12.0), np.zeros(7))
    path.aim(np.ones(7), 1.0)
    np.testing.assert_allclose(path.at(1.025), 0.5 * np.ones(7))
    np.testing.assert_array_equal(path.at(1.05), np.ones(7))
    np.testing.assert_array_equal(path.at(9.0), np.ones(7))


def test_a_target_that_comes_early_is_approached_from_where_the_path_stands() -> None:
    path = TargetInterpolator(np.zeros(7), 0.1, interpolate_joints)
    path.aim(np.ones(7), 0.0)
    path.aim(np.zeros(7), 0.05)
    np.testing.assert_allclose(path.at(0.05), 0.5 * np.ones(7))
    np.testing.assert_allclose(path.at(0.10), 0.25 * np.ones(7))
