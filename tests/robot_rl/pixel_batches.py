"""Batches of small images for the learners that see."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from robot_rl.batch import Batch
from robot_rl.env import ArraySpec
from tests.robot_rl.blank_batch import blank_batch

SIZE, ROWS, ACTION, VECTOR = 32, 16, 2, 3
KEYS = ("images/front", "images/wrist")
IMAGE = ArraySpec((SIZE, SIZE, 3), "uint8", 0, 255)
SPEC = {"state": ArraySpec((VECTOR,)), **dict.fromkeys(KEYS, IMAGE)}
ACTIONS = ArraySpec((ACTION,), low=-1, high=1)


def batch(seed: int = 0, rows: int = ROWS, **columns: np.ndarray) -> Batch:
    """Noise in all columns; no reward and no end."""
    rng, made = np.random.default_rng(seed), blank_batch(SPEC, ACTIONS, rows)
    for seen in (made.observation, made.next_observation):
        for key in KEYS:
            seen[key][...] = rng.integers(0, 256, (rows, *IMAGE.shape))
        seen["state"][...] = rng.standard_normal((rows, VECTOR))
    made.action[...] = rng.uniform(-1, 1, (rows, ACTION))
    return made._replace(**columns)


def pointing(seed: int, rows: int = 32) -> Batch:
    """A bright square, left or right of the middle, and an action that points to it."""
    rng = np.random.default_rng(seed)
    made, right = batch(seed, rows), rng.random(rows) < 0.5
    image = made.observation[KEYS[0]]
    image[...] = 0
    for one, is_right in zip(image, right, strict=True):
        row, column = rng.integers(4, 20), rng.integers(2, 6) + 16 * is_right
        one[row : row + 8, column : column + 8] = 255
    made.action[:, 0] = np.where(right, 0.5, -0.5)
    made.action[:, 1] = 0
    return made


def tried(seed: int, rng: np.random.Generator, rows: int = 32) -> Batch:
    """The same with drawn actions, which end the episode; to point there pays 1."""
    made = pointing(seed, rows)
    right = made.action[:, 0] > 0
    made.action[:] = rng.uniform(-1, 1, made.action.shape)
    reward = ((made.action[:, 0] > 0) == right).astype(np.float32)
    return made._replace(reward=reward, terminated=np.ones(len(right), bool))


def parameters(*modules: nn.Module) -> torch.Tensor:
    """A copy of all of them in one vector."""
    each = [parameter.detach() for module in modules for parameter in module.parameters()]
    return torch.cat([parameter.reshape(-1) for parameter in each]).clone()
