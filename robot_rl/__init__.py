"""Reinforcement learning for real robots: one environment contract from simulation to the arm.

What needs numpy alone is here at once; the rest loads when it is first named, so that
``import robot_rl`` pulls in no torch and may come before a simulator that has to be imported first.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from robot_rl.check_env import ContractError, check_env
from robot_rl.env import ArraySpec, Closing, Env, Info, Observation, Step
from robot_rl.environments import ENVIRONMENTS, make_env
from robot_rl.transition import Transition, WorldIds

if TYPE_CHECKING:
    from robot_rl.agent_config import DrqConfig, DrqV2Config, SacConfig
    from robot_rl.drq import Drq
    from robot_rl.drqv2 import DrqV2
    from robot_rl.episodes import Episodes
    from robot_rl.evaluation import Evaluation, evaluate
    from robot_rl.gymnasium_env import to_gymnasium, to_gymnasium_vector
    from robot_rl.replay import Replay
    from robot_rl.run import Run
    from robot_rl.sac import Sac

__version__ = "0.1.0"

__all__ = [
    "ENVIRONMENTS",
    "ArraySpec",
    "Closing",
    "ContractError",
    "Drq",
    "DrqConfig",
    "DrqV2",
    "DrqV2Config",
    "Env",
    "Episodes",
    "Evaluation",
    "Info",
    "Observation",
    "Replay",
    "Run",
    "Sac",
    "SacConfig",
    "Step",
    "Transition",
    "WorldIds",
    "check_env",
    "evaluate",
    "make_env",
    "to_gymnasium",
    "to_gymnasium_vector",
]

_LAZY = {
    "Drq": "drq",
    "DrqConfig": "agent_config",
    "DrqV2": "drqv2",
    "DrqV2Config": "agent_config",
    "Episodes": "episodes",
    "Evaluation": "evaluation",
    "Replay": "replay",
    "Run": "run",
    "Sac": "sac",
    "SacConfig": "agent_config",
    "evaluate": "evaluation",
    "to_gymnasium": "gymnasium_env",
    "to_gymnasium_vector": "gymnasium_env",
}
"""Module of each name that loads on first use."""


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'robot_rl' has no attribute {name!r}; choose from {__all__}")
    return getattr(importlib.import_module(f"robot_rl.{_LAZY[name]}"), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
