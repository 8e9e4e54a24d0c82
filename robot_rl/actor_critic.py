"""What learners of actors and critics share: a clone that stays beside the policy, and targets.

With a sparse reward, what demonstrations taught would be lost before the critics know anything. So
their clone acts and bootstraps wherever the critics value its action more (IBRL: Hu et al., 2024),
and the actor is drawn to it.
"""

from __future__ import annotations

from abc import abstractmethod

import numpy as np
import torch
from torch import Tensor

from robot_rl.agent import Agent
from robot_rl.batch import Batch
from robot_rl.env import Observation
from robot_rl.networks import Critics, Members


class ActorCritic(Agent):
    """An agent with an ensemble of critics.

    Attributes:
        target_critics: Follow the critics slowly, and say what an action is worth.
    """

    target_critics: Critics

    def act_cloned(self, observation: Observation) -> np.ndarray:
        """As every agent."""
        with torch.inference_mode():
            return self._cloned_action(observation).cpu().numpy()

    @abstractmethod
    def _cloned_action(self, observation: Observation) -> Tensor:
        """What the clone would do. Shape (batch, a)."""

    @property
    def _heeds_clone(self) -> bool:
        """Whether the clone may act and bootstrap."""
        return self.has_clone and self.config.imitation_bootstrap

    def _candidates(self, observation: Observation, action: Tensor) -> Tensor:
        """The action and, where demonstrations were cloned, the cloned one.

        Shape (batch, a) -> (1 or 2, batch, a).
        """
        if not self._heeds_clone:
            return action[None]
        return torch.stack([action, self._cloned_action(observation)])

    def _smallest(self, state: Tensor, candidates: Tensor, members: Members = None) -> Tensor:
        """Smallest value of each action over some of the target critics.

        Shapes (batch, s), (n, batch, a) -> (n, batch).
        """
        states = state.expand(len(candidates), *state.shape).flatten(0, 1)
        values = self.target_critics.value(states, candidates.flatten(0, 1), members)
        return values.amin(0).view(candidates.shape[:-1])

    def _best(self, observation: Observation, judged: Tensor, action: Tensor) -> Tensor:
        """The action, or the cloned one where the critics value it more. Shape (batch, a)."""
        if not self._heeds_clone:
            return action
        candidates = self._candidates(observation, action)
        values = self._smallest(judged, candidates)
        return torch.where((values[1] > values[0])[:, None], candidates[1], action)

    def _returns(self, batch: Batch, value: Tensor) -> Tensor:
        """What the critics should say: rewards, and the value of what came after them.

        Nothing comes after a success or failure; time-outs go on. Shape (batch,) each.
        """
        alive = 1 - torch.as_tensor(batch.terminated).float()
        discount = self.config.discount ** torch.as_tensor(batch.steps)
        target = torch.as_tensor(batch.reward) + alive * discount * value
        bounds = self.config.return_range
        return target if bounds is None else target.clamp(*bounds)

    @property
    def _is_warm(self) -> bool:
        """Whether the critics know enough to move a cloned actor."""
        return not self.has_clone or self.updates > self.config.critic_warmup

    @property
    def _cloning_weight(self) -> float:
        """Strong while the critics know little beyond the demonstrations, weak later."""
        first, last = self.config.cloning_weight
        before = max(self.config.critic_warmup, self.studied)
        steps = max(self.updates - before, 0) / self.config.utd_ratio
        return first * (last / first) ** min(steps / self.config.cloning_decay, 1.0)
