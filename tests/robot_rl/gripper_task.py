"""The smallest task that a gripper must toggle once for, in plain numpy."""

from __future__ import annotations

import numpy as np

from robot_rl.env import ArraySpec, Closing, Info, Observation, Step

REACH = 0.15
"""Distance within which the object can be grasped."""


class GraspEnv(Closing):
    """Slide along a line to an object and close the fingers on it, which were open before.

    Closed fingers grasp nothing: whoever closes too early must open again.
    """

    def __init__(self, num_envs: int = 1, seed: int = 0, *, max_steps: int = 20) -> None:
        self.num_envs, self.dt, self.max_steps = num_envs, 0.1, max_steps
        self.observation_spec = {"state": ArraySpec((2,), names=("distance", "gripper"))}
        self.action_spec = ArraySpec((2,), low=-1.0, high=1.0, names=("gripper", "x"))
        self.return_range = (0.0, 1.0)
        self._rng = np.random.default_rng(seed)
        self._distance, self._opening = np.zeros((2, num_envs))
        self._age = np.zeros(num_envs, int)

    def reset(self, seed: int | None = None) -> Step:
        """Starts a new episode in every world."""
        if seed is not None:
            self._rng = np.random.default_rng(seed)
        everywhere = np.ones(self.num_envs, bool)
        self._restart(everywhere)
        nothing = np.zeros(self.num_envs, np.float32)
        return Step(self._observe(), nothing, ~everywhere, ~everywhere, {Info.SUCCESS: ~everywhere})

    def step(self, action: np.ndarray) -> Step:
        """Moves, then tells the fingers; they obey at once."""
        was_open = self._opening > 0.5
        self._distance = np.clip(self._distance + 0.3 * action[:, 1], -1, 1)
        self._opening = np.where(action[:, 0] < 0, 0.0, 1.0)
        self._age += 1
        grasped = was_open & (self._opening < 0.5) & (np.abs(self._distance) < REACH)
        truncated = ~grasped & (self._age >= self.max_steps)
        final = self._observe()
        self._restart(grasped | truncated)
        info = {Info.FINAL_OBSERVATION: final, Info.SUCCESS: grasped, Info.ACTION_SENT: action}
        return Step(self._observe(), grasped.astype(np.float32), grasped, truncated, info)

    def expert_action(self) -> np.ndarray:
        """To the object, then close. Shape (num_envs, 2)."""
        x = np.clip(-self._distance / 0.3, -1, 1)
        near = np.abs(self._distance + 0.3 * x) < REACH
        return np.column_stack([np.where(near, -1.0, 1.0), x]).astype(np.float32)

    def close(self) -> None:
        """Nothing to free."""

    def _restart(self, worlds: np.ndarray) -> None:
        self._distance[worlds] = self._rng.uniform(-1, 1, int(worlds.sum()))
        self._opening[worlds] = 1.0
        self._age[worlds] = 0

    def _observe(self) -> Observation:
        return {"state": np.column_stack([self._distance, self._opening]).astype(np.float32)}
