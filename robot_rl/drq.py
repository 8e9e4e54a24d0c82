"""SAC from cameras, as SERL does it (Luo et al., 2024) with the augmentation of DrQ.

``update`` is that of ``sac.py``; here stands what sees. A trunk of convolutions and heads that
reduce its maps to a vector are trained by the loss of the critics alone, and the actor gets the
vector without its gradient (DrQ: Kostrikov et al., 2020). Targets have slow heads over the same
trunk. Observation and next observation are moved by their own few pixels. The clone keeps the trunk
and heads with which it was made, for those that learn move away under it.
"""

from __future__ import annotations

import copy
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from robot_rl.batch import Batch
from robot_rl.config import DrqConfig
from robot_rl.descent import descend, follow
from robot_rl.env import STATE, ArraySpec, Observation
from robot_rl.networks import Normalizer
from robot_rl.perception import Heads, Trunk, cameras_of, precision
from robot_rl.random_shift import PAD
from robot_rl.sac import Metrics, Sac, imitation_loss


class Drq(Sac):
    """``Sac`` for images (``images/<camera>``) and, where there is one, a vector (``state``)."""

    ACTING: ClassVar = (
        *Sac.ACTING,
        *("trunk", "heads", "target_heads", "cloned_trunk", "cloned_heads"),
    )
    config: DrqConfig

    def __init__(
        self,
        observation_spec: dict[str, ArraySpec],
        action_spec: ArraySpec,
        config: DrqConfig | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(observation_spec, action_spec, config or DrqConfig(), seed)
        everything = [*self.actor.parameters(), *self.trunk.parameters(), *self.heads.parameters()]
        self._cloning_optimizer = torch.optim.Adam(everything, self.config.learning_rate)

    def _sense(self, observation_spec: dict[str, ArraySpec]) -> int:
        cameras = cameras_of(observation_spec)
        if not cameras:
            raise ValueError(
                "Drq learns from images, and these observations are "
                f"{', '.join(observation_spec)}; add cameras, e.g. cameras=front,wrist, or choose "
                "algorithm sac"
            )
        vector = observation_spec.get(STATE)
        self._inputs = 0 if vector is None else vector.shape[0]
        self.normalizer = Normalizer(self._inputs)
        self.trunk = Trunk(cameras, self.config.encoder)
        self.heads = Heads(self.trunk.shapes, self._inputs, self.config.features)
        self.target_heads = copy.deepcopy(self.heads).requires_grad_(False)
        self.cloned_trunk = copy.deepcopy(self.trunk).requires_grad_(False)
        self.cloned_heads = copy.deepcopy(self.heads).requires_grad_(False)
        return self.heads.outputs

    def _of_critics(self) -> list[nn.Parameter]:
        return [*super()._of_critics(), *self.trunk.parameters(), *self.heads.parameters()]

    def observe(self, observation: Observation) -> None:
        """Lets the normaliser see new observations."""
        if self._inputs:
            super().observe(observation)

    def clone(self, batch: Batch) -> Metrics:
        """One behaviour-cloning update of actor, trunk and heads on a batch of demonstrations."""
        mean, std = self.actor(self._state(batch.observation, augment=True))
        loss = imitation_loss(mean, std, self._arm_action(batch))
        descend(self._cloning_optimizer, loss)
        return {"cloning_loss": loss.item()}

    def keep_clone(self) -> None:
        """Takes actor, trunk and heads as they are now for the clone that stays."""
        super().keep_clone()
        self._keep_senses()

    def load_policy(self, state: dict[str, Any]) -> None:
        """As for ``Sac``; what sees comes along."""
        self.trunk.load_state_dict(state["trunk"])
        self.heads.load_state_dict(state["heads"])
        self._keep_senses()
        super().load_policy(state)

    def _keep_senses(self) -> None:
        self.cloned_trunk.load_state_dict(self.trunk.state_dict())
        for heads in (self.cloned_heads, self.target_heads):
            heads.load_state_dict(self.heads.state_dict())

    def _follow(self) -> None:
        super()._follow()
        follow(self.target_heads, self.heads, self.config.tau)

    def _state(self, observation: Observation, augment: bool = False) -> Tensor:
        return self._reduce(self.heads, self._maps(self.trunk, observation, augment), observation)

    def _states(self, observation: Observation, augment: bool = False) -> tuple[Tensor, Tensor]:
        maps = self._maps(self.trunk, observation, augment)
        own, judged = (
            self._reduce(heads, maps, observation) for heads in (self.heads, self.target_heads)
        )
        return own, judged

    @torch.no_grad()
    def _cloned_action(self, observation: Observation) -> Tensor:
        maps = self._maps(self.cloned_trunk, observation, augment=False)
        return self.cloned.greedy(self._reduce(self.cloned_heads, maps, observation))

    def _maps(self, trunk: Trunk, observation: Observation, augment: bool) -> list[Tensor]:
        dtype = precision()
        with torch.autocast("cpu", dtype, enabled=dtype == torch.bfloat16):
            return trunk(observation, PAD if augment else 0, dtype)

    def _reduce(self, heads: Heads, maps: list[Tensor], observation: Observation) -> Tensor:
        dtype = precision()
        vector = observation[STATE] if self._inputs else torch.zeros(len(maps[0]), 0)
        with torch.autocast("cpu", dtype, enabled=dtype == torch.bfloat16):
            return heads(maps, self.normalizer(torch.as_tensor(vector)))

    def _await_critics(self, state: Tensor, batch: Batch) -> Metrics:
        """Keeps the actor with the clone while what it sees by changes under it."""
        mean, std = self.actor(state)
        deviation = imitation_loss(mean, std, self._cloned_action(batch.observation))
        descend(self._actor_optimizer, deviation)
        follow(self.averaged, self.actor, self.config.actor_tau)
        return {"deviation": deviation.item()}
