"""Images that hold the last frames, so that one look shows how things move."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from robot_rl.env import IMAGES, ArraySpec, Env, Observation, Step
from robot_rl.wrapper import Wrapper, seen_as


class FrameStack(Wrapper):
    """An environment whose images have the channels of the last frames, the newest last.

    The first frame of an episode stands for those before it (Mnih et al., 2015).

    Args:
        env: Has images.
        frames: How many frames an image holds.

    Raises:
        ValueError: If it has none, or ``frames`` is not positive.
    """

    def __init__(self, env: Env, frames: int) -> None:
        if frames < 1:
            raise ValueError(f"frame_stack is {frames}; give at least 1, or leave it out")
        self._keys = [key for key in env.observation_spec if key.startswith(IMAGES)]
        if not self._keys:
            raise ValueError(
                "frame_stack needs images, e.g. cameras=front; there are "
                f"{', '.join(env.observation_spec)}"
            )
        super().__init__(env)
        self._length = frames
        self._frames: Observation = {}
        """Of each camera, oldest first. Arrays of shape (num_envs, height, width, frames, c)."""

    @property
    def observation_spec(self) -> dict[str, ArraySpec]:
        """As the environment's, with more channels."""
        spec = self._env.observation_spec
        return spec | {key: self._deep(spec[key]) for key in self._keys}

    def reset(self, seed: int | None = None) -> Step:
        """Starts new episodes, with the first frame alone."""
        step = self._env.reset(seed)
        frames = {key: step.observation[key][..., None, :] for key in self._keys}
        self._frames = {key: frame.repeat(self._length, -2) for key, frame in frames.items()}
        return seen_as(step, self._stacked(step.observation), self._stacked(step.final_observation))

    def step(self, action: np.ndarray) -> Step:
        """As the environment's."""
        step = self._env.step(action)
        for key, frames in self._frames.items():
            newest = step.final_observation[key][..., None, :]
            self._frames[key] = np.concatenate([frames[..., 1:, :], newest], axis=-2)
        final = self._stacked(step.final_observation)
        for key, frames in self._frames.items():
            frames[step.done] = step.observation[key][step.done][..., None, :]
        return seen_as(step, self._stacked(step.observation), final)

    def _deep(self, spec: ArraySpec) -> ArraySpec:
        height, width, channels = spec.shape
        return replace(spec, shape=(height, width, self._length * channels))

    def _stacked(self, observation: Observation) -> Observation:
        stacked = {k: frames.reshape(*frames.shape[:3], -1) for k, frames in self._frames.items()}
        return observation | {key: images.copy() for key, images in stacked.items()}
