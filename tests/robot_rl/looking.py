"""What two cameras see: a table with something on it, from the front; and a gripper."""

from __future__ import annotations

import numpy as np

from robot_rl.env import Observation

KEYS = ("images/front", "images/wrist")
SIZE = 32


def table(rng: np.random.Generator, rows: int = 1) -> Observation:
    """Something else each time."""
    images = rng.normal(120, 8, (2, rows, SIZE, SIZE, 3))
    images[0, :, SIZE // 2 :] -= 70
    images[1, :, :, : SIZE // 3] += 70
    for row in range(rows):
        x, y = rng.integers(0, 24, 2)
        images[:, row, y : y + 8, x : x + 8] = 30
    frames = dict(zip(KEYS, images.clip(0, 255).astype(np.uint8), strict=True))
    return frames | {"state": rng.normal(0, 1, (rows, 3)).astype(np.float32)}


def covered(rng: np.random.Generator, rows: int = 1) -> np.ndarray:
    """What a camera shows that sees nothing: the noise of its sensor."""
    return rng.normal(12, 2, (rows, SIZE, SIZE, 3)).clip(0, 255).astype(np.uint8)
