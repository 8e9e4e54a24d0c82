"""A task beside the reward: from what is seen now and the action, tell what is seen next.

With returns of several steps that is what is seen after them, and the action the first of them.

After SPR (Schwarzer et al., 2021): the target is what slow heads make of the next images, and the
likeness is that of directions, so that nothing is gained by making everything small.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from robot_rl.agent_config import PixelConfig
from robot_rl.env import ArraySpec

_HIDDEN = 256


class SelfPrediction(nn.Module):
    """Two layers from state and action to the next state.

    Args:
        state: Numbers in what is seen.
        action: Numbers in an action.
        weight: Of the loss, beside that of the critics.
    """

    def __init__(self, state: int, action: int, weight: float) -> None:
        super().__init__()
        self._weight = weight
        self.layers = nn.Sequential(
            nn.Linear(state + action, _HIDDEN), nn.ReLU(inplace=True), nn.Linear(_HIDDEN, state)
        )

    def forward(self, state: Tensor, action: Tensor, following: Tensor) -> Tensor:
        """The mean of 1 - cosine. Shapes (batch, s), (batch, a), (batch, s) -> ()."""
        told = self.layers(torch.cat([state, action], dim=-1))
        return 1 - F.cosine_similarity(told, following.detach(), dim=-1).mean()

    def beside(
        self, state: Tensor, action: Tensor, following: Tensor
    ) -> tuple[Tensor, dict[str, float]]:
        """The same as it adds to the loss of the critics, and what it measured."""
        loss = self(state, action, following)
        return self._weight * loss, {"self_prediction": loss.item()}


def make_predictor(config: PixelConfig, state: int, action: ArraySpec) -> SelfPrediction | None:
    """None where the settings give it no weight."""
    weight = config.self_prediction
    return SelfPrediction(state, action.shape[0], weight) if weight else None
