"""``robot-rl replay``: the recorded actions of an episode, sent again from its recorded start."""

from __future__ import annotations

import contextlib
import importlib
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from robot_rl.config import ReplayConfig
from robot_rl.demonstrations import HasStates
from robot_rl.environments import make_env, parse_options
from robot_rl.episode import Episode
from robot_rl.episodes import Episodes
from robot_rl.film import HasCamera
from robot_rl.robot_processes import running
from robot_rl.robot_recording import ROBOT
from robot_rl.schema import Schema
from robot_rl.transition import SIMULATOR_STATE
from robot_rl.video import write_video


REPEAT = "hardware.robot_replay"
"""Its ``repeat`` sends an episode to a robot."""


class Outcome(Protocol):
    """How a repetition went; ``str`` says it."""

    @property
    def as_recorded(self) -> bool:
        """Whether it went as the recording."""
        ...


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


def replay_episode(config: ReplayConfig) -> Outcome:
    """Goes back to the episode's first state and repeats what was done, where it was recorded.

    Raises:
        TypeError: If the environment or the episode has no states to go back to.
        ValueError: If a robot was named, and the episode is not from one.
        ConnectionError: The robot is not there.
    """
    store = Episodes(config.dataset)
    episode = store[config.episode]
    if config.robot or _of_robot(store.schema):
        return _on_robot(config, episode, store.schema)
    return _in_simulation(config, episode, store.schema)


def _of_robot(schema: Schema) -> bool:
    """Whether somebody recorded on a robot: by a session, or with the recorder node."""
    return schema.env == ROBOT or "joints" in schema.contract


def _on_robot(config: ReplayConfig, episode: Episode, schema: Schema) -> Outcome:
    options = parse_options(schema.contract.get("options", ()))
    robot = config.robot or options.get("robot") or schema.contract.get("name", schema.env)
    task = options.get("task", "")
    up = ["--robot", robot, *(["--task", task] if task else [])]
    if config.namespace:
        up += ["--namespace", config.namespace]
    with running(*up) if config.start else contextlib.nullcontext():
        repeat = importlib.import_module(REPEAT).repeat
        return repeat(episode, schema, robot, task, config.namespace)


def _in_simulation(config: ReplayConfig, episode: Episode, schema: Schema) -> Replayed:
    options = parse_options(schema.contract.get("options", ()))
    with make_env(schema.env, 1, **options) as env:
        if not isinstance(env, HasStates) or SIMULATOR_STATE not in episode.extra:
            raise TypeError(f"{schema.env} episodes hold no simulator state to go back to")
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
