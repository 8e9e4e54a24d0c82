"""A point that has to pass an obstacle, on either side: the smallest task with two ways to do it.

Whoever imitates the mean of both ways runs into the obstacle.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from robot_rl.env import ArraySpec, Closing, Info, Observation, Step, sendable

PASSED = "passed"
"""Key in ``info``: side on which the obstacle was passed in the episode so far, -1 or 1, 0 before.
Shape (num_envs,), int64."""
RADIUS = 0.35
"""Of the obstacle, a disc at the origin [m]."""
_START, _GOAL = np.array([-1.0, 0.0]), np.array([1.0, 0.0])
_SPEED = 1.0
"""Of a full action, along each axis [m/s]."""
_AROUND, _BEHIND = 0.55, 0.1
"""Where a script passes the obstacle, beside the middle and behind it [m]."""
_TURN = 0.05
"""How far before that it turns to the goal [m]."""
_SPREAD = 0.05
"""Of the start, and of where a script passes [m]."""


class DetourEnv(Closing):
    """Reach the goal on the other side; the reward is 1 in the step that does, and a touch ends it.

    The action is a velocity in the plane, scaled to [-1, 1]; one that is not finite moves nothing.

    Args:
        num_envs: Number of worlds.
        seed: Seed of starts, and of the sides on which the script passes.
        max_steps: Steps after which an episode is truncated.
        tolerance: Distance to the goal that counts as success [m].
        dt: Time between two actions [s].
    """

    def __init__(
        self,
        num_envs: int = 1,
        seed: int = 0,
        *,
        max_steps: int = 60,
        tolerance: float = 0.1,
        dt: float = 0.1,
    ) -> None:
        self.num_envs, self.dt = num_envs, dt
        self._max_steps, self._tolerance = max_steps, tolerance
        self.observation_spec = {"state": ArraySpec((2,), names=("x", "y"))}
        self.action_spec = ArraySpec((2,), low=-1.0, high=1.0, names=("vx", "vy"))
        self.return_range = (0.0, 1.0)
        self._rng = np.random.default_rng(seed)
        self._position, self._way = np.zeros((2, num_envs, 2))
        self._age, self._passed = np.zeros((2, num_envs), np.int64)

    def reset(self, seed: int | None = None) -> Step:
        """Starts a new episode in every world."""
        if seed is not None:
            self._rng = np.random.default_rng(seed)
        everywhere = np.ones(self.num_envs, bool)
        self._restart(everywhere)
        info: dict[str, Any] = {Info.SUCCESS: ~everywhere, PASSED: self._passed.copy()}
        reward = np.zeros(self.num_envs, np.float32)
        return Step(self._observe(), reward, ~everywhere, ~everywhere, info)

    def step(self, action: np.ndarray) -> Step:
        """Moves by ``action``, shape (num_envs, 2), for ``dt`` seconds.

        Raises:
            ValueError: If the shape of ``action`` is not (num_envs, 2).
        """
        sent = sendable(action, np.zeros((self.num_envs, 2)))
        self._move(sent)
        success = np.linalg.norm(self._position - _GOAL, axis=1) < self._tolerance
        terminated = success | (np.linalg.norm(self._position, axis=1) < RADIUS)
        truncated = ~terminated & (self._age >= self._max_steps)
        info: dict[str, Any] = {
            Info.FINAL_OBSERVATION: self._observe(),
            Info.ACTION_SENT: sent,
            Info.SUCCESS: success,
            PASSED: self._passed.copy(),
        }
        self._restart(terminated | truncated)
        return Step(self._observe(), success.astype(np.float32), terminated, truncated, info)

    def expert_action(self) -> np.ndarray:
        """Around the obstacle, on the side that was drawn, and to the goal. Shape (num_envs, 2)."""
        before = self._position[:, :1] < self._way[:, :1] - _TURN
        target = np.where(before, self._way, _GOAL)
        step = (target - self._position) / (_SPEED * self.dt)
        return (step / np.maximum(np.abs(step).max(1, keepdims=True), 1)).astype(np.float32)

    def close(self) -> None:
        """Nothing to free."""

    def _move(self, sent: np.ndarray) -> None:
        before = self._position[:, 0]
        self._position = self._position + _SPEED * self.dt * sent
        crossed = (before < 0) & (self._position[:, 0] >= 0)
        self._passed = np.where(crossed, np.sign(self._position[:, 1]), self._passed).astype(int)
        self._age += 1

    def _restart(self, worlds: np.ndarray) -> None:
        count = int(worlds.sum())
        self._position[worlds] = _START + _SPREAD * self._rng.uniform(-1, 1, (count, 2))
        side = self._rng.choice([-1.0, 1.0], count)
        beside = side * (_AROUND + _SPREAD * self._rng.uniform(-1, 1, count))
        self._way[worlds] = np.stack([np.full(count, _BEHIND), beside], axis=1)
        self._age[worlds] = self._passed[worlds] = 0

    def _observe(self) -> Observation:
        return {"state": self._position.astype(np.float32)}
