"""Velocities that follow a stream of targets: no lag, no drift, no speed beyond its limit."""

import numpy as np
import pytest

from controllers.command_space import JointSpace, PoseSpace
from controllers.lie import quat_exp, quat_multiply
from controllers.limits import PANDA
from controllers.velocity_follower import VelocityFollower

DT = 0.002
JOINTS, POSES = JointSpace(PANDA, None), PoseSpace(PANDA)
Q = np.array([0.0, -0.8, 0.0, -2.3, 0.0, 1.6, 0.8])


def _follow(gain: float, works: float, speed: float = 0.3, seconds: float = 2.0) -> np.ndarray:
    """How far an arm, which does a share of what it is told, is behind a moving target."""
    follower, q, behind = VelocityFollower(JOINTS, gain, DT), Q.copy(), []
    for i in range(round(seconds / DT)):
        target = Q + speed * i * DT * np.eye(7)[0]
        q = q + DT * works * follower.follow(target, q, i * DT)
        behind.append(abs(target - q).max())
    return np.array(behind)


def test_a_moving_target_is_followed_without_lag() -> None:
    assert _follow(gain=5.0, works=1.0).max() <= 0.3 * DT + 1e-9


def test_what_an_arm_does_not_do_is_made_up_for() -> None:
    """Behind by (1 - works) / (works gain) speed, and no further; without feedback without end."""
    settled = _follow(gain=5.0, works=0.9)[-1]
    assert settled == pytest.approx(0.1 / 0.9 / 5 * 0.3 - 0.3 * DT, rel=0.01)
    assert _follow(gain=0.0, works=0.9)[-1] == pytest.approx(0.1 * 0.3 * 2.0, rel=0.05)


def test_no_joint_is_faster_than_its_limit() -> None:
    follower = VelocityFollower(JOINTS, 50.0, DT)
    velocity = follower.follow(Q + np.linspace(-1, 1, 7), Q, 0.0)
    np.testing.assert_array_less(abs(velocity), PANDA.dq + 1e-12)
    np.testing.assert_array_equal(np.sign(velocity), np.sign(np.linspace(-1, 1, 7)))


def test_a_target_that_stands_still_far_away_is_approached_straight() -> None:
    follower = VelocityFollower(POSES, 50.0, DT)
    start = np.array([0.4, 0, 0.3, 1.0, 0, 0, 0])
    twist = follower.follow(start + np.array([0.3, 0.4, 0, 0, 0, 0, 0]), start, 0.0)
    np.testing.assert_allclose(twist, np.r_[0.6, 0.8, np.zeros(4)] * PANDA.speed)


def test_turns_are_those_of_the_base_frame() -> None:
    follower = VelocityFollower(POSES, 2.0, DT)
    start = np.array([0.4, 0, 0.3, 1.0, 0, 0, 0])  # upside down
    turned = np.r_[start[:3], quat_multiply(quat_exp(np.array([0, 0, 0.1])), start[3:])]
    np.testing.assert_allclose(follower.follow(turned, start, 0.0), [0, 0, 0, 0, 0, 0.2])


def test_a_delay_is_no_reason_to_be_fast() -> None:
    """The filter moves on by two periods at most; the velocity is that of these."""
    follower = VelocityFollower(JOINTS, 0.0, DT)
    follower.follow(Q, Q, 0.0)
    np.testing.assert_allclose(follower.follow(Q + 0.001, Q, 0.1), 0.001 / (2 * DT))
    np.testing.assert_allclose(follower.follow(Q + 0.002, Q, 0.1 + DT / 10), 0.001 / DT)


def test_after_a_stop_a_target_is_followed_from_rest() -> None:
    follower = VelocityFollower(JOINTS, 0.0, DT)
    follower.follow(Q, Q, 0.0)
    assert follower.moving
    follower.stop()
    assert not follower.moving
    np.testing.assert_array_equal(follower.follow(Q + 1, Q, DT), np.zeros(7))
