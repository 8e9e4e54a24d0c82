"""The other network of diffusion policy: moments of a chunk attend to what is observed."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from robot_rl.unet import TimeEmbedding

_HEADS, _DROPOUT, _STD = 4, 0.1, 0.02


class DenoisingTransformer(nn.Module):
    """A decoder whose memory is the time of the denoising and each observation (Chi et al., 2023).

    Args:
        actions: Numbers in an action.
        condition: Numbers in the condition, all observations one after the other.
        observations: How many of them there are.
        horizon: Actions in a chunk.
        width: Numbers of a token.
        layers: How many.
    """

    def __init__(
        self,
        actions: int,
        condition: int,
        observations: int,
        horizon: int,
        width: int,
        layers: int,
    ) -> None:
        super().__init__()
        self._observations = observations
        self.time = TimeEmbedding(width)
        self.observe = nn.Linear(condition // observations, width)
        self.act = nn.Linear(actions, width)
        self.moments = nn.Parameter(0.02 * torch.randn(horizon, width))
        self.sources = nn.Parameter(0.02 * torch.randn(1 + observations, width))
        layer = nn.TransformerDecoderLayer(
            width, _HEADS, 4 * width, _DROPOUT, "gelu", batch_first=True, norm_first=True
        )
        self.layers = nn.TransformerDecoder(layer, layers, nn.LayerNorm(width))
        self.layers.apply(_drawn_anew)
        self.last = nn.Linear(width, actions)
        later = torch.full((horizon, horizon), -torch.inf).triu(1)
        self.register_buffer("later", later, persistent=False)

    later: Tensor

    def forward(self, x: Tensor, time: Tensor, condition: Tensor) -> Tensor:
        """Shapes (batch, horizon, actions), (batch,), (batch, condition) -> as ``x``."""
        seen = self.observe(condition.unflatten(1, (self._observations, -1)))
        memory = torch.cat([self.time(time)[:, None], seen], dim=1) + self.sources
        tokens = self.act(x) + self.moments
        return self.last(self.layers(tokens, memory, tgt_mask=self.later)).float()


def _drawn_anew(module: nn.Module) -> None:
    """The weights of a layer of its own: torch begins with copies of one."""
    if isinstance(module, nn.Linear):
        nn.init.normal_(module.weight, std=_STD)
    elif isinstance(module, nn.MultiheadAttention):
        nn.init.normal_(module.in_proj_weight, std=_STD)
