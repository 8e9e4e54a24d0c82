"""Which learner goes with which settings, and both as JSON."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from robot_rl.agent import Agent
from robot_rl.agent_config import AgentConfig, DrqConfig, DrqV2Config, SacConfig
from robot_rl.drq import Drq
from robot_rl.drqv2 import DrqV2
from robot_rl.env import ArraySpec
from robot_rl.sac import Sac
from robot_rl.settings import SettingsError, from_json, to_json

_AGENTS: dict[type[AgentConfig], Callable[..., Agent]] = {
    SacConfig: Sac,
    DrqConfig: Drq,
    DrqV2Config: DrqV2,
}
_SETTINGS: dict[str, type[AgentConfig]] = {
    "sac": SacConfig,
    "drq": DrqConfig,
    "drqv2": DrqV2Config,
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


def algorithm_of(config: AgentConfig) -> str:
    """What the learner with such settings is called."""
    return next(name for name, kind in _SETTINGS.items() if kind is type(config))


def agent_to_json(config: AgentConfig) -> dict[str, Any]:
    """Its settings, and which one it is."""
    return to_json(config) | {_ALGORITHM: algorithm_of(config)}


def agent_from_json(values: dict[str, Any]) -> AgentConfig:
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
