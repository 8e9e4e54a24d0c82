"""Measures and films policies while they are being learned, without disturbing what is learned."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from robot_rl.config import SimulationConfig
from robot_rl.env import Act, Closing
from robot_rl.environments import make_env, parse_options
from robot_rl.evaluation import EVALUATION_SEED, evaluate
from robot_rl.film import HasCamera, film


class Judge(Closing):
    """Worlds of their own, and the same episodes and noise every time."""

    def __init__(self, config: SimulationConfig) -> None:
        self._config = config
        self._options = parse_options(config.options)
        self._env = make_env(config.env, config.evaluation_envs, config.seed, **self._options)
        if config.videos and not isinstance(self._env, HasCamera):
            raise TypeError(f"{config.env} has no camera to film it with; leave out --videos")

    def measure(self, name: str, act: Act) -> dict[str, float]:
        """Success, length and return as scalars of a log, called ``<name>_...``."""
        with same_noise():
            return evaluate(self._env, act, self._config.evaluation_episodes).scalars(name)

    def film(self, act: Act, path: Path) -> None:
        """Films one episode, if the settings ask for videos and there is something to see."""
        if self._config.videos:
            with same_noise():
                film(self._config.env, self._options, act, path)

    def close(self) -> None:
        """Closes the worlds; safe to call twice."""
        self._env.close()


@contextmanager
def same_noise() -> Iterator[None]:
    """Torch draws the same within, and goes on afterwards as if nothing had been drawn."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(EVALUATION_SEED)
        yield
