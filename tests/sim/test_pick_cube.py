"""Picked is: lifted, and still between the fingers."""

from collections.abc import Callable

import numpy as np
import pytest

from sim.pick_cube import PickCube
from sim.task import Worlds

TASK = PickCube()
UP = TASK.lift + TASK.cube_half


@pytest.mark.parametrize(
    ("height", "offset", "picked"),
    [
        (UP + 0.001, 0.0, True),
        (UP - 0.001, 0.0, False),
        (UP + 0.001, 1.9 * TASK.cube_half, True),
        (UP + 0.1, 2.1 * TASK.cube_half, False),
        (TASK.cube_half, 0.0, False),
    ],
    ids=["lifted", "too low", "off centre", "thrown", "on the table"],
)
def test_success_is_a_cube_held_high(
    place_worlds: Callable[..., Worlds], height: float, offset: float, picked: bool
) -> None:
    worlds = place_worlds((0.5 + offset, 0, height), bodies={"cube": (0.5, 0, height, 0)})
    assert TASK.success(worlds) == picked


def test_observation_is_relative_to_the_tool(place_worlds: Callable[..., Worlds]) -> None:
    worlds = place_worlds((0.4, 0.1, 0.1), yaw=0.1, bodies={"cube": (0.5, 0, 0.05, 0.4)})
    np.testing.assert_allclose(TASK.observe(worlds), [[0.1, -0.1, -0.05, 0.3, 0.03]], atol=1e-12)


@pytest.mark.parametrize("quarters", range(-3, 4))
def test_a_quarter_turn_of_the_cube_changes_nothing(
    place_worlds: Callable[..., Worlds], quarters: int
) -> None:
    seen, turned = (
        TASK.observe(place_worlds((0.5, 0, 0.1), bodies={"cube": (0.5, 0, 0.02, turn)}))
        for turn in (0.2, 0.2 + quarters * np.pi / 2)
    )
    np.testing.assert_allclose(turned, seen, atol=1e-12)
