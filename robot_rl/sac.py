"""Soft actor-critic with demonstrations (SAC, Haarnoja et al., 2018; RLPD, Ball et al., 2023).

``update`` is the outline of the paper; the networks are in ``networks.py`` and the 50/50 batches come
from ``replay.mix``. Three choices differ from plain SAC, because with a sparse reward of 0 and 1 each
of them alone decides between learning and collapse: critics have LayerNorm and their targets stay in
the range that returns can have, the entropy is not part of the value, and the temperature starts low.
"""

from __future__ import annotations

import copy
import math
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from robot_rl.config import SacConfig
from robot_rl.env import ArraySpec, Observation
from robot_rl.networks import CategoricalHead, Critics, GaussianActor, Head, Normalizer, ScalarHead
from robot_rl.replay import Batch

Metrics = dict[str, float]


class Sac:
    """Actor, critics and temperature for vector observations (``state``)."""

    def __init__(
        self,
        observation_spec: dict[str, ArraySpec],
        action_spec: ArraySpec,
        config: SacConfig | None = None,
        seed: int = 0,
    ) -> None:
        self.config = config = config or SacConfig()
        torch.manual_seed(seed)
        inputs, actions = observation_spec["state"].shape[0], action_spec.shape[0]
        self.normalizer = Normalizer(inputs)
        self.actor = GaussianActor(inputs, config.hidden, actions)
        self.critics = Critics(inputs + actions, config.hidden, config.ensemble, make_head(config))
        self.target_critics = copy.deepcopy(self.critics).requires_grad_(False)
        self.log_temperature = nn.Parameter(torch.tensor(math.log(config.initial_temperature)))
        self.target_entropy = -actions / 2 if config.target_entropy is None else config.target_entropy
        rate = config.learning_rate
        self._actor_optimizer = torch.optim.Adam(self.actor.parameters(), rate, fused=True)
        self._critic_optimizer = torch.optim.Adam(self.critics.parameters(), rate, fused=True)
        self._temperature_optimizer = torch.optim.Adam([self.log_temperature], rate)
        self.updates = 0
        self.reference = None

    def _better(self, state, action, other):
        q, r = self.target_critics.value(state, action).min(0).values, self.target_critics.value(state, other).min(0).values
        r = r + self.config.margin
        self.share = (r > q).float().mean().item()
        return torch.where((r > q)[:, None], other, action)

    def act(self, observation: Observation, greedy: bool = False) -> np.ndarray:
        """Actions for a batch of observations. Shape (batch, action), in [-1, 1]."""
        with torch.inference_mode():
            state = self.normalizer(torch.from_numpy(observation["state"]))
            action = self.actor.greedy(state) if greedy else self.actor.sample(state)[0]
            if self.config.imitation and self.reference is not None:
                action = self._better(state, action, self.reference.greedy(state))
        return action.numpy()

    def observe(self, observation: Observation) -> None:
        """Lets the normaliser see new observations."""
        self.normalizer.observe(torch.from_numpy(observation["state"]))

    def update(self, batch: Batch) -> Metrics:
        """One critic update; every few of them one of actor and temperature."""
        state = self.normalizer(torch.from_numpy(batch.observation["state"]))
        metrics = self._update_critics(state, batch)
        self._update_targets()
        self.updates += 1
        if self.updates > self.config.critic_warmup and self.updates % self.config.critic_updates_per_actor_update == 0:
            demonstration = torch.from_numpy(batch.is_demonstration)
            action = torch.from_numpy(batch.action)
            metrics |= self._update_actor(state, action, demonstration)
        return metrics

    def clone(self, batch: Batch) -> Metrics:
        """One behaviour-cloning update of the actor on a batch of demonstrations."""
        state = self.normalizer(torch.from_numpy(batch.observation["state"]))
        mean, std = self.actor(state)
        action = torch.from_numpy(batch.action)
        loss = F.mse_loss(torch.tanh(mean), action) + 0.01 * (std.log() + 1.5).square().mean()
        _descend(self._actor_optimizer, loss)
        return {"cloning_loss": loss.item()}

    def _update_critics(self, state: Tensor, batch: Batch) -> Metrics:
        target = self._target(batch)
        action = torch.from_numpy(batch.action)
        output = self.critics(state, action)
        loss = self.critics.head.loss(output, target)
        _descend(self._critic_optimizer, loss)
        return {"critic_loss": loss.item(), "target_mean": target.mean().item()}

    @torch.no_grad()
    def _target(self, batch: Batch) -> Tensor:
        """r + discount * min Q over a random subset (REDQ, Chen et al., 2021); time-outs bootstrap."""
        next_state = self.normalizer(torch.from_numpy(batch.next_observation["state"]))
        next_action, log_probability = self.actor.sample(next_state)
        if self.config.imitation and self.reference is not None:
            next_action = self._better(next_state, next_action, self.reference.greedy(next_state))
        values = self.target_critics.value(next_state, next_action)
        chosen = torch.randperm(self.config.ensemble)[: self.config.subset]
        value = values[chosen].min(0).values
        if self.config.entropy_backup:
            value = value - self.log_temperature.exp() * log_probability
        alive = 1 - torch.from_numpy(batch.terminated).float()
        target = torch.from_numpy(batch.reward) + self.config.discount * alive * value
        return target if self.config.return_range is None else target.clamp(*self.config.return_range)

    def _update_actor(self, state: Tensor, action: Tensor, demonstration: Tensor) -> Metrics:
        self.critics.requires_grad_(False)
        sampled, log_probability = self.actor.sample(state)
        value = self.critics.value(state, sampled)
        value = value.min(0).values if self.config.actor_min else value.mean(0)
        temperature = self.log_temperature.exp().detach()
        loss = (temperature * log_probability - value).mean()
        metrics = {"q": value.mean().item(), "entropy": -log_probability.mean().item()}
        if self.config.cloning_weight > 0 and demonstration.any():
            cloning = self._cloning_loss(state[demonstration], action[demonstration])
            loss = loss + self.config.cloning_weight * cloning
            metrics["cloning_loss"] = cloning.item()
        c = self.config
        if c.ref_weight > 0 and self.reference is not None:
            with torch.no_grad():
                ref = self.reference.greedy(state)
            f = min(1.0, max(0.0, (self.updates - c.critic_warmup) / c.ref_decay))
            w = c.ref_weight * (c.ref_end / c.ref_weight) ** f if c.ref_end > 0 else c.ref_weight
            mean = self.actor.greedy(state)
            dev = (mean - ref).square().mean(-1).mean()
            loss = loss + w * dev
            metrics["dev"] = dev.item()
        _descend(self._actor_optimizer, loss)
        self.critics.requires_grad_(True)
        return metrics | self._update_temperature(log_probability.detach())

    def _cloning_loss(self, state: Tensor, action: Tensor) -> Tensor:
        """Squared error to demonstrated actions, where the critics do not know better."""
        greedy = self.actor.greedy(state)
        error = (greedy - action).square().mean(-1)
        if self.config.cloning_filter:
            with torch.no_grad():
                better = self.critics.value(state, action).mean(0) > self.critics.value(
                    state, greedy
                ).mean(0)
            error = error * better
        return error.mean()

    def _update_temperature(self, log_probability: Tensor) -> Metrics:
        """Raises the temperature while the entropy is below its target, and lowers it above."""
        excess = -log_probability.mean() - self.target_entropy
        _descend(self._temperature_optimizer, self.log_temperature.exp() * excess)
        return {"temperature": self.log_temperature.exp().item()}

    @torch.no_grad()
    def _update_targets(self) -> None:
        parameters, targets = list(self.critics.parameters()), list(self.target_critics.parameters())
        torch._foreach_lerp_(targets, parameters, self.config.tau)

    def state_dict(self) -> dict[str, Any]:
        """Everything that learning goes on from."""
        return {name: getattr(self, name).state_dict() for name in self._MODULES} | {
            "log_temperature": self.log_temperature.detach().clone(),
            "updates": self.updates,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restores what ``state_dict`` gave."""
        for name in self._MODULES:
            getattr(self, name).load_state_dict(state[name])
        with torch.no_grad():
            self.log_temperature.copy_(state["log_temperature"])
        self.updates = state["updates"]

    _MODULES = (
        "normalizer",
        "actor",
        "critics",
        "target_critics",
        "_actor_optimizer",
        "_critic_optimizer",
        "_temperature_optimizer",
    )


def make_head(config: SacConfig) -> Head:
    """The critics' head that the configuration names."""
    if config.head == "scalar":
        return ScalarHead()
    low, high = config.return_range or (-1.0, 1.0)
    return CategoricalHead(low, high, config.bins)


def _descend(optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
