"""What a policy that plans several steps remembers of each world, which may end at any time."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from robot_rl.env import Observation

Plan = Callable[[Observation], np.ndarray]
"""Histories, arrays of shape (worlds, history, ...) -> (worlds, horizon, action)."""
_NOTHING = np.iinfo(np.int64).max
"""Cursor of a world that has seen nothing yet."""


class Chunks:
    """Acts by plans: each world follows its own, so many steps, then asks for a new one.

    Only the worlds that need one are planned for. A world that has ended forgets both its plan and
    what it has seen, whatever the others do.

    Args:
        plan: Asked with what was seen, of the worlds that need it.
        keys: What of an observation it is asked with.
        history: Observations that it is asked with.
        steps: Steps of a plan that are followed.
    """

    def __init__(self, plan: Plan, keys: Sequence[str], history: int, steps: int) -> None:
        self._plan, self._keys, self._length, self._steps = plan, keys, history, steps
        self._history: Observation = {}
        self._planned = np.zeros((0, 0, 0), np.float32)
        self.cursor = np.zeros(0, np.int64)
        """Step of its plan that each world does next. Shape (worlds,)."""

    def __call__(self, observation: Observation, where: np.ndarray | None = None) -> np.ndarray:
        """The next action of every world.

        Args:
            observation: Arrays of shape (worlds, ...).
            where: Worlds that see it and move on; the others stay as they are, and their action is
                0. None: all. Shape (worlds,), bool.

        Returns:
            Shape (worlds, action).
        """
        worlds = len(next(iter(observation.values())))
        where = np.ones(worlds, bool) if where is None else where
        if len(self.cursor) != worlds:
            self.cursor, self._history = np.full(worlds, _NOTHING), {}
        self._remember(observation, where)
        asking = np.flatnonzero(where & (self.cursor >= self._steps))
        if asking.size:
            self._renew(asking)
        chosen = np.flatnonzero(where)
        action = np.zeros((worlds, self._planned.shape[-1]), np.float32)
        action[chosen] = self._planned[chosen, self.cursor[chosen]]
        self.cursor[chosen] += 1
        return action

    @property
    def done(self) -> np.ndarray:
        """Share of its plan that each world has done; 1 before there is one. Shape (worlds,)."""
        return np.minimum(self.cursor / self._steps, 1.0)

    def forget(self, ended: np.ndarray) -> None:
        """These worlds begin anew with the next observation. Shape (worlds,), bool."""
        if len(ended) != len(self.cursor):  # Nothing is remembered yet, or of others.
            self.cursor = np.zeros(0, np.int64)
            return
        self.cursor[ended] = _NOTHING

    def _remember(self, observation: Observation, where: np.ndarray) -> None:
        new = where & (self.cursor == _NOTHING)
        for key in self._keys:
            seen = observation[key]
            if key not in self._history:
                self._history[key] = np.repeat(seen[:, None], self._length, axis=1)
            kept = self._history[key]
            moved = np.concatenate([kept[where, 1:], seen[where, None]], axis=1)
            kept[where] = moved
            kept[new] = seen[new, None]

    def _renew(self, asking: np.ndarray) -> None:
        planned = self._plan({key: seen[asking] for key, seen in self._history.items()})
        if self._planned.shape != (shape := (len(self.cursor), *planned.shape[1:])):
            self._planned = np.zeros(shape, planned.dtype)
        self._planned[asking] = planned
        self.cursor[asking] = 0
