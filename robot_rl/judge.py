"""Measures and films policies while they are being learned, without disturbing what is learned."""

from __future__ import annotations

from pathlib import Path

from robot_rl.config import SimulationConfig
from robot_rl.env import Act, Closing
from robot_rl.environments import make_env, parse_options
from robot_rl.evaluation import EVALUATION_SEED, evaluate
from robot_rl.film import HasCamera, film
from robot_rl.own_noise import own_noise


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
        with own_noise(EVALUATION_SEED):
            return evaluate(self._env, act, self._config.evaluation_episodes).scalars(name)

    def film(self, act: Act, path: Path) -> None:
        """Films one episode, if the settings ask for videos and there is something to see."""
        if self._config.videos:
            with own_noise(EVALUATION_SEED):
                film(self._config.env, self._options, act, path)

    def close(self) -> None:
        """Closes the worlds; safe to call twice."""
        self._env.close()
