"""Which learner, or policy that plans, goes with which settings, and these as JSON."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from robot_rl.agent import Agent
from robot_rl.agent_config import (
    AgentConfig,
    DrqConfig,
    DrqV2Config,
    ResidualConfig,
    SacConfig,
)
from robot_rl.chunk_config import ChunkConfig, DiffusionConfig, RegressionConfig
from robot_rl.drq import Drq
from robot_rl.drqv2 import DrqV2
from robot_rl.env import ArraySpec
from robot_rl.planner import Planner
from robot_rl.residual import Residual
from robot_rl.sac import Sac
from robot_rl.settings import SettingsError, from_json, to_json

ActingConfig = AgentConfig | ChunkConfig
_AGENTS: dict[type[AgentConfig], Callable[..., Agent]] = {
    SacConfig: Sac,
    DrqConfig: Drq,
    DrqV2Config: DrqV2,
    ResidualConfig: Residual,
}
_SETTINGS: dict[str, type[ActingConfig]] = {
    "sac": SacConfig,
    "drq": DrqConfig,
    "drqv2": DrqV2Config,
    "residual": ResidualConfig,
    "diffusion": DiffusionConfig,
    "regression": RegressionConfig,
}
_ALGORITHM = "algorithm"


def make_agent(
    observation_spec: dict[str, ArraySpec],
    action_spec: ArraySpec,
    config: AgentConfig,
    seed: int = 0,
) -> Agent:
    """The learner that has these settings.

    Raises:
        ValueError: If it can't learn from such observations.
    """
    return _AGENTS[type(config)](observation_spec, action_spec, config, seed)


def make_acting(
    observation_spec: dict[str, ArraySpec], action_spec: ArraySpec, config: ActingConfig
) -> Agent | Planner:
    """What acts with these settings.

    Raises:
        ValueError: If it can't act on such observations.
    """
    if isinstance(config, ChunkConfig):
        return Planner(observation_spec, action_spec, config)
    return make_agent(observation_spec, action_spec, config)


def algorithm_of(config: ActingConfig) -> str:
    """What acts or learns with such settings is called."""
    return next(name for name, kind in _SETTINGS.items() if kind is type(config))


def agent_to_json(config: ActingConfig) -> dict[str, Any]:
    """Its settings, and which one it is."""
    return to_json(config) | {_ALGORITHM: algorithm_of(config)}


def agent_from_json(values: dict[str, Any]) -> ActingConfig:
    """Inverse of ``agent_to_json``.

    Raises:
        SettingsError: If they are none.
    """
    settings = dict(values)
    algorithm = settings.pop(_ALGORITHM, None)
    if algorithm not in _SETTINGS:
        raise SettingsError(
            f"algorithm is {algorithm!r}; this version knows {', '.join(_SETTINGS)}"
        )
    return from_json(_SETTINGS[algorithm], settings, algorithm)
