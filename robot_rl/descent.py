"""How parameters move: down a gradient, or a little way after other parameters."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def descend(optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    """One step of the optimiser's parameters down the gradient of ``loss``."""
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


@torch.no_grad()
def follow(average: nn.Module, network: nn.Module, share: float) -> None:
    """Moves a share of the parameters into their running average (Polyak and Juditsky, 1992)."""
    for slow, fast in zip(average.parameters(), network.parameters(), strict=True):
        slow.lerp_(fast, share)
