"""Stretches of recorded episodes: what was observed last, and what was done from then on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from robot_rl.chunk_config import ChunkConfig
from robot_rl.env import ArraySpec, Observation
from robot_rl.episode import Episode
from robot_rl.idleness import busy, stays


class Stretch(NamedTuple):
    """Some of them."""

    observation: Observation
    """Oldest first; at the start of an episode the first repeats. Arrays (batch, history, ...)."""
    action: np.ndarray
    """What was done from then on. Shape (batch, horizon, action)."""


class Windows:
    """Those of every step of some episodes, each found by one number.

    Args:
        episodes: At least one.
        keys: Of what is observed.
        action: Spec of the actions.
        config: How many observations and actions a stretch has, and what stands behind the end.
        trim: Whether to leave out what is idle at both ends of an episode.
    """

    def __init__(
        self,
        episodes: Sequence[Episode],
        keys: Iterable[str],
        action: ArraySpec,
        config: ChunkConfig,
        trim: bool = False,
    ) -> None:
        parts = [busy(e.action, action) if trim else slice(0, len(e)) for e in episodes]
        lengths = np.array([part.stop - part.start for part in parts])
        ends = lengths.cumsum()
        self._first = np.repeat(ends - lengths, lengths)
        self._last = np.repeat(ends - 1, lengths)
        self._history = np.arange(1 - config.history, 1)
        self._horizon = np.arange(config.horizon)
        both = list(zip(episodes, parts, strict=True))
        self._observations = {
            key: np.concatenate([e.observation[key][part] for e, part in both]) for key in keys
        }
        self._actions = np.concatenate([e.action[part] for e, part in both])
        self._repeats = stays(action) | (config.behind == "repeat")

    def __len__(self) -> int:
        return len(self._actions)

    @property
    def actions(self) -> np.ndarray:
        """Every action once, and what stands behind the ends. Shape (n, action)."""
        last = self._actions[np.unique(self._last)]
        return np.concatenate([self._actions, self._behind(last)])

    def observations(self, key: str) -> np.ndarray:
        """Every observation of that key once. Shape (n, ...)."""
        return self._observations[key]

    def gather(self, numbers: np.ndarray) -> Stretch:
        """The stretches of these numbers, each below the length. Shape (batch,)."""
        rows = numbers[:, None]
        seen = np.maximum(rows + self._history, self._first[rows])
        done = rows + self._horizon
        action = self._actions[np.minimum(done, self._last[rows])]
        over = (done > self._last[rows])[..., None]
        observation = {key: array[seen] for key, array in self._observations.items()}
        return Stretch(observation, np.where(over, self._behind(action), action))

    def _behind(self, last: np.ndarray) -> np.ndarray:
        """What comes after the last actions of episodes. Shape (..., action)."""
        return np.where(self._repeats, last, 0.0).astype(np.float32)
