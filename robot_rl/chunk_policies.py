"""Which policy that plans goes with which settings."""

from __future__ import annotations

from collections.abc import Callable

from robot_rl.chunk_config import ChunkConfig, DiffusionConfig, RegressionConfig
from robot_rl.chunk_policy import ChunkPolicy
from robot_rl.diffusion import DiffusionPolicy
from robot_rl.env import ArraySpec
from robot_rl.regression import RegressionPolicy

_POLICIES: dict[type[ChunkConfig], Callable[..., ChunkPolicy]] = {
    DiffusionConfig: DiffusionPolicy,
    RegressionConfig: RegressionPolicy,
}


def make_chunk_policy(
    observation_spec: dict[str, ArraySpec], action_spec: ArraySpec, config: ChunkConfig
) -> ChunkPolicy:
    """The policy that has these settings.

    Raises:
        ValueError: If it can't plan from such observations.
    """
    return _POLICIES[type(config)](observation_spec, action_spec, config)
