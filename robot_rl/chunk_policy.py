"""What all policies have in common that plan several steps from what was observed last."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from robot_rl.chunk_config import ChunkConfig
from robot_rl.chunks import Chunks
from robot_rl.env import STATE, ArraySpec, Observation
from robot_rl.min_max import MinMax
from robot_rl.perception import half_products
from robot_rl.windows import Stretch, Windows

_BEYOND = 1.5
"""How far beyond what was demonstrated a state may seem to lie, in half ranges."""
_LEAST_STATE, _LEAST_ACTION = 1e-2, 1e-4
"""Half ranges at least, in units of state and action."""


class ChunkPolicy(nn.Module, ABC):
    """Plans in the ranges that were demonstrated; these are part of its weights.

    Products are computed in bfloat16 where ``torch.set_float32_matmul_precision`` says "medium".

    Args:
        observation_spec: Must have a vector, ``state``; it looks at nothing else.
        action_spec: Of one step.
        config: History, horizon, and what else it is made of.

    Attributes:
        history: Observations that a plan is made from.

    Raises:
        ValueError: If there is no ``state``.
    """

    KEYS: ClassVar = (STATE,)
    """What it observes."""

    def __init__(
        self, observation_spec: dict[str, ArraySpec], action_spec: ArraySpec, config: ChunkConfig
    ) -> None:
        super().__init__()
        if STATE not in observation_spec:
            raise ValueError(
                f"this policy plans from a vector called {STATE}; these observations are "
                f"{', '.join(observation_spec)}"
            )
        self.history, self._steps = config.history, config.steps
        self.states = MinMax(observation_spec[STATE].shape[0], _LEAST_STATE)
        self.actions = MinMax(action_spec.shape[0], _LEAST_ACTION)
        self.shape = config.horizon, action_spec.shape[0]
        """Of a plan: steps, and numbers in an action."""
        self._limits = action_spec.low, action_spec.high

    @property
    def conditions(self) -> int:
        """Numbers in a condition."""
        return self.history * len(self.states.middle)

    def fit(self, windows: Windows) -> None:
        """Takes the ranges of what was demonstrated."""
        self.states.fit(torch.as_tensor(windows.observations(STATE)))
        self.actions.fit(torch.as_tensor(windows.actions))

    def loss(self, stretch: Stretch) -> Tensor:
        """What to learn by. Shape ()."""
        condition = self.condition(stretch.observation)
        with half_products():
            return self.losses(self.actions(torch.as_tensor(stretch.action)), condition).mean()

    @abstractmethod
    def losses(self, actions: Tensor, condition: Tensor) -> Tensor:
        """Of every stretch. Shapes (batch, horizon, a), (batch, c) -> (batch,)."""

    @abstractmethod
    def draw(self, condition: Tensor) -> Tensor:
        """Plans within +-1. Shape (batch, c) -> (batch, horizon, a)."""

    def condition(self, observation: Observation) -> Tensor:
        """What a plan is made from, in the ranges that were demonstrated.

        Arrays of shape (batch, history, ...) -> (batch, c).
        """
        states = self.states(torch.as_tensor(observation[STATE]))
        return states.clamp(-_BEYOND, _BEYOND).flatten(1)

    @torch.inference_mode()
    def plan(self, observation: Observation) -> np.ndarray:
        """Plans for some worlds.

        Arrays of shape (worlds, history, ...) -> (worlds, horizon, action), within the limits.
        """
        with half_products():
            planned = self.draw(self.condition(observation))
        return self.actions.inverse(planned).clamp(*self._limits).cpu().numpy()

    def chunks(self) -> Chunks:
        """Acts by its plans in any number of worlds."""
        return Chunks(self.plan, self.KEYS, self.history, self._steps)
