"""DrQ-v2 (Yarats et al., 2022), and with demonstrations the term that imitates them.

``update`` is the outline of the paper: critics with the encoder below them, then the actor on the
same maps, without their gradient. Actor and critics reduce the maps by heads of their own. There is
no slow encoder. Noise falls with time; rewards are summed over several steps. What it shares with
DrQ stands in ``seeing.py``.
"""

from __future__ import annotations

import copy
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from robot_rl.agent import Metrics
from robot_rl.agent_config import DrqV2Config
from robot_rl.batch import Batch
from robot_rl.descent import descend, follow
from robot_rl.env import ArraySpec, Observation
from robot_rl.networks import Critics, DeterministicActor, make_head, orthogonal
from robot_rl.perception import Heads, Senses
from robot_rl.seeing import Seeing
from robot_rl.self_prediction import make_predictor

_CRITICS = 2
_INSIDE = 1e-6
"""How far within its bounds an action with noise stays."""


class DrqV2(Seeing):
    """Actor, two critics and an encoder for images and, where there is one, a vector."""

    ACTING: ClassVar = ("senses", "heads", "actor")
    LEARNING: ClassVar = (
        *("critic_heads", "critics"),
        *("_actor_optimizer", "_critic_optimizer", "predictor"),
    )
    config: DrqV2Config

    def __init__(
        self,
        observation_spec: dict[str, ArraySpec],
        action_spec: ArraySpec,
        config: DrqV2Config | None = None,
        seed: int = 0,
    ) -> None:
        self.config = config = config or DrqV2Config()  # pyright: ignore[reportIncompatibleVariableOverride]
        torch.manual_seed(seed)
        self.senses = Senses(observation_spec, config)
        self.heads, self.critic_heads = (
            self.senses.make_heads(config.features, spatial=False) for _ in range(2)
        )
        features, actions = self.heads.outputs, action_spec.shape[0]
        self.actor = DeterministicActor(features, config.hidden, actions)
        head = make_head(config, config.return_range)
        self.critics = Critics(features + actions, config.hidden, _CRITICS, head, config.layer_norm)
        for part in (self.heads, self.critic_heads, self.actor, self.critics):
            part.apply(orthogonal)
        self.target_heads = copy.deepcopy(self.critic_heads).requires_grad_(False)
        self.target_critics = copy.deepcopy(self.critics).requires_grad_(False)
        self.cloned_senses = copy.deepcopy(self.senses).requires_grad_(False)
        self.cloned_heads = copy.deepcopy(self.heads).requires_grad_(False)
        self.cloned = copy.deepcopy(self.actor).requires_grad_(False)
        self.predictor = make_predictor(config, features, action_spec)
        rate = config.learning_rate
        acting = [*self.actor.parameters(), *self.heads.parameters()]
        judging = [*self.critics.parameters(), *self.critic_heads.parameters()]
        seeing = list(self.senses.parameters())
        self._actor_optimizer = torch.optim.Adam(acting, rate, fused=True)
        beside = [] if self.predictor is None else list(self.predictor.parameters())
        self._critic_optimizer = torch.optim.Adam([*judging, *seeing, *beside], rate, fused=True)
        self._cloning_optimizer = torch.optim.Adam([*acting, *seeing], rate, fused=True)

    def act(
        self, observation: Observation, greedy: bool | np.ndarray = False, exploration: float = 1.0
    ) -> np.ndarray:
        """As every agent; where the critics value the cloned action more, that."""
        observation = observation | self.senses.fixed(observation)
        with torch.inference_mode():
            maps = self.senses(observation)
            action = self._mean(maps, observation)
            if greedy is not True:
                noise = exploration * self.noise * torch.randn_like(action)
                noisy = (action + noise).clamp(-1, 1)
                action = torch.where(torch.as_tensor(greedy)[..., None], action, noisy)
            if self._heeds_clone:  # Without, an action costs no look of the critics.
                judged = self._reduce(self.target_heads, maps, observation)
                action = self._best(observation, judged, action)
            return action.cpu().numpy()

    def clone(self, batch: Batch) -> Metrics:
        """One behaviour-cloning update of actor and encoder on a batch of demonstrations."""
        mean = self._mean(self.senses(batch.observation, augment=True), batch.observation)
        loss = F.mse_loss(mean, torch.as_tensor(batch.action))
        descend(self._cloning_optimizer, loss)
        return {"cloning_loss": loss.item()}

    def keep_clone(self) -> None:
        """Takes the actor, and what it sees with, for the clone that stays."""
        self.cloned.load_state_dict(self.actor.state_dict())
        self.has_clone = True
        self._keep_senses()

    def update(self, batch: Batch) -> Metrics:
        """One update of critics and encoder, and one of the actor."""
        maps = self.senses(batch.observation, augment=True)
        metrics = self._update_critics(maps, batch)
        self.updates += 1
        metrics |= self._update_actor([one.detach() for one in maps], batch)
        follow(self.target_critics, self.critics, self.config.tau)
        follow(self.target_heads, self.critic_heads, self.config.tau)
        return metrics

    @property
    def noise(self) -> float:
        """Standard deviation of the exploration noise now; a clone would drown in the first."""
        first, last = self.config.noise
        if self.has_clone:
            return last
        return first + (last - first) * min(self.practised / self.config.noise_steps, 1.0)

    def load_policy(self, state: dict[str, Any]) -> None:
        """As every agent; the policy as it is stays as the clone."""
        self._load_senses(state)
        self._load(("actor",), state)
        self.cloned.load_state_dict(self.actor.state_dict())
        self.has_clone = True

    def _update_critics(self, maps: list[Tensor], batch: Batch) -> Metrics:
        target, following = self._target(batch)
        action = torch.as_tensor(batch.action)
        state = self._reduce(self.critic_heads, maps, batch.observation)
        loss = self.critics.head.loss(self.critics(state, action), target)
        metrics = {"critic_loss": loss.item(), "target_mean": target.mean().item()}
        if self.predictor is not None:
            beside, measured = self.predictor.beside(state, action, following)
            loss, metrics = loss + beside, metrics | measured
        trains = self.config.imitation_trains_encoder and not self.config.frozen
        if trains and np.any(batch.is_demonstration):
            # What this leaves in the actor is gone before its own update.
            imitation = _imitation(self._mean(maps, batch.observation), batch)
            loss = loss + self.config.imitation_weight * imitation
        descend(self._critic_optimizer, loss)
        return metrics

    @torch.no_grad()
    def _target(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Rewards of the window + discounted lower Q of the next action with clipped noise.

        Or of what the clone would do there, whichever is more; and what the slow heads see after
        the window. Shapes (batch,), (batch, s).
        """
        seen = batch.next_observation
        maps = self.senses(seen, augment=True)
        action = self._noisy(self._mean(maps, seen))
        state = self._reduce(self.target_heads, maps, seen)
        values = self._smallest(state, self._candidates(seen, action))
        return self._returns(batch, values.amax(0)), state

    def _update_actor(self, maps: list[Tensor], batch: Batch) -> Metrics:
        """Uphill on the lower critic, towards what was demonstrated, and drawn to the clone."""
        with torch.no_grad():
            state = self._reduce(self.critic_heads, maps, batch.observation)
        mean = self._mean(maps, batch.observation)
        self.critics.requires_grad_(False)  # Saves the products for gradients that nobody uses.
        value = self.critics.value(state, self._noisy(mean)).amin(0).mean()
        imitation = _imitation(mean, batch)
        metrics = {"q": value.item(), "imitation": imitation.item(), "noise": self.noise}
        loss = self.config.imitation_weight * imitation
        if self._is_warm:
            loss = loss - value
        if self.has_clone:
            deviation = F.mse_loss(mean, self._cloned_action(batch.observation))
            loss = loss + self._cloning_weight * deviation
            metrics["deviation"] = deviation.item()
        descend(self._actor_optimizer, loss)
        self.critics.requires_grad_(True)
        return metrics

    def _mean(self, maps: list[Tensor], observation: Observation) -> Tensor:
        """The greedy action. Shape (batch, a)."""
        return self.actor.greedy(self._reduce(self.heads, maps, observation))

    def _reduce(self, heads: Heads, maps: list[Tensor], observation: Observation) -> Tensor:
        return self.senses.reduce(heads, maps, observation)

    def _noisy(self, mean: Tensor) -> Tensor:
        """With clipped noise, inside the bounds; the gradient is that of the mean."""
        clip = self.config.noise_clip
        moved = mean + (self.noise * torch.randn_like(mean)).clamp(-clip, clip)
        return moved + (moved.clamp(-1 + _INSIDE, 1 - _INSIDE) - moved).detach()


def _imitation(mean: Tensor, batch: Batch) -> Tensor:
    """Mean squared error to the actions that were demonstrated; 0 where none was."""
    error = (mean - torch.as_tensor(batch.action)).square().mean(-1)
    shown = torch.as_tensor(batch.is_demonstration).float()
    return (shown * error).sum() / shown.sum().clamp_min(1)
