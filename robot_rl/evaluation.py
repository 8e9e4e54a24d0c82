"""How good a policy is: success with an interval, over a fixed set of episodes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from robot_rl.env import Env, Info, Observation
from robot_rl.statistics import Interval, wilson_interval

Act = Callable[[Observation], np.ndarray]
EVALUATION_SEED = 12345
"""Every evaluation of every run sees the same episodes."""


@dataclass(frozen=True)
class Evaluation:
    """Outcome of each evaluated episode, in the order in which they ended."""

    success: np.ndarray
    """Shape (episodes,), bool."""
    length: np.ndarray
    """Shape (episodes,) [steps]."""
    episode_return: np.ndarray
    """Undiscounted. Shape (episodes,)."""

    @property
    def rate(self) -> Interval:
        """Success rate with its 95 % Wilson interval."""
        return wilson_interval(int(self.success.sum()), len(self.success))

    @property
    def success_length(self) -> float:
        """Mean length of the successful episodes [steps]; NaN without any."""
        return float(self.length[self.success].mean()) if self.success.any() else float("nan")

    def scalars(self, prefix: str) -> dict[str, float]:
        """As rows of a log."""
        return {
            f"{prefix}_success": self.rate.estimate,
            f"{prefix}_success_low": self.rate.low,
            f"{prefix}_success_high": self.rate.high,
            f"{prefix}_length": self.success_length,
            f"{prefix}_return": float(self.episode_return.mean()),
        }


def evaluate(env: Env, act: Act, episodes: int = 100, seed: int = EVALUATION_SEED) -> Evaluation:
    """Runs episodes and counts each world's first ones, so that none is favoured.

    Counting whichever episodes end first would favour short ones, which are the successful ones.

    Args:
        env: Environment of any number of worlds; it is reset.
        act: Observation -> actions, shape (num_envs, action).
        episodes: How many, rounded up to a multiple of the number of worlds.
        seed: Seed of the environment.
    """
    quota = -(-episodes // env.num_envs)
    counted = np.zeros(env.num_envs, np.int64)
    length, total = np.zeros(env.num_envs, np.int64), np.zeros(env.num_envs)
    rows: list[tuple[bool, int, float]] = []
    step = env.reset(seed)
    while (counted < quota).any():
        step = env.step(act(step.observation))
        length += 1
        total += step.reward
        success = step.info.get(Info.SUCCESS, np.zeros(env.num_envs, bool))
        rows.extend(
            (bool(success[world]), int(length[world]), float(total[world]))
            for world in np.flatnonzero(step.done & (counted < quota))
        )
        counted += step.done
        length[step.done] = 0
        total[step.done] = 0
    successes, lengths, returns = zip(*rows, strict=True)
    return Evaluation(np.array(successes), np.array(lengths), np.array(returns))
