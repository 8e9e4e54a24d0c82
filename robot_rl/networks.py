"""Networks of the learners: an ensemble of critics with interchangeable heads, a Gaussian actor."""

from __future__ import annotations

import math
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from robot_rl.config import Products


class EnsembleLinear(nn.Module):
    """``ensemble`` independent linear layers in one batched product."""

    def __init__(
        self, ensemble: int, inputs: int, outputs: int, products: Products = "bfloat16"
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(ensemble, inputs, outputs))
        self.bias = nn.Parameter(torch.zeros(ensemble, 1, outputs))
        self._half = products == "bfloat16"
        bound = math.sqrt(6 / (inputs + outputs))
        nn.init.uniform_(self.weight, -bound, bound)  # Xavier, as in RLPD.

    def forward(self, x: Tensor) -> Tensor:
        """Shape (ensemble, batch, inputs) -> (ensemble, batch, outputs)."""
        if self._half:
            return _HalfProduct.apply(x, self.weight, self.bias)
        return torch.baddbmm(self.bias, x, self.weight)


class _HalfProduct(torch.autograd.Function):
    """``torch.baddbmm`` with bfloat16 factors, in both directions; parameters stay float32.

    Processors with bfloat16 units multiply several times faster than in float32.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        x, weight = x.bfloat16(), weight.bfloat16()
        ctx.save_for_backward(x, weight)
        return torch.baddbmm(bias.bfloat16(), x, weight).float()

    @staticmethod
    def backward(
        ctx: Any, *gradients: Tensor
    ) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        (gradient,) = gradients
        x, weight = ctx.saved_tensors
        half = gradient.bfloat16()
        of_x, of_weight, of_bias = ctx.needs_input_grad
        return (
            torch.bmm(half, weight.mT).float() if of_x else None,
            torch.bmm(x.mT, half).float() if of_weight else None,
            gradient.sum(1, keepdim=True) if of_bias else None,
        )


class EnsembleLayerNorm(nn.Module):
    """Layer normalisation with each member's own scale and shift (Ba et al., 2016)."""

    def __init__(self, ensemble: int, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(ensemble, width))
        self.bias = nn.Parameter(torch.zeros(ensemble, width))

    def forward(self, x: Tensor) -> Tensor:
        """Normalises the last axis. Shape (ensemble, batch, width)."""
        # One fused kernel per member is faster than one normalisation and a batched scale.
        members = zip(x, self.weight, self.bias, strict=True)
        return torch.stack([F.layer_norm(m, m.shape[-1:], w, b) for m, w, b in members])


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
    """A histogram of the return and cross-entropy (HL-Gauss: Farebrother et al., 2024)."""

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
    """``ensemble`` critics Q(s, a) of linear, LayerNorm, ReLU (as in RLPD, Ball et al., 2023)."""

    def __init__(
        self,
        inputs: int,
        hidden: tuple[int, ...],
        ensemble: int,
        head: Head,
        products: Products = "bfloat16",
    ) -> None:
        super().__init__()
        self.ensemble = ensemble
        self.head = head
        last = EnsembleLinear(ensemble, hidden[-1], head.outputs, products)
        self.layers = nn.Sequential(*_trunk(ensemble, inputs, hidden, products), last)

    def forward(self, state: Tensor, action: Tensor) -> Tensor:
        """Raw outputs. Shapes (batch, s), (batch, a) -> (ensemble, batch, outputs)."""
        x = torch.cat([state, action], dim=-1)
        return self.layers(x.expand(self.ensemble, *x.shape))

    def value(self, state: Tensor, action: Tensor) -> Tensor:
        """Q-values. Shapes (batch, s), (batch, a) -> (ensemble, batch)."""
        return self.head.value(self(state, action))


def _trunk(
    ensemble: int, inputs: int, hidden: tuple[int, ...], products: Products
) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for before, width in zip((inputs, *hidden), hidden, strict=False):
        layers += [EnsembleLinear(ensemble, before, width, products)]
        layers += [EnsembleLayerNorm(ensemble, width), nn.ReLU()]
    return layers


class GaussianActor(nn.Module):
    """A normal distribution squashed by tanh into the unit box (Haarnoja et al., 2018)."""

    MIN_STD, MAX_STD = 1e-5, 5.0

    def __init__(
        self, inputs: int, hidden: tuple[int, ...], actions: int, products: Products = "bfloat16"
    ) -> None:
        super().__init__()
        self.trunk = nn.Sequential(*_trunk(1, inputs, hidden, products))
        self.head = nn.Linear(hidden[-1], 2 * actions)
        nn.init.uniform_(self.head.weight, -1e-3, 1e-3)
        nn.init.zeros_(self.head.bias)

    def forward(self, state: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation before the squashing. Shape (batch, s) -> (batch, a) each."""
        mean, log_std = self.head(self.trunk(state[None])[0]).chunk(2, dim=-1)
        return mean, log_std.clamp(math.log(self.MIN_STD), math.log(self.MAX_STD)).exp()

    def sample(self, state: Tensor) -> tuple[Tensor, Tensor]:
        """An action and its log-probability. Shape (batch, s) -> (batch, a), (batch,)."""
        return squashed_sample(*self(state))

    def greedy(self, state: Tensor) -> Tensor:
        """The action at the mean. Shape (batch, s) -> (batch, a)."""
        return torch.tanh(self(state)[0])


def squashed_sample(mean: Tensor, std: Tensor) -> tuple[Tensor, Tensor]:
    """A reparametrised draw of tanh(normal). Shape (batch, a) each -> (batch, a), (batch,)."""
    noise = torch.randn_like(mean)
    before = mean + std * noise
    normal = -0.5 * noise.square() - std.log() - 0.5 * math.log(2 * math.pi)
    # log(1 - tanh(x)^2) in the form that cannot overflow.
    squash = 2 * (math.log(2) - before - F.softplus(-2 * before))
    return torch.tanh(before), (normal - squash).sum(-1)


class Normalizer(nn.Module):
    """Centres and scales inputs by the statistics it has seen; part of the saved policy."""

    mean: Tensor
    variance: Tensor
    count: Tensor

    CLIP = 10.0
    MIN_STD = 1e-2

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
