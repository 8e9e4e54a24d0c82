"""What the tests of tasks and environments have in common."""

from collections.abc import Callable

import numpy as np
import pytest

from controllers.tool_control import upright
from sim.task import Worlds

PlaceWorlds = Callable[..., Worlds]


@pytest.fixture
def place_worlds() -> PlaceWorlds:
    """Makes one world with the tool upright at a position; bodies are given by position and yaw."""

    def place(
        position: tuple[float, float, float],
        yaw: float = 0.0,
        bodies: dict[str, tuple[float, float, float, float]] | None = None,
        **draw: object,
    ) -> Worlds:
        return Worlds(
            tool_position=np.array([position]),
            tool_rotation=upright(np.array([yaw])),
            twist=np.zeros((1, 6)),
            opening=np.zeros(1),
            bodies={
                name: np.array([[x, y, z, np.cos(turn / 2), 0, 0, np.sin(turn / 2)]])
                for name, (x, y, z, turn) in (bodies or {}).items()
            },
            draw={name: np.array([value]) for name, value in draw.items()},
            elapsed=np.zeros(1, np.int64),
        )

    return place
