"""Batches to fill: no reward, no end, nothing to see."""

from __future__ import annotations

import numpy as np

from robot_rl.batch import Batch
from robot_rl.env import ArraySpec
from robot_rl.replay_spec import FLAGS, ReplaySpec


def blank_batch(observation: dict[str, ArraySpec], action: ArraySpec, rows: int) -> Batch:
    """Zeros in all columns; each row is of one step and of frames of its own."""
    batch = Batch.empty(ReplaySpec(observation, action, 1, 4, 1), rows)
    for column in (*batch.observation.values(), *batch.next_observation.values()):
        column[...] = 0
    for name in ("action", "reward", *FLAGS):
        getattr(batch, name)[...] = 0
    batch.indices[...] = np.arange(rows)
    batch.frames[...] = np.arange(2 * rows).reshape(rows, 2)
    return batch
