"""Episodes whose arrays say which step they are of."""

from __future__ import annotations

import numpy as np

from robot_rl.episode import Episode
from robot_rl.metadata import Metadata


def numbered(episode: int, length: int) -> Episode:
    """Observations 100 * episode + step in all numbers; actions half of that."""
    steps = 100.0 * episode + np.arange(length + 1)
    state = np.repeat(steps[:, None], 2, 1).astype(np.float32)
    action = np.repeat(steps[:-1, None] / 2, 3, 1).astype(np.float32)
    no, zeros = np.zeros(length, bool), np.zeros(length)
    return Episode(
        metadata=Metadata(task="numbers", episode=episode),
        observation={"state": state},
        action=action,
        policy_action=action,
        reward=zeros.astype(np.float32),
        terminated=no,
        truncated=no,
        success=no,
        intervened=no,
        policy_version=np.zeros(length, np.int64),
        source=np.zeros(length, np.uint8),
        step=np.arange(length),
        sensor_stamp=zeros,
        command_stamp=zeros,
    )
