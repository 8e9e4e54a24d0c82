"""Pushed is: the cube's centre over the mark, wherever the tool is."""

from collections.abc import Callable

import numpy as np
import pytest

from sim.push import Push
from sim.task import Worlds

GOAL = (0.6, 0.05, 0.0)


@pytest.mark.parametrize(("away", "pushed"), [(0.0, True), (0.9, True), (1.1, False)])
@pytest.mark.parametrize("axis", [0, 1])
def test_success_is_the_cube_at_the_goal_on_the_table(
    place_worlds: Callable[..., Worlds], away: float, pushed: bool, axis: int
) -> None:
    task = Push()
    x, y, _ = np.array(GOAL) + away * task.tolerance * np.eye(3)[axis]
    worlds = place_worlds((0.4, 0, 0.1), bodies={"cube": (x, y, task.cube_half, 0)}, goal=GOAL)
    assert task.success(worlds) == pushed


def test_observation_chains_tool_cube_and_goal(place_worlds: Callable[..., Worlds]) -> None:
    worlds = place_worlds((0.4, 0, 0.1), bodies={"cube": (0.5, 0.02, 0.025, 0)}, goal=GOAL)
    np.testing.assert_allclose(Push().observe(worlds), [[0.1, 0.02, -0.075, 0.1, 0.03]])


def test_no_cube_starts_at_its_goal() -> None:
    task = Push()
    draw = task.draw(np.random.default_rng(0), 2000)
    away = np.linalg.norm((draw["goal"] - draw["cube_position"])[:, :2], axis=1)
    assert away.min() > task.tolerance
