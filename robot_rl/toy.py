"""The smallest environment of the contract: a point mass in the plane, in plain numpy.

It learns in seconds, needs no simulator, and is the pattern to copy for a new environment.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from robot_rl.env import ArraySpec, Closing, Info, Observation, Step, sendable

ACCELERATION = 4.0
"""Acceleration of a full action [m/s^2]."""
DRAG = 2.0
"""Loss of velocity through drag [1/s]."""
HALF_WIDTH = 1.0
"""Half the side of the square, centred at the origin, that the point cannot leave [m]."""


class PointEnv(Closing):
    """Push a point mass to a goal; the reward is 1 in the step that reaches it, else 0.

    The action is an acceleration in the plane, scaled to [-1, 1]. An action that is not finite is
    rejected and the point coasts, as ``Step.info["action_sent"]`` shows.

    Args:
        num_envs: Number of worlds.
        seed: Seed of start and goal positions.
        max_steps: Steps after which an episode is truncated.
        tolerance: Distance to the goal that counts as success [m].
        dt: Time between two actions [s].
    """

    def __init__(
        self,
        num_envs: int = 1,
        seed: int = 0,
        *,
        max_steps: int = 50,
        tolerance: float = 0.1,
        dt: float = 0.1,
    ) -> None:
        self.num_envs = num_envs
        self.dt = dt
        self.max_steps = max_steps
        self.tolerance = tolerance
        self.observation_spec = {
            "state": ArraySpec((6,), names=("x", "y", "vx", "vy", "goal_dx", "goal_dy"))
        }
        self.action_spec = ArraySpec((2,), low=-1.0, high=1.0, names=("ax", "ay"))
        self.return_range = (0.0, 1.0)
        self._rng = np.random.default_rng(seed)
        self._position, self._velocity, self._goal = np.zeros((3, num_envs, 2))
        self._age = np.zeros(num_envs, int)

    def reset(self, seed: int | None = None) -> Step:
        """Starts a new episode in every world, from new start and goal positions."""
        if seed is not None:
            self._rng = np.random.default_rng(seed)
        everywhere = np.ones(self.num_envs, bool)
        self._restart(everywhere)
        info = {Info.SUCCESS: ~everywhere}
        return Step(self._observe(), self._reward(~everywhere), ~everywhere, ~everywhere, info)

    def step(self, action: np.ndarray) -> Step:
        """Accelerates by ``action``, shape (num_envs, 2), for ``dt`` seconds.

        Raises:
            ValueError: If the shape of ``action`` is not (num_envs, 2).
        """
        sent = sendable(action, np.zeros((self.num_envs, 2)))
        self._move(sent)
        final = self._observe()
        success = np.linalg.norm(self._goal - self._position, axis=1) < self.tolerance
        truncated = ~success & (self._age >= self.max_steps)
        self._restart(success | truncated)
        info: dict[str, Any] = {
            Info.FINAL_OBSERVATION: final,
            Info.ACTION_SENT: sent,
            Info.SUCCESS: success.copy(),
        }
        return Step(self._observe(), self._reward(success), success, truncated, info)

    def close(self) -> None:
        """Nothing to free."""

    def _move(self, sent: np.ndarray) -> None:
        self._velocity += (ACCELERATION * sent - DRAG * self._velocity) * self.dt
        free = self._position + self._velocity * self.dt
        self._position = np.clip(free, -HALF_WIDTH, HALF_WIDTH)
        self._velocity[free != self._position] = 0.0
        self._age += 1

    def _restart(self, worlds: np.ndarray) -> None:
        drawn = self._rng.uniform(-HALF_WIDTH, HALF_WIDTH, (2, int(worlds.sum()), 2))
        self._position[worlds], self._goal[worlds] = drawn
        self._velocity[worlds] = 0.0
        self._age[worlds] = 0

    def _observe(self) -> Observation:
        parts = (self._position, self._velocity, self._goal - self._position)
        return {"state": np.concatenate(parts, axis=1, dtype=np.float32)}

    def _reward(self, success: np.ndarray) -> np.ndarray:
        return success.astype(np.float32)


def point_expert(observation: Observation) -> np.ndarray:
    """A damped spring to the goal of ``PointEnv``, good for demonstrations.

    Returns:
        Action in [-1, 1]. Shape (num_envs, 2), float32.
    """
    velocity, to_goal = observation["state"][:, 2:4], observation["state"][:, 4:6]
    return np.clip(4.0 * to_goal - 1.0 * velocity, -1.0, 1.0)
