"""Networks of the learners: an ensemble of critics with interchangeable heads, a Gaussian actor."""

from __future__ import annotations

import math
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class EnsembleLinear(nn.Module):
    """``ensemble`` independent linear layers in one batched product."""

    def __init__(self, ensemble: int, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(ensemble, inputs, outputs))
        self.bias = nn.Parameter(torch.zeros(ensemble, 1, outputs))
        bound = math.sqrt(6 / (inputs + outputs))
        nn.init.uniform_(self.weight, -bound, bound)  # Xavier, as in RLPD.

    def forward(self, x: Tensor) -> Tensor:
        """Shape (ensemble, batch, inputs) -> (ensemble, batch, outputs)."""
        return torch.baddbmm(self.bias, x, self.weight)


class EnsembleLayerNorm(nn.Module):
    """Layer normalisation with each member's own scale and shift (Ba et al., 2016)."""

    def __init__(self, ensemble: int, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(ensemble, 1, width))
        self.bias = nn.Parameter(torch.zeros(ensemble, 1, width))

    def forward(self, x: Tensor) -> Tensor:
        """Normalises the last axis. Shape (ensemble, batch, width)."""
        return torch.addcmul(self.bias, F.layer_norm(x, x.shape[-1:]), self.weight)


class Head(Protocol):
    """Turns the critic's outputs into values, and returns into a loss."""

    outputs: int

    def value(self, output: Tensor) -> Tensor:
        """Shape (..., outputs) -> (...)."""
        ...

    def loss(self, output: Tensor, target: Tensor) -> Tensor:
        """Mean loss of outputs (ensemble, batch, outputs) against returns (batch,)."""
        ...


class ScalarHead(nn.Module):
    """One number and the squared error."""

    outputs = 1

    def value(self, output: Tensor) -> Tensor:
        """Shape (..., 1) -> (...)."""
        return output.squeeze(-1)

    def loss(self, output: Tensor, target: Tensor) -> Tensor:
        """Mean squared error over members and batch."""
        return F.mse_loss(self.value(output), target.expand(output.shape[:-1]))


class CategoricalHead(nn.Module):
    """HL-Gauss: a histogram of the return, trained with cross-entropy (Farebrother et al., 2024)."""

    centres: Tensor
    edges: Tensor

    def __init__(self, low: float, high: float, bins: int, smoothing: float = 0.75) -> None:
        super().__init__()
        self.outputs = bins
        width = (high - low) / bins
        edges = torch.linspace(low, high, bins + 1)
        self.register_buffer("edges", edges)
        self.register_buffer("centres", (edges[1:] + edges[:-1]) / 2)
        self._spread = math.sqrt(2) * smoothing * width

    def value(self, output: Tensor) -> Tensor:
        """Mean of the histogram. Shape (..., bins) -> (...)."""
        return torch.softmax(output, dim=-1) @ self.centres

    def loss(self, output: Tensor, target: Tensor) -> Tensor:
        """Cross-entropy to the Gaussian around each return, cut off at the outer edges."""
        probabilities = self.project(target)
        return -(probabilities * torch.log_softmax(output, dim=-1)).sum(-1).mean()

    def project(self, target: Tensor) -> Tensor:
        """Histogram of a Gaussian around ``target``. Shape (batch,) -> (batch, bins)."""
        target = target.clamp(float(self.centres[0]), float(self.centres[-1]))
        cumulative = torch.erf((self.edges - target[..., None]) / self._spread)
        mass = cumulative.diff(dim=-1)
        return mass / mass.sum(-1, keepdim=True)


class Critics(nn.Module):
    """``ensemble`` critics Q(s, a): linear, LayerNorm, ReLU, twice (as in RLPD, Ball et al., 2023)."""

    def __init__(self, inputs: int, hidden: tuple[int, ...], ensemble: int, head: Head) -> None:
        super().__init__()
        self.ensemble = ensemble
        self.head = head
        layers: list[nn.Module] = []
        for width in hidden:
            layers += [EnsembleLinear(ensemble, inputs, width), EnsembleLayerNorm(ensemble, width)]
            layers += [nn.ReLU()]
            inputs = width
        self.layers = nn.Sequential(*layers, EnsembleLinear(ensemble, inputs, head.outputs))

    def forward(self, state: Tensor, action: Tensor) -> Tensor:
        """Raw outputs. Shapes (batch, s), (batch, a) -> (ensemble, batch, outputs)."""
        x = torch.cat([state, action], dim=-1)
        return self.layers(x.expand(self.ensemble, *x.shape))

    def value(self, state: Tensor, action: Tensor) -> Tensor:
        """Q-values. Shapes (batch, s), (batch, a) -> (ensemble, batch)."""
        return self.head.value(self(state, action))


class GaussianActor(nn.Module):
    """A normal distribution squashed by tanh into the unit box (Haarnoja et al., 2018)."""

    MIN_STD, MAX_STD = 1e-5, 5.0

    def __init__(self, inputs: int, hidden: tuple[int, ...], actions: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for width in hidden:
            layers += [nn.Linear(inputs, width), nn.LayerNorm(width), nn.ReLU()]
            inputs = width
        self.trunk = nn.Sequential(*layers)
        self.mean = nn.Linear(inputs, actions)
        self.log_std = nn.Linear(inputs, actions)
        for head in (self.mean, self.log_std):
            nn.init.uniform_(head.weight, -1e-3, 1e-3)
            nn.init.zeros_(head.bias)

    def forward(self, state: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation before the squashing. Shape (batch, s) -> (batch, a) each."""
        features = self.trunk(state)
        log_std = self.log_std(features).clamp(math.log(self.MIN_STD), math.log(self.MAX_STD))
        return self.mean(features), log_std.exp()

    def sample(self, state: Tensor) -> tuple[Tensor, Tensor]:
        """A reparametrised action and its log-probability. Shape (batch, s) -> (batch, a), (batch,)."""
        mean, std = self(state)
        noise = torch.randn_like(mean)
        before = mean + std * noise
        normal = -0.5 * noise.square() - std.log() - 0.5 * math.log(2 * math.pi)
        # log(1 - tanh(x)^2) in the form that cannot overflow.
        squash = 2 * (math.log(2) - before - F.softplus(-2 * before))
        return torch.tanh(before), (normal - squash).sum(-1)

    def greedy(self, state: Tensor) -> Tensor:
        """The action at the mean. Shape (batch, s) -> (batch, a)."""
        return torch.tanh(self(state)[0])


class Normalizer(nn.Module):
    """Centres and scales inputs by the statistics it has seen; part of the saved policy."""

    mean: Tensor
    variance: Tensor
    count: Tensor

    CLIP = 5.0
    MIN_STD = 1e-3

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(inputs))
        self.register_buffer("variance", torch.ones(inputs))
        self.register_buffer("count", torch.zeros(()))

    def observe(self, x: Tensor) -> None:
        """Merges a batch into the statistics (Chan et al., 1983). Shape (batch, inputs)."""
        total = self.count + len(x)
        delta = x.mean(0) - self.mean
        spread = x.var(0, correction=0) * len(x) + self.variance * self.count
        if self.count == 0:
            spread = x.var(0, correction=0) * len(x)
        self.variance.copy_((spread + delta.square() * self.count * len(x) / total) / total)
        self.mean.add_(delta * len(x) / total)
        self.count.copy_(total)

    def forward(self, x: Tensor) -> Tensor:
        """Shape (batch, inputs), within +-CLIP."""
        std = self.variance.sqrt().clamp_min(self.MIN_STD)
        return ((x - self.mean) / std).clamp(-self.CLIP, self.CLIP)
