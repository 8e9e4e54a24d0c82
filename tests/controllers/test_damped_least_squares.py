"""Damped steps arrive where the tool can go, and rest where it cannot."""

import numpy as np
import pytest

from controllers.damped_least_squares import DampedLeastSquares
from controllers.kinematics import Kinematics
from controllers.lie import pose_error
from controllers.limits import PANDA
from sim import panda

READY = panda.Q_READY


def walk(
    arm: Kinematics, target: np.ndarray, steps: int, q: np.ndarray = READY, pull: float = 0.0
) -> np.ndarray:
    """Configurations on the way to a target. Shape (steps + 1, 7)."""
    solver, way = DampedLeastSquares(arm, PANDA, pull), [q]
    for _ in range(steps):
        way.append(solver.step(way[-1], target, READY))
    return np.array(way)


def test_a_pose_in_reach_is_reached_in_some_steps(arm: Kinematics) -> None:
    for offset in np.random.default_rng(0).uniform(-0.4, 0.4, (20, 7)):
        target = arm.pose(READY + offset)
        end = walk(arm, target, 30)[-1]
        np.testing.assert_allclose(pose_error(arm.pose(end), target), 0, atol=1e-6)


def test_a_near_pose_is_reached_in_three_steps(arm: Kinematics) -> None:
    target = arm.pose(READY)
    target[:3, 3] += [0.02, 0.01, -0.03]
    end = walk(arm, target, 3)[-1]
    assert np.linalg.norm(pose_error(arm.pose(end), target)) < 1e-4


@pytest.mark.parametrize("place", [(0.8, 0.5, 0.8), (0.2, -0.5, 1.4), (3.0, 0.0, 0.5)])
def test_out_of_reach_the_joints_come_to_rest_within_their_limits(
    arm: Kinematics, place: tuple[float, float, float]
) -> None:
    target = arm.pose(READY)
    target[:3, 3] = place
    way = walk(arm, target, 1000)
    assert ((way >= PANDA.q_lower) & (way <= PANDA.q_upper)).all()
    assert np.abs(np.diff(way[-10:], axis=0)).max() < 2e-3
    gap = np.linalg.norm(arm.pose(way[-1])[:3, 3] - place)
    assert gap < np.linalg.norm(arm.pose(READY)[:3, 3] - place)


def test_spare_joints_return_to_their_posture_while_the_tool_stays(arm: Kinematics) -> None:
    target = arm.pose(READY)
    aside = walk(arm, target, 200, q=READY + np.array([0.3, 0, 0.3, 0, -0.2, 0, 0]))[-1]
    way = walk(arm, target, 200, q=aside, pull=0.05)
    assert np.abs(way[0] - READY).max() > 0.1
    np.testing.assert_allclose(way[-1], READY, atol=1e-3)
    for q in way:
        assert np.linalg.norm(pose_error(arm.pose(q), target)[:3]) < 1e-3


def test_without_a_pull_an_arm_at_its_target_does_not_move(arm: Kinematics) -> None:
    q = READY + 0.1
    np.testing.assert_allclose(walk(arm, arm.pose(q), 5, q=q)[-1], q, atol=1e-9)


def test_limits_of_another_arm_are_refused() -> None:
    short = Kinematics(panda.load(), panda.ARM_JOINTS[:6], panda.TOOL_SITE)
    with pytest.raises(ValueError, match="limits of 7 joints for the arm's"):
        DampedLeastSquares(short, PANDA)
