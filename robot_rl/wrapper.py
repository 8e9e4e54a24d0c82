"""What stands around an environment and changes what is seen; all else is the environment's own."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np

from robot_rl.env import ArraySpec, Closing, Env, Info, Observation, Step


class Wrapper(Closing):
    """An environment around another one, which can do all that that one can do besides.

    Args:
        env: The one inside.
    """

    def __init__(self, env: Env) -> None:
        self._env = env
        self.__class__ = _as_able_as(env, type(self))

    @property
    def num_envs(self) -> int:
        """Number of worlds."""
        return self._env.num_envs

    @property
    def dt(self) -> float:
        """Time between two actions [s]."""
        return self._env.dt

    @property
    def action_spec(self) -> ArraySpec:
        """As the environment's."""
        return self._env.action_spec

    @property
    @abstractmethod
    def observation_spec(self) -> dict[str, ArraySpec]:
        """What is seen through it."""

    @abstractmethod
    def reset(self, seed: int | None = None) -> Step:
        """As the environment's."""

    @abstractmethod
    def step(self, action: np.ndarray) -> Step:
        """As the environment's."""

    def close(self) -> None:
        """Closes the environment; safe to call twice."""
        self._env.close()


def seen_as(step: Step, observation: Observation, final: Observation) -> Step:
    """The step with another observation, and another one at the end of the episode."""
    info = step.info | {Info.FINAL_OBSERVATION: final}
    return step._replace(observation=observation, info=info)


def _as_able_as(env: Env, kind: type[Wrapper]) -> Any:
    """A class with all that an environment can do besides, e.g. demonstrate or be filmed.

    From Python 3.12 on ``isinstance`` of a protocol sees what a class has, and no ``__getattr__``.
    """
    besides = {
        name: property(lambda self, name=name: getattr(self._env, name))
        for name in dir(env)
        if not (name.startswith("_") or hasattr(kind, name))
    }
    return type(kind.__name__, (kind,), besides)
