"""Plain behaviour cloning of plans, by which one sees when diffusion is worth its time."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal
from torch.nn import functional as F

from robot_rl.chunk_config import RegressionConfig
from robot_rl.chunk_policy import ChunkPolicy
from robot_rl.env import ArraySpec

_MIN_STD = 0.01
"""Of a Gaussian in the mixture, in half ranges; robomimic has as much on top."""


class RegressionPolicy(ChunkPolicy):
    """The mean of what was done, or a mixture of Gaussians.

    Other than in robomimic (Mandlekar et al., 2021) each Gaussian is of a whole plan: drawn anew in
    every step, ways would be mixed within one.
    """

    def __init__(
        self,
        observation_spec: dict[str, ArraySpec],
        action_spec: ArraySpec,
        config: RegressionConfig | None = None,
    ) -> None:
        self.config = config = config or RegressionConfig()
        super().__init__(observation_spec, action_spec, config)
        numbers = config.horizon * action_spec.shape[0]
        modes = config.modes if config.head == "mixture" else 1
        outputs = modes * (2 * numbers + 1) if config.head == "mixture" else numbers
        widths = (self.conditions, *config.hidden)
        layers = [
            nn.Sequential(nn.Linear(into, out), nn.LayerNorm(out), nn.ReLU(inplace=True))
            for into, out in itertools.pairwise(widths)
        ]
        self.network = nn.Sequential(*layers, nn.Linear(widths[-1], outputs))

    def losses(self, actions: Tensor, condition: Tensor) -> Tensor:
        """Squared error, or the negative logarithm of the density per number."""
        if self.config.head == "mean":
            return (self._mean(condition) - actions).square().flatten(1).mean(1)
        done = actions.flatten(1)
        return -self._mixture(condition).log_prob(done) / done.shape[1]

    def draw(self, condition: Tensor) -> Tensor:
        """The mean; of a mixture the middle of one Gaussian, as often as it is likely."""
        if self.config.head == "mean":
            return self._mean(condition).clamp(-1, 1)
        mixture = self._mixture(condition)
        chosen = mixture.mixture_distribution.sample()
        middles = mixture.component_distribution.mean
        plan = middles[torch.arange(len(chosen)), chosen]
        return plan.unflatten(1, self.shape).clamp(-1, 1)

    def _mean(self, condition: Tensor) -> Tensor:
        return self.network(condition).float().unflatten(1, self.shape)

    def _mixture(self, condition: Tensor) -> MixtureSameFamily:
        said = self.network(condition).float().unflatten(1, (self.config.modes, -1))
        logits, (mean, spread) = said[..., 0], said[..., 1:].chunk(2, dim=-1)
        normal = Normal(mean, F.softplus(spread) + _MIN_STD)
        return MixtureSameFamily(Categorical(logits=logits), Independent(normal, 1))
