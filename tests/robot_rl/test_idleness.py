"""What counts as idle, with and without a gripper."""

from __future__ import annotations

import numpy as np
import pytest

from robot_rl.env import ArraySpec
from robot_rl.idleness import busy, idle

ARM = ArraySpec((2,), low=-1, high=1, names=("x", "y"))
GRASPING = ArraySpec((2,), low=-1, high=1, names=("x", "gripper"))


def test_small_motion_is_none() -> None:
    actions = np.array([[0, 0], [0.04, -0.04], [0.04, 0.06], [0, -1]])
    assert idle(actions, ARM).tolist() == [True, True, False, False]


def test_a_gripper_that_is_told_the_same_is_idle_and_one_that_closes_is_not() -> None:
    actions = np.array([[0, 1], [0, 1], [0, -1], [0, -1.0]])
    assert idle(actions, GRASPING).tolist() == [True, True, False, True]


@pytest.mark.parametrize(
    ("moves", "kept"),
    [([0, 1, 0, 1, 0], (1, 4)), ([1, 0, 0], (0, 1)), ([0, 0], (0, 2)), ([1, 1], (0, 2))],
)
def test_what_is_between_the_ends_stays(moves: list[int], kept: tuple[int, int]) -> None:
    actions = np.array(moves, float)[:, None] * np.ones(2)
    found = busy(actions, ARM)
    assert (found.start, found.stop) == kept
