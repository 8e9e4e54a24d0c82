"""Each dimension of a vector between -1 and 1, as it was seen in the data."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class MinMax(nn.Module):
    """Part of a policy's weights, so it goes wherever the policy goes.

    Args:
        size: Dimensions of the vector.
        least: What counts as half a range at least: a dimension that only trembles stays near 0.
    """

    middle: Tensor
    reach: Tensor

    def __init__(self, size: int, least: float) -> None:
        super().__init__()
        self._least = least
        self.register_buffer("middle", torch.zeros(size))
        self.register_buffer("reach", torch.ones(size))

    def fit(self, data: Tensor) -> None:
        """Takes its range from data. Shape (n, size)."""
        low, high = data.amin(0), data.amax(0)
        self.middle.copy_((low + high) / 2)
        self.reach.copy_(((high - low) / 2).clamp_min(self._least))

    def forward(self, x: Tensor) -> Tensor:
        """Shape (..., size); beyond the data beyond +-1."""
        return (x - self.middle) / self.reach

    def inverse(self, x: Tensor) -> Tensor:
        """What ``forward`` came from. Shape (..., size)."""
        return self.middle + x * self.reach
