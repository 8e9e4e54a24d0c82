"""How long a policy that plans takes for a plan."""

from __future__ import annotations

import time

import numpy as np

from robot_rl.chunk_policy import ChunkPolicy
from robot_rl.env import Observation

_WARM, _TIMED = 10, 60


def plan_times(policy: ChunkPolicy, observation: Observation) -> np.ndarray:
    """Of plans for one world, once it is warm.

    Args:
        policy: Plans.
        observation: What the world shows, and has always shown. Arrays of shape (worlds, ...), of
            which the first counts.

    Returns:
        Shape (plans,) [s].
    """
    seen = {k: np.repeat(observation[k][:1, None], policy.history, axis=1) for k in policy.KEYS}
    times = list[float]()
    for _ in range(_WARM + _TIMED):
        began = time.perf_counter()
        policy.plan(seen)
        times.append(time.perf_counter() - began)
    return np.array(times[_WARM:])
