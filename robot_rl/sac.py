"""Soft actor-critic that starts from demonstrations and never forgets them.

``update`` is the outline of the paper (SAC: Haarnoja et al., 2018). Networks stand in
``networks.py``, the 50/50 batches of demonstrations and online data (RLPD: Ball et al., 2023) in
``replay.py``. With a sparse reward of 0 and 1 the details decide between learning and collapse:
critics have LayerNorm, their targets stay within the returns that are possible, the entropy is not
part of the value, and the temperature starts low. How a clone of demonstrations stays in the loop
stands in ``actor_critic.py``.
"""

from __future__ import annotations

import copy
import math
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from robot_rl.actor_critic import ActorCritic
from robot_rl.agent import Metrics
from robot_rl.agent_config import SacConfig
from robot_rl.batch import Batch
from robot_rl.descent import descend, follow
from robot_rl.env import STATE, ArraySpec, Observation
from robot_rl.gripper import Gripper
from robot_rl.gripper_critic import GripperCritic
from robot_rl.networks import (
    Critics,
    GaussianActor,
    Members,
    Normalizer,
    make_head,
    squashed_sample,
)


class Sac(ActorCritic):
    """Actor, critics, temperature and clone for vector observations (``state``).

    With ``config.gripper`` "discrete" a critic of its own chooses what the gripper does, and all of
    these act on the other dimensions alone.
    """

    ACTING: ClassVar = ("normalizer", "averaged", "gripper")
    CLONE: ClassVar = ("cloned",)
    CHOOSING: ClassVar = ("target_critics",)
    LEARNING: ClassVar = (
        *("actor", "critics", "gripper_critic"),
        *("_actor_optimizer", "_critic_optimizer", "_temperature_optimizer"),
    )
    config: SacConfig

    def __init__(
        self,
        observation_spec: dict[str, ArraySpec],
        action_spec: ArraySpec,
        config: SacConfig | None = None,
        seed: int = 0,
    ) -> None:
        self.config = config = config or SacConfig()  # pyright: ignore[reportIncompatibleVariableOverride]
        torch.manual_seed(seed)
        inputs = self._sense(observation_spec)
        self.gripper = self.gripper_critic = None
        if config.gripper == "discrete":
            self.gripper = Gripper(observation_spec[STATE], action_spec, config)
            self.gripper_critic = GripperCritic(self.gripper, config)
        actions = action_spec.shape[0] - (self.gripper is not None)
        self.actor = GaussianActor(inputs, config.hidden, actions)
        self.averaged = copy.deepcopy(self.actor).requires_grad_(False)
        self.cloned = copy.deepcopy(self.actor).requires_grad_(False)
        head = make_head(config, config.return_range)
        self.critics = Critics(
            inputs + actions, config.hidden, config.ensemble, head, config.layer_norm
        )
        self.target_critics = copy.deepcopy(self.critics).requires_grad_(False)
        self.log_temperature = nn.Parameter(torch.tensor(math.log(config.initial_temperature)))
        self.target_entropy = (
            -actions / 2 if config.target_entropy is None else config.target_entropy
        )
        rate = config.learning_rate
        self._actor_optimizer = torch.optim.Adam(self.actor.parameters(), rate, fused=True)
        self._critic_optimizer = torch.optim.Adam(self._of_critics(), rate, fused=True)
        self._cloning_optimizer = self._actor_optimizer
        self._temperature_optimizer = torch.optim.Adam(
            [self.log_temperature], config.temperature_learning_rate
        )

    def _sense(self, observation_spec: dict[str, ArraySpec]) -> int:
        """Makes what sees; how many numbers it gives to actor and critics."""
        if STATE not in observation_spec:
            raise ValueError(
                f"Sac learns from a vector called {STATE}; these observations are "
                f"{', '.join(observation_spec)}"
            )
        inputs = observation_spec[STATE].shape[0]
        self.normalizer = Normalizer(inputs)
        return inputs

    def _of_critics(self) -> list[nn.Parameter]:
        """What the loss of the critics trains."""
        return list(self.critics.parameters())

    def act(
        self, observation: Observation, greedy: bool | np.ndarray = False, exploration: float = 1.0
    ) -> np.ndarray:
        """As every agent; where the critics value the cloned action more, that."""
        with torch.inference_mode():
            state, judged = self._states(observation)
            mean, std = self.averaged(state)
            action = torch.tanh(mean)
            if greedy is not True:
                noiseless = torch.as_tensor(greedy)[..., None]
                noisy = squashed_sample(mean, exploration * std)[0]
                action = torch.where(noiseless, action, noisy)
            action = self._best(observation, judged, self._done(state, action))
            if self.gripper is not None:
                action = self.gripper.join(action, self.gripper.act(observation, state, greedy))
            return action.cpu().numpy()

    def act_cloned(self, observation: Observation) -> np.ndarray:
        """Actions of the cloned demonstrations alone. Shape (batch, action)."""
        with torch.inference_mode():
            action = self._cloned_action(observation)
            if self.gripper is not None:
                state = self._state(observation)
                action = self.gripper.join(action, self.gripper.act_cloned(observation, state))
            return action.cpu().numpy()

    def observe(self, observation: Observation) -> None:
        """Lets the normaliser see new observations."""
        self.normalizer.observe(torch.as_tensor(observation[STATE]))

    def look(self, observation: Observation) -> None:
        """It has no cameras."""

    def clone(self, batch: Batch) -> Metrics:
        """One behaviour-cloning update, on a batch of demonstrations, of what leads to actions."""
        state = self._state(batch.observation, augment=True)
        mean, std = self.actor(state)
        loss = imitation_loss(mean, std, self._said(state, self._arm_action(batch)))
        descend(self._cloning_optimizer, loss)
        metrics = {"cloning_loss": loss.item()}
        if self.gripper_critic is not None:
            metrics |= self.gripper_critic.clone(batch, state)
        return metrics

    def keep_clone(self) -> None:
        """Takes the actor as it is now for the clone that stays."""
        self.cloned.load_state_dict(self.actor.state_dict())
        self.averaged.load_state_dict(self.actor.state_dict())
        self.has_clone = True
        if self.gripper_critic is not None:
            self.gripper_critic.prefer_clone(self._gripper_cloning_weight)

    def update(self, batch: Batch) -> Metrics:
        """One critic update; every few of them one of actor and temperature."""
        state = self._state(batch.observation, augment=True)
        metrics = self._update_critics(state, batch)
        self._follow()
        if self.gripper_critic is not None:
            next_state = self._state(batch.next_observation)
            metrics |= self.gripper_critic.update(batch, state, next_state)
            self.gripper_critic.prefer_clone(self._gripper_cloning_weight)
        self.updates += 1
        if self.updates % self.config.critic_updates_per_actor_update == 0:
            improve = self._update_actor if self._is_warm else self._await_critics
            metrics |= improve(state.detach(), batch)
        return metrics

    def _state(self, observation: Observation, augment: bool = False) -> Tensor:
        """What actor and critics see, here the normalised vector. Shape (batch, s)."""
        return self.normalizer(torch.as_tensor(observation[STATE]))

    def _states(self, observation: Observation, augment: bool = False) -> tuple[Tensor, Tensor]:
        """The same, and what the target critics see. Shape (batch, s) each."""
        state = self._state(observation)
        return state, state

    def _done(self, state: Tensor, said: Tensor) -> Tensor:
        """What is done when the actor says something, here the same. Shape (batch, a)."""
        return said

    def _said(self, state: Tensor, done: Tensor) -> Tensor:
        """What the actor would say to have that done: the inverse. Shape (batch, a)."""
        return done

    def _cloned_action(self, observation: Observation) -> Tensor:
        """What the clone would do. Shape (batch, a)."""
        return self.cloned.greedy(self._state(observation))

    def _arm_action(self, batch: Batch) -> Tensor:
        """What the actor decides of the actions, all but a discrete gripper. Shape (batch, a)."""
        action = torch.as_tensor(batch.action)
        return action if self.gripper is None else self.gripper.without(action)

    def _follow(self) -> None:
        """Moves the targets a little."""
        follow(self.target_critics, self.critics, self.config.tau)

    def _update_critics(self, state: Tensor, batch: Batch) -> Metrics:
        target, judged = self._target(batch)
        output = self.critics(state, self._arm_action(batch))
        loss = self.critics.head.loss(output, target)
        metrics = {"critic_loss": loss.item(), "target_mean": target.mean().item()}
        beside, measured = self._loss_beside(state, judged, batch)
        descend(self._critic_optimizer, loss + beside)
        return metrics | measured

    def _loss_beside(
        self, state: Tensor, judged: Tensor, batch: Batch
    ) -> tuple[Tensor | float, Metrics]:
        """What else trains with the critics, here nothing; and what it measured."""
        return 0.0, {}

    @torch.no_grad()
    def _target(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Reward + discount * lowest Q of a subset (REDQ: Chen et al., 2021); time-outs go on.

        And what the target critics see next. Shapes (batch,), (batch, s).
        """
        next_state, judged = self._states(batch.next_observation, augment=True)
        next_action, log_probability = self.actor.sample(next_state)
        done = self._done(next_state, next_action)
        candidates = self._candidates(batch.next_observation, done)
        values = self._smallest(judged, candidates, self._draw_subset())
        if self.config.entropy_backup:  # The clone has none.
            values[0] -= self.log_temperature.exp() * log_probability
        return self._returns(batch, values.amax(0)), judged

    def _draw_subset(self) -> Members:
        """The random critics that make one target."""
        size = self.config.subset
        return torch.randperm(self.config.ensemble)[:size] if size < self.config.ensemble else None

    def _await_critics(self, state: Tensor, batch: Batch) -> Metrics:
        """In place of an update of the actor while the critics are cold."""
        return {}

    def _update_actor(self, state: Tensor, batch: Batch) -> Metrics:
        """Uphill on the critics, with entropy, and drawn to the clone."""
        self.critics.requires_grad_(False)  # Saves the products for gradients that nobody uses.
        mean, std = self.actor(state)
        action, log_probability = squashed_sample(mean, std)
        value = self.critics.value(state, self._done(state, action))
        value = value.amin(0) if self.config.actor_value == "min" else value.mean(0)
        temperature = self.log_temperature.exp().detach()
        loss = (temperature * log_probability - value).mean()
        metrics = {"q": value.mean().item(), "entropy": -log_probability.mean().item()}
        if self.has_clone:
            cloned = self._said(state, self._cloned_action(batch.observation))
            deviation = imitation_loss(mean, std, cloned)
            loss = loss + self._cloning_weight * deviation
            metrics["deviation"] = deviation.item()
        descend(self._actor_optimizer, loss)
        follow(self.averaged, self.actor, self.config.actor_tau)
        self.critics.requires_grad_(True)
        return metrics | self._update_temperature(log_probability.detach())

    @property
    def _gripper_cloning_weight(self) -> float:
        """Until its critic is warm the clone alone chooses."""
        if not self.has_clone:
            return 0.0
        return self._cloning_weight if self._is_warm else math.inf

    def _update_temperature(self, log_probability: Tensor) -> Metrics:
        """Raises the temperature while the entropy is below its target, and lowers it above."""
        excess = -log_probability.mean() - self.target_entropy
        descend(self._temperature_optimizer, self.log_temperature.exp() * excess)
        return {"temperature": self.log_temperature.exp().item()}

    def load_policy(self, state: dict[str, Any]) -> None:
        """Takes what acts from ``state_dict`` and begins its critics anew, for another robot.

        The policy as it is stays as the clone: critics that know nothing cannot spoil it. Of a
        discrete gripper the cloned choices stay; what its critic knew beyond them goes as well.
        """
        self._load_senses(state)
        for network in (self.actor, self.averaged, self.cloned):
            network.load_state_dict(state["averaged"])
        self.has_clone = True
        if self.gripper is not None and self.gripper_critic is not None:
            self.gripper.load_clone(state["gripper"])
            self.gripper_critic.prefer_clone(self._gripper_cloning_weight)

    def _load_senses(self, state: dict[str, Any]) -> None:
        """Takes what it sees with from ``state_dict``."""
        self.normalizer.load_state_dict(state["normalizer"])

    def state_dict(self) -> dict[str, Any]:
        """A copy of everything that learning goes on from."""
        return super().state_dict() | {"log_temperature": self.log_temperature.detach().clone()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restores what ``state_dict`` gave."""
        super().load_state_dict(state)
        with torch.no_grad():
            self.log_temperature.copy_(state["log_temperature"])


CLONED_STD = 0.15
"""Standard deviation, before the squashing, that a clone explores with."""


def imitation_loss(mean: Tensor, std: Tensor, action: Tensor) -> Tensor:
    """Squared error of the greedy action, and of the spread, of which actions alone say nothing."""
    spread = (std.log() - math.log(CLONED_STD)).square().mean()
    return F.mse_loss(torch.tanh(mean), action) + 0.01 * spread
