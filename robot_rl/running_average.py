"""The running average of a network's weights, which acts in its place."""

from __future__ import annotations

import copy
from typing import Generic, TypeVar

from torch import nn

from robot_rl.descent import follow

NetworkT = TypeVar("NetworkT", bound=nn.Module)


class RunningAverage(Generic[NetworkT]):
    """Follows at once at first, and ever more slowly, by a power of the updates so far.

    Args:
        network: What is followed.
        power: How fast it slows down.
        limit: Share of itself that it keeps per update, at most.

    Attributes:
        network: The average.
        updates: How many there were.
    """

    def __init__(self, network: NetworkT, power: float, limit: float) -> None:
        self.network = copy.deepcopy(network).requires_grad_(False).eval()
        self._power, self._limit = power, limit
        self.updates = 0

    @property
    def kept(self) -> float:
        """Share of itself that it keeps in the next update."""
        return min(1 - (1 + self.updates) ** -self._power, self._limit)

    def update(self, network: NetworkT) -> None:
        """After each update of the network."""
        follow(self.network, network, 1 - self.kept)
        self.updates += 1
