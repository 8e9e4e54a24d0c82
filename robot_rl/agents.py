"""Which learner goes with which settings, and both as JSON."""

from __future__ import annotations

from typing import Any

from robot_rl.config import DrqConfig, SacConfig
from robot_rl.drq import Drq
from robot_rl.env import ArraySpec
from robot_rl.sac import Sac
from robot_rl.settings import SettingsError, from_json, to_json

_AGENTS = {SacConfig: Sac, DrqConfig: Drq}
_SETTINGS = {"sac": SacConfig, "drq": DrqConfig}
_ALGORITHM = "algorithm"


def make_agent(
    observation_spec: dict[str, ArraySpec],
    action_spec: ArraySpec,
    config: SacConfig,
    seed: int = 0,
) -> Sac:
    """The learner that has these settings.

    Raises:
        ValueError: If it can't learn from such observations.
    """
    return _AGENTS[type(config)](observation_spec, action_spec, config, seed)  # pyright: ignore[reportArgumentType]


def agent_to_json(config: SacConfig) -> dict[str, Any]:
    """Its settings, and which one it is."""
    [algorithm] = (name for name, kind in _SETTINGS.items() if kind is type(config))
    return to_json(config) | {_ALGORITHM: algorithm}


def agent_from_json(values: dict[str, Any]) -> SacConfig:
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
