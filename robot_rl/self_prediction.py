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
    """

    def __init__(self, state: int, action: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(state + action, _HIDDEN), nn.ReLU(inplace=True), nn.Linear(_HIDDEN, state)
        )

    def forward(self, state: Tensor, action: Tensor, following: Tensor) -> Tensor:
        """The mean of 1 - cosine. Shapes (batch, s), (batch, a), (batch, s) -> ()."""
        told = self.layers(torch.cat([state, action], dim=-1))
        return 1 - F.cosine_similarity(told, following.detach(), dim=-1).mean()


def make_predictor(config: PixelConfig, state: int, action: ArraySpec) -> SelfPrediction | None:
    """None where the settings give it no weight."""
    return SelfPrediction(state, action.shape[0]) if config.self_prediction else None
