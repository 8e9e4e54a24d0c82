"""The goal is a ball of the tolerance's radius around a point in the air."""

from collections.abc import Callable

import numpy as np
import pytest

from sim.reach import Reach
from sim.task import Worlds

GOAL = (0.5, 0.1, 0.2)


@pytest.mark.parametrize(("away", "reached"), [(0.0, True), (0.9, True), (1.1, False)])
@pytest.mark.parametrize("axis", range(3))
def test_success_is_nearness_within_the_tolerance(
    place_worlds: Callable[..., Worlds], away: float, reached: bool, axis: int
) -> None:
    task = Reach(tolerance=0.02)
    position = np.array(GOAL) + away * task.tolerance * np.eye(3)[axis]
    assert task.success(place_worlds(tuple(position), goal=GOAL)) == reached


def test_observation_points_from_tool_to_goal(place_worlds: Callable[..., Worlds]) -> None:
    seen = Reach().observe(place_worlds((0.4, 0.1, 0.3), goal=GOAL))
    np.testing.assert_allclose(seen, [[0.1, 0.0, -0.1]])
