"""How good a policy is: success with an interval, over a fixed set of episodes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from robot_rl.env import Act, Env, forgetting
from robot_rl.statistics import Interval, wilson_interval

EVALUATION_SEED = 12345
"""Every evaluation of every run sees the same episodes."""


@dataclass(frozen=True)
class Evaluation:
    """Outcome of each evaluated episode; the same place is the same episode in every evaluation."""

    success: np.ndarray | None
    """Shape (episodes,), bool; None if the environment does not say what success is."""
    length: np.ndarray
    """Shape (episodes,) [steps]."""
    episode_return: np.ndarray
    """Undiscounted. Shape (episodes,)."""

    @property
    def rate(self) -> Interval:
        """Success rate with its 95 % Wilson interval; NaN without success."""
        if self.success is None:
            return Interval(np.nan, np.nan, np.nan)
        return wilson_interval(int(self.success.sum()), len(self.success))

    @property
    def success_length(self) -> float:
        """Mean length of the successful episodes [steps]; NaN without any."""
        if self.success is None or not self.success.any():
            return float("nan")
        return float(self.length[self.success].mean())

    @property
    def score(self) -> np.ndarray:
        """What counts in a comparison: success if there is one, else the return. Shape (n,)."""
        return self.episode_return if self.success is None else self.success.astype(float)

    def scalars(self, prefix: str) -> dict[str, float]:
        """As rows of a log."""
        return {
            f"{prefix}_success": self.rate.estimate,
            f"{prefix}_success_low": self.rate.low,
            f"{prefix}_success_high": self.rate.high,
            f"{prefix}_length": self.success_length,
            f"{prefix}_return": float(self.episode_return.mean()),
        }


class _Outcome(NamedTuple):
    """Of each world's episode. Shape (worlds,) each."""

    success: np.ndarray
    known: np.ndarray
    """Whether the environment said anything about success."""
    length: np.ndarray
    episode_return: np.ndarray


def evaluate(env: Env, act: Act, episodes: int = 100, seed: int = EVALUATION_SEED) -> Evaluation:
    """Runs a fixed set of episodes: those that each world begins with after a few resets.

    The set follows from the seed and the number of worlds alone. Counting whichever episodes end
    first would favour short ones, which are the successful ones.

    Args:
        env: Environment of any number of worlds; it is reset.
        act: Observation -> actions; if it remembers, it is told of ends.
        episodes: How many.
        seed: Seed of the first reset; the next ones count up by the number of worlds, for Gymnasium
            gives each world a seed of its own, one after the other.
    """
    rounds = range(-(-episodes // env.num_envs))
    outcomes = [_first_episodes(env, act, seed + number * env.num_envs) for number in rounds]
    every = (np.concatenate(column)[:episodes] for column in zip(*outcomes, strict=True))
    success, known, length, episode_return = every
    return Evaluation(success if known.all() else None, length, episode_return)


def _first_episodes(env: Env, act: Act, seed: int) -> _Outcome:
    """Each world's first episode; worlds that end early go on without being counted."""
    step, running = env.reset(seed), np.ones(env.num_envs, bool)
    forgetting(act)(running)
    success, known = np.zeros((2, env.num_envs), bool)
    length, total = np.zeros(env.num_envs, np.int64), np.zeros(env.num_envs)
    while running.any():
        step = env.step(act(step.observation))
        length += running
        total += np.where(running, step.reward, 0)
        said = step.measured_success  # As the episode ends, for recordings and robots count so.
        success |= running & step.done & (False if said is None else said)
        known |= said is not None
        running &= ~step.done
    return _Outcome(success, known, length, total)
