"""What stays as it is of each frame while an agent learns, computed when it is first drawn."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from robot_rl import arrays
from robot_rl.agent import Agent
from robot_rl.batch import Batch
from robot_rl.env import Observation
from robot_rl.replay import Replay

Compute = Callable[[Observation], Observation]


class FrameCache:
    """Values of the frames of one replay.

    Args:
        capacity: Frames that the replay holds.
        compute: From observations to named values. Arrays of shape (n, ...) -> (n, ...).
    """

    def __init__(self, capacity: int, compute: Compute) -> None:
        self._compute = compute
        self._known = np.full(capacity, -1, np.int64)
        self._values: Observation = {}

    def values(self, frames: np.ndarray, observation: Observation) -> Observation:
        """Their values, arrays of shape (n, ...).

        Args:
            frames: Numbers of frames, at least one. Shape (n,).
            observation: What they show, in case that they were not seen yet.
        """
        slots = frames % len(self._known)
        missing = np.flatnonzero(self._known[slots] != frames)
        if missing.size:
            rows = missing[np.unique(frames[missing], return_index=True)[1]]
            self._learn(frames[rows], {key: array[rows] for key, array in observation.items()})
        return {name: array[slots] for name, array in self._values.items()}

    def _learn(self, frames: np.ndarray, observation: Observation) -> None:
        slots = frames % len(self._known)
        computed = self._compute(observation)
        if not self._values:
            capacity = len(self._known)
            self._values = arrays.zeros(
                {name: ((capacity, *one.shape[1:]), one.dtype) for name, one in computed.items()}
            )
        for name, one in computed.items():
            self._values[name][slots] = one
        self._known[slots] = frames


class KnownFrames:
    """What an agent's ``fixed`` says of all frames of which batches are mixed.

    All is forgotten when the agent says something else, or there is another agent or replay.
    """

    def __init__(self) -> None:
        self._of: tuple[int, ...] = ()
        self._kept: object = None
        self._caches: list[FrameCache] = []

    def complete(
        self, batch: Batch, shown: int, agent: Agent, replays: tuple[Replay, Replay]
    ) -> Batch:
        """The batch with these values among its observations.

        Args:
            batch: Its first rows are demonstrations.
            shown: How many.
            agent: Knows.
            replays: Of demonstrations, and of online data.

        Raises:
            MemoryError: If they are more than the machine's memory holds.
        """
        if not agent.has_fixed:
            return batch
        both = zip(self._fresh(agent, replays), (slice(shown), slice(shown, None)), strict=True)
        parts = [(cache, rows) for cache, rows in both if len(batch.frames[rows])]

        def known(column: int, seen: Observation) -> Observation:
            each = [
                cache.values(batch.frames[rows, column], {k: v[rows] for k, v in seen.items()})
                for cache, rows in parts
            ]
            return seen | {name: np.concatenate([one[name] for one in each]) for name in each[0]}

        return batch._replace(
            observation=known(0, batch.observation),
            next_observation=known(1, batch.next_observation),
        )

    def _fresh(self, agent: Agent, replays: tuple[Replay, Replay]) -> list[FrameCache]:
        now = id(agent), agent.fixed_version, *map(id, replays)
        if self._of != now:
            self._of, self._kept = now, (agent, replays)  # Whose ids stay theirs.
            sizes = (replay.spec.frame_capacity for replay in replays)
            self._caches = [FrameCache(size, agent.fixed) for size in sizes]
        return self._caches
