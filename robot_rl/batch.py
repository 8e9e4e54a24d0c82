"""What a learner gets from replay."""

from __future__ import annotations

from typing import NamedTuple, Self

import numpy as np

from robot_rl.env import Observation
from robot_rl.replay_spec import ReplaySpec


class Window(NamedTuple):
    """How many steps a sampled transition may stand for (n-step returns)."""

    steps: int = 1
    discount: float = 1.0
    """Per step, of the rewards within."""


ONE_STEP = Window()


class Batch(NamedTuple):
    """Transitions as arrays with a leading axis of length ``batch``; they are the caller's to keep.

    With ``frame_stack`` k > 1 the arrays of both observations have shape (batch, k, ...), oldest
    frame first.
    """

    observation: Observation
    action: np.ndarray
    """As sent. Shape (batch, action)."""
    reward: np.ndarray
    """Discounted sum over the ``steps``. Shape (batch,), float32."""
    next_observation: Observation
    """What was seen after so many steps."""
    steps: np.ndarray
    """How many steps the reward sums up, 1 unless a ``Window`` has more. Shape (batch,), int64."""
    terminated: np.ndarray
    """Shape (batch,), bool: no value follows."""
    truncated: np.ndarray
    """Shape (batch,), bool: the value goes on, from ``next_observation``."""
    intervened: np.ndarray
    """Shape (batch,), bool."""
    is_demonstration: np.ndarray
    """Shape (batch,), bool: a row of source "demo", or drawn by ``mix`` as a demonstration."""
    indices: np.ndarray
    """Numbers of the transitions in their replay. Shape (batch,), int64."""
    frames: np.ndarray
    """Numbers of the frames of both observations, of stacks the newest. Shape (batch, 2), int64."""

    def part(self, rows: slice) -> Batch:
        """A view of some rows."""
        return Batch(
            observation={key: value[rows] for key, value in self.observation.items()},
            action=self.action[rows],
            reward=self.reward[rows],
            next_observation={key: value[rows] for key, value in self.next_observation.items()},
            steps=self.steps[rows],
            terminated=self.terminated[rows],
            truncated=self.truncated[rows],
            intervened=self.intervened[rows],
            is_demonstration=self.is_demonstration[rows],
            indices=self.indices[rows],
            frames=self.frames[rows],
        )

    @classmethod
    def empty(cls, spec: ReplaySpec, batch_size: int) -> Self:
        """An uninitialised batch, to be filled by ``Replay.gather``."""
        stack = () if spec.frame_stack == 1 else (spec.frame_stack,)
        observation, following = (
            {
                k: np.empty((batch_size, *stack, *s.shape), s.dtype)
                for k, s in spec.observation.items()
            }
            for _ in range(2)
        )
        return cls(
            observation=observation,
            action=np.empty((batch_size, *spec.action.shape), spec.action.dtype),
            reward=np.empty(batch_size, np.float32),
            next_observation=following,
            steps=np.ones(batch_size, np.int64),
            terminated=np.empty(batch_size, bool),
            truncated=np.empty(batch_size, bool),
            intervened=np.empty(batch_size, bool),
            is_demonstration=np.empty(batch_size, bool),
            indices=np.empty(batch_size, np.int64),
            frames=np.empty((batch_size, 2), np.int64),
        )
