"""SAC that improves a base which stays as it is, by small corrections at every step.

After Policy Decorator (Yuan et al., 2024) and ResiP (Ankile et al., 2024): a correction begins as
zero, is bounded by tanh, and knows what the base would do and how much of its plan is done. What is
done is the sum, within the limits of an action, and the critics judge that. Other than there each
group of the action has a scale of its own, the base stays in the loop as the clone does in
``sac.py``: it acts and stands in the targets wherever the critics value it more, and the correction
is drawn to zero, less and less.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from robot_rl.agent import Metrics
from robot_rl.agent_config import ResidualConfig
from robot_rl.batch import Batch
from robot_rl.env import ArraySpec, Observation
from robot_rl.environments import BASE
from robot_rl.sac import CLONED_STD, Sac


class Residual(Sac):
    """``Sac`` for environments with the option ``base``."""

    config: ResidualConfig  # pyright: ignore[reportIncompatibleVariableOverride]

    def __init__(
        self,
        observation_spec: dict[str, ArraySpec],
        action_spec: ArraySpec,
        config: ResidualConfig | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(observation_spec, action_spec, config or ResidualConfig(), seed)
        self._actions = action_spec.shape[0]
        self._limits = action_spec.low, action_spec.high
        half = (action_spec.high - action_spec.low) / 2
        self._scale = half * torch.tensor(_scales(action_spec, self.config))
        self.has_clone = True
        for actor in (self.actor, self.averaged, self.cloned):
            nn.init.zeros_(actor.head.weight)
            nn.init.constant_(actor.head.bias[self._actions :], float(np.log(CLONED_STD)))

    def _sense(self, observation_spec: dict[str, ArraySpec]) -> int:
        if BASE not in observation_spec:
            raise ValueError(
                "residual improves a base, and there is none; name it: --options base=RUN, a "
                "policy file or run of robot-rl imitate or train"
            )
        return super()._sense(observation_spec) + observation_spec[BASE].shape[0]

    def act(
        self, observation: Observation, greedy: bool | np.ndarray = False, exploration: float = 1.0
    ) -> np.ndarray:
        """As every agent; with noise the clone alone acts in part of the steps, less and less.

        The clone is the base, or on another robot what was learned on top of it elsewhere.
        """
        action = super().act(observation, greedy, exploration)
        if greedy is True or not exploration:
            return action
        alone = torch.rand(len(action), device="cpu").numpy() >= self._progress
        alone &= ~np.asarray(greedy)
        return np.where(alone[:, None], self.act_cloned(observation), action)

    @property
    def _progress(self) -> float:
        """Share of the steps with noise in which the correction counts."""
        return min(self.practised / self.config.progressive_steps, 1.0)

    def clone(self, batch: Batch) -> Metrics:
        """There is nothing to clone: the base can do it already."""
        return {}

    def keep_clone(self) -> None:
        """The clone stays as it is: the base, or on another robot what was learned on top of it."""

    def _state(self, observation: Observation, augment: bool = False) -> Tensor:
        base = torch.as_tensor(observation[BASE])
        return torch.cat([super()._state(observation), base], dim=-1)

    def _done(self, state: Tensor, said: Tensor) -> Tensor:
        return (self._of_base(state) + self._scale * said).clamp(*self._limits)

    def _said(self, state: Tensor, done: Tensor) -> Tensor:
        return ((done - self._of_base(state)) / self._scale).clamp(-1, 1)

    def _of_base(self, state: Tensor) -> Tensor:
        return state[..., -1 - self._actions : -1]

    def _cloned_action(self, observation: Observation) -> Tensor:
        state = self._state(observation)
        return self._done(state, self.cloned.greedy(state))


def _scales(action: ArraySpec, config: ResidualConfig) -> list[float]:
    """Of a correction of 1, by the names of what it corrects; without names all are translations.

    A list of shape (action,).
    """
    translation, rotation, gripper = config.scale
    groups = {"rx": rotation, "ry": rotation, "rz": rotation, "gripper": gripper}
    return [groups.get(name, translation) for name in action.names or ("",) * action.shape[0]]
