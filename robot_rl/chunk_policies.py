"""Which policy that plans goes with which settings."""

from __future__ import annotations

from robot_rl.chunk_config import ChunkConfig, DiffusionConfig, RegressionConfig
from robot_rl.chunk_policy import ChunkPolicy
from robot_rl.diffusion import DiffusionPolicy
from robot_rl.env import ArraySpec
from robot_rl.regression import RegressionPolicy


def make_chunk_policy(
    observation_spec: dict[str, ArraySpec], action_spec: ArraySpec, config: ChunkConfig
) -> ChunkPolicy:
    """The policy that has these settings.

    Raises:
        ValueError: If it can't plan from such observations.
    """
    if isinstance(config, DiffusionConfig):
        return DiffusionPolicy(observation_spec, action_spec, config)
    assert isinstance(config, RegressionConfig)
    return RegressionPolicy(observation_spec, action_spec, config)
