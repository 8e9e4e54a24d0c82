"""SAC from cameras, as SERL does it (Luo et al., 2024) with the augmentation of DrQ.

``update`` is that of ``sac.py``; here stands what sees. Convolutions, and heads that reduce their
maps to a vector, are trained with the critics and never by the loss of the actor, who gets the
vector without its gradient (DrQ: Kostrikov et al., 2020). Targets have slow heads over the same
maps. Observation and next observation are moved by their own few pixels. Other than in SERL what
the state becomes is trained with the critics, too, and nothing is dropped out. What it shares with
DrQ-v2 stands in ``seeing.py``.
"""

from __future__ import annotations

import copy
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from robot_rl.agent import Metrics
from robot_rl.agent_config import DrqConfig
from robot_rl.batch import Batch
from robot_rl.descent import descend, follow
from robot_rl.env import ArraySpec, Observation
from robot_rl.perception import Senses
from robot_rl.sac import Sac, imitation_loss
from robot_rl.seeing import Seeing
from robot_rl.self_prediction import make_predictor


class Drq(Seeing, Sac):
    """``Sac`` for images (``images/<camera>``) and, where there is one, a vector (``state``)."""

    ACTING: ClassVar = ("senses", "heads", "averaged")
    LEARNING: ClassVar = (*Sac.LEARNING, "predictor")
    config: DrqConfig  # pyright: ignore[reportIncompatibleVariableOverride]

    def __init__(
        self,
        observation_spec: dict[str, ArraySpec],
        action_spec: ArraySpec,
        config: DrqConfig | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(observation_spec, action_spec, config or DrqConfig(), seed)
        everything = [*self.actor.parameters(), *self._of_senses()]
        self._cloning_optimizer = torch.optim.Adam(
            everything, self.config.learning_rate, fused=True
        )
        self.predictor = make_predictor(self.config, self.heads.outputs, action_spec)
        if self.predictor is not None:
            self._critic_optimizer.add_param_group({"params": self.predictor.parameters()})

    def _sense(self, observation_spec: dict[str, ArraySpec]) -> int:
        self.senses = Senses(observation_spec, self.config)
        self.heads = self.senses.make_heads(self.config.features, spatial=True)
        self.cloned_senses = copy.deepcopy(self.senses).requires_grad_(False)
        self.target_heads = copy.deepcopy(self.heads).requires_grad_(False)
        self.cloned_heads = copy.deepcopy(self.heads).requires_grad_(False)
        return self.heads.outputs

    def _of_senses(self) -> list[nn.Parameter]:
        return [*self.senses.parameters(), *self.heads.parameters()]

    def _of_critics(self) -> list[nn.Parameter]:
        return [*super()._of_critics(), *self._of_senses()]

    def act(
        self, observation: Observation, greedy: bool | np.ndarray = False, exploration: float = 1.0
    ) -> np.ndarray:
        """As every agent; what a frozen encoder sees, the clone sees as well, and is told."""
        return super().act(observation | self.senses.fixed(observation), greedy, exploration)

    def keep_clone(self) -> None:
        """Takes the actor, and what it sees with, for the clone that stays."""
        super().keep_clone()
        self._keep_senses()

    def _keep_senses(self) -> None:
        super()._keep_senses()
        self.target_heads.load_state_dict(self.heads.state_dict())

    def _follow(self) -> None:
        super()._follow()
        follow(self.target_heads, self.heads, self.config.tau)

    def _state(self, observation: Observation, augment: bool = False) -> Tensor:
        return self.senses.reduce(self.heads, self.senses(observation, augment), observation)

    def _states(self, observation: Observation, augment: bool = False) -> tuple[Tensor, Tensor]:
        maps, reduce = self.senses(observation, augment), self.senses.reduce
        own = reduce(self.heads, maps, observation)
        return own, reduce(self.target_heads, maps, observation)

    def _loss_beside(
        self, state: Tensor, judged: Tensor, batch: Batch
    ) -> tuple[Tensor | float, Metrics]:
        if self.predictor is None:
            return 0.0, {}
        return self.predictor.beside(state, torch.as_tensor(batch.action), judged)

    def _await_critics(self, state: Tensor, batch: Batch) -> Metrics:
        """Keeps the actor with the clone while what it sees by changes under it."""
        mean, std = self.actor(state)
        cloned = self._said(state, self._cloned_action(batch.observation))
        deviation = imitation_loss(mean, std, cloned)
        descend(self._actor_optimizer, deviation)
        follow(self.averaged, self.actor, self.config.actor_tau)
        return {"deviation": deviation.item()}
