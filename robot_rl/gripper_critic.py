"""Learns the values of a gripper's choices: double DQN (van Hasselt et al., 2016).

A command that changes what the gripper was told costs a penalty, in every update, so that it does
not chatter (HIL-SERL: Luo et al., 2024). The actor and critics of the arm know nothing of it.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from robot_rl.agent_config import SacConfig
from robot_rl.batch import Batch
from robot_rl.descent import descend, follow
from robot_rl.gripper import CLOSE, OPEN, Gripper, return_range


class GripperCritic:
    """The critic that learns, beside its average, which acts, in ``Gripper``.

    Args:
        gripper: Acts; its critic follows this one, its clone is trained here.
        config: Settings of the learner.
    """

    def __init__(self, gripper: Gripper, config: SacConfig) -> None:
        self._gripper, self._config = gripper, config
        self.critic = copy.deepcopy(gripper.critic).requires_grad_(True)
        rate = config.learning_rate
        self._optimizer = torch.optim.Adam(self.critic.parameters(), rate, fused=True)
        self._clone_optimizer = torch.optim.Adam(gripper.cloned.parameters(), rate, fused=True)

    def clone(self, batch: Batch, state: Tensor) -> dict[str, float]:
        """One update of the clone: closed or open, whichever was demonstrated, by cross-entropy."""
        wanted = torch.where(self._gripper.sent(batch) < 0, CLOSE, OPEN)
        loss = F.cross_entropy(self._gripper.cloned.value(state), wanted)
        descend(self._clone_optimizer, loss)
        return {"gripper_cloning_loss": loss.item()}

    def prefer_clone(self, weight: float) -> None:
        """How much the choices are drawn to the clone, in the unit of ``cloning_weight``."""
        self._gripper.preference.fill_(PREFERENCE * weight)

    def update(self, batch: Batch, state: Tensor, next_state: Tensor) -> dict[str, float]:
        """One update, and one step of the average after it.

        Args:
            batch: Transitions.
            state: Normalised. Shape (batch, s).
            next_state: Normalised. Shape (batch, s).
        """
        target = self.target(batch, next_state)
        made = self._gripper.equivalent(batch)
        returns = target[:, None].expand(made.shape)
        loss = self.critic.head.loss(self.critic(state)[made], returns[made])
        descend(self._optimizer, loss)
        follow(self._gripper.critic, self.critic, self._config.tau)
        return {"gripper_loss": loss.item(), "gripper_target_mean": target.mean().item()}

    @torch.no_grad()
    def target(self, batch: Batch, next_state: Tensor) -> Tensor:
        """Reward - penalty + discount * averaged Q of the choice that the learning critic makes.

        Shape (batch,).
        """
        choice = self._gripper.choose(self.critic.value(next_state), next_state)
        value = self._gripper.critic.value(next_state).gather(1, choice[:, None])[:, 0]
        penalty = self._config.gripper_penalty * self._gripper.toggles(batch)
        alive = 1 - torch.as_tensor(batch.terminated).float()
        target = torch.as_tensor(batch.reward) - penalty + self._config.discount * alive * value
        bounds = return_range(self._config)
        return target if bounds is None else target.clamp(*bounds)

    def state_dict(self) -> dict[str, Any]:
        """What learning goes on from, beside the ``Gripper``."""
        return {name: getattr(self, name).state_dict() for name in _LEARNING}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restores what ``state_dict`` gave."""
        for name in _LEARNING:
            getattr(self, name).load_state_dict(state[name])


PREFERENCE = 0.4
"""Value by which a cloned choice counts more, for each unit of ``cloning_weight``.

Less lets a young critic close the fingers a few steps early, whose value it takes for that of the
right moment next to it: the only closing that demonstrations show.
"""
_LEARNING = ("critic", "_optimizer", "_clone_optimizer")
