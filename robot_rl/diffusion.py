"""Diffusion policy (Chi et al., 2023): plans that begin as noise, and the same with straight flow.

How noise becomes data stands in ``denoising.py``, the networks in ``unet.py`` and
``denoising_transformer.py``.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from robot_rl.chunk_config import DiffusionConfig
from robot_rl.chunk_policy import ChunkPolicy
from robot_rl.denoising import Diffusion, Family, Flow
from robot_rl.denoising_transformer import DenoisingTransformer
from robot_rl.env import ArraySpec
from robot_rl.unet import UNet


class DiffusionPolicy(ChunkPolicy):
    """Keeps apart what was done in different ways, where a mean would be none of them."""

    def __init__(
        self,
        observation_spec: dict[str, ArraySpec],
        action_spec: ArraySpec,
        config: DiffusionConfig | None = None,
    ) -> None:
        config = config or DiffusionConfig()
        super().__init__(observation_spec, action_spec, config)
        self._evaluations = config.evaluations
        self.family: Family = Flow() if config.family == "flow" else Diffusion(config.eta)
        self.network = _network(config, action_spec.shape[0], self.conditions)

    def losses(self, actions: Tensor, condition: Tensor) -> Tensor:
        """As the family has them."""
        return self.family.loss(self.network, actions, condition)

    def draw(self, condition: Tensor, noise: Tensor | None = None) -> Tensor:
        """Plans from noise, which decides all that the condition leaves open.

        Args:
            condition: Shape (batch, c).
            noise: Shape (batch, horizon, a); drawn if None.
        """
        if noise is None:
            noise = torch.randn(len(condition), *self.shape, device=condition.device)
        return self.family.sample(self.network, noise, condition, self._evaluations)


def _network(config: DiffusionConfig, actions: int, conditions: int) -> nn.Module:
    if config.backbone == "unet":
        return UNet(actions, conditions, config.widths, config.embedding, config.film)
    return DenoisingTransformer(
        *(actions, conditions, config.history, config.horizon), config.width, config.layers
    )
