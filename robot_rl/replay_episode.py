"""``robot-rl replay``: the recorded actions of an episode, sent again from its recorded start."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from robot_rl.config import ReplayConfig
from robot_rl.demonstrations import HasStates
from robot_rl.environments import make_env, parse_options
from robot_rl.episode import Episode
from robot_rl.episodes import Episodes
from robot_rl.film import HasCamera
from robot_rl.transition import SIMULATOR_STATE
from robot_rl.video import write_video


@dataclass(frozen=True)
class Replayed:
    """How far the repetition went from the recording."""

    steps: int
    deviation: float
    """Largest difference of the state observation, in its own units."""
    recorded_success: bool
    success: bool

    @property
    def as_recorded(self) -> bool:
        """Whether both succeeded or both failed."""
        return self.recorded_success == self.success

    def __str__(self) -> str:
        return (
            f"{self.steps} steps; recorded {'success' if self.recorded_success else 'failure'}, "
            f"now {'success' if self.success else 'failure'}; "
            f"largest deviation of the state {self.deviation:.2g}"
        )


def replay_episode(config: ReplayConfig) -> Replayed:
    """Puts the environment into the episode's first state and repeats its actions.

    Raises:
        TypeError: If the environment or the episode has no states to go back to.
    """
    store = Episodes(config.dataset)
    episode = store.episode(config.episode)
    options = parse_options(store.schema.contract.get("options", ()))
    with make_env(store.schema.env, 1, **options) as env:
        if not isinstance(env, HasStates) or SIMULATOR_STATE not in episode.extra:
            raise TypeError(f"{store.schema.env} episodes hold no simulator state to go back to")
        step = env.set_world_states(episode.extra[SIMULATOR_STATE][:1])
        deviations, frames = [], []
        for number, action in enumerate(episode.action):
            step = env.step(action[np.newaxis])
            deviations.append(_deviation(episode, number, step.final_observation["state"][0]))
            if config.video is not None and isinstance(env, HasCamera) and not step.done[0]:
                frames.append(env.picture(320, 240))
        if frames and config.video is not None:
            write_video(config.video, frames, 1 / env.dt)
    success = bool(step.info["success"][0])
    return Replayed(len(episode), max(deviations), bool(episode.success[-1]), success)


def _deviation(episode: Episode, step: int, state: np.ndarray) -> float:
    return float(np.abs(episode.observation["state"][step + 1] - state).max())
