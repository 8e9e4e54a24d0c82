"""Scripted demonstrations: the task's expert with the tremble of a hand."""

from __future__ import annotations

import numpy as np

from sim.mujoco_env import MujocoEnv


class Expert:
    """Acts in ``env`` from its true state; ``noise`` is the standard deviation in action units."""

    def __init__(self, env: MujocoEnv, noise: float = 0.1, seed: int = 0) -> None:
        self._env = env
        self._noise = noise
        self._rng = np.random.default_rng(seed)

    def act(self) -> np.ndarray:
        """Shape (num_envs, action), in [-1, 1]."""
        action = self._env.expert_action()
        noise = self._noise * self._rng.standard_normal(action.shape)
        return np.clip(action + noise, -1, 1).astype(np.float32)
