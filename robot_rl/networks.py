"""Networks of the learners: an ensemble of critics with interchangeable heads, a Gaussian actor."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

if TYPE_CHECKING:
    from robot_rl.agent_config import AgentConfig

Members = Tensor | None
"""Which members of an ensemble answer: their numbers, or None for all."""


class EnsembleLinear(nn.Module):
    """``ensemble`` independent linear layers in one batched product."""

    def __init__(self, ensemble: int, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(ensemble, inputs, outputs))
        self.bias = nn.Parameter(torch.zeros(ensemble, 1, outputs))
        bound = math.sqrt(6 / (inputs + outputs))
        nn.init.uniform_(self.weight, -bound, bound)  # Xavier, as in RLPD.

    def forward(self, x: Tensor, members: Members = None) -> Tensor:
        """Shape (members, batch, inputs) -> (members, batch, outputs)."""
        weight, bias = _of(members, self.weight), _of(members, self.bias)
        if weight.shape[-1] == 1:  # Not worth a matrix product, and exact in every precision.
            return (x * weight.mT).sum(-1, keepdim=True) + bias
        return torch.baddbmm(bias, x, weight)


class EnsembleLayerNorm(nn.Module):
    """Layer normalisation with each member's own scale and shift (Ba et al., 2016)."""

    def __init__(self, ensemble: int, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(ensemble, width))
        self.bias = nn.Parameter(torch.zeros(ensemble, width))

    def forward(self, x: Tensor, members: Members = None) -> Tensor:
        """Normalises the last axis. Shape (members, batch, width)."""
        # One fused kernel per member is faster than one normalisation and a batched scale.
        each = zip(x, _of(members, self.weight), _of(members, self.bias), strict=True)
        return torch.stack([F.layer_norm(m, m.shape[-1:], w, b) for m, w, b in each])


def orthogonal(module: nn.Module) -> None:
    """Initialises a linear layer as DrQ-v2 does; for ``module.apply``."""
    if isinstance(module, nn.Linear):
        nn.init.orthogonal_(module.weight)
        nn.init.zeros_(module.bias)
    elif isinstance(module, EnsembleLinear):
        for member in module.weight:
            nn.init.orthogonal_(member)


class _Bare(nn.Module):
    """In the place of a normalisation."""

    def forward(self, x: Tensor, members: Members = None) -> Tensor:
        return x


def _of(members: Members, parameter: Tensor) -> Tensor:
    return parameter if members is None else parameter[members]


class EnsembleTrunk(nn.Module):
    """Hidden layers: linear, LayerNorm unless ``norm`` is False, ReLU."""

    def __init__(
        self, ensemble: int, inputs: int, hidden: tuple[int, ...], norm: bool = True
    ) -> None:
        super().__init__()
        self.ensemble = ensemble
        pairs = list(itertools.pairwise((inputs, *hidden)))
        self.linears = nn.ModuleList(EnsembleLinear(ensemble, *pair) for pair in pairs)
        self.norms = nn.ModuleList(
            EnsembleLayerNorm(ensemble, width) if norm else _Bare() for width in hidden
        )

    def forward(self, x: Tensor, members: Members = None) -> Tensor:
        """Shape (batch, inputs) -> (members, batch, width)."""
        x = x.expand(self.ensemble if members is None else len(members), *x.shape)
        for linear, norm in zip(self.linears, self.norms, strict=True):
            x = torch.relu_(norm(linear(x, members), members))
        return x


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
        # No matrix product: those may be rounded to bfloat16, and targets must not be.
        return (torch.softmax(output, dim=-1) * self.centres).sum(-1)

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


def make_head(config: AgentConfig, return_range: tuple[float, float] | None) -> Head:
    """The head that the configuration names; a histogram needs a known range of returns."""
    if config.head == "scalar" or return_range is None:
        return ScalarHead()
    return CategoricalHead(*return_range, config.bins)


class Critics(nn.Module):
    """``ensemble`` critics Q(s, a) of linear, LayerNorm, ReLU (as in RLPD, Ball et al., 2023)."""

    def __init__(
        self,
        inputs: int,
        hidden: tuple[int, ...],
        ensemble: int,
        head: Head,
        layer_norm: bool = True,
    ) -> None:
        super().__init__()
        self.head = head
        self.trunk = EnsembleTrunk(ensemble, inputs, hidden, layer_norm)
        self.last = EnsembleLinear(ensemble, hidden[-1], head.outputs)

    def forward(self, state: Tensor, action: Tensor, members: Members = None) -> Tensor:
        """Raw outputs. Shapes (batch, s), (batch, a) -> (members, batch, outputs)."""
        features = self.trunk(torch.cat([state, action], dim=-1), members)
        return self.last(features, members)

    def value(self, state: Tensor, action: Tensor, members: Members = None) -> Tensor:
        """Q-values. Shapes (batch, s), (batch, a) -> (members, batch)."""
        return self.head.value(self(state, action, members))


class ChoiceCritic(nn.Module):
    """A critic Q(s, c) of all of a few choices at once."""

    def __init__(self, inputs: int, hidden: tuple[int, ...], choices: int, head: Head) -> None:
        super().__init__()
        self.head = head
        self.choices = choices
        self.trunk = EnsembleTrunk(1, inputs, hidden)
        self.last = nn.Linear(hidden[-1], choices * head.outputs)
        nn.init.uniform_(
            self.last.weight, -1e-3, 1e-3
        )  # At first no choice is better than another.
        nn.init.zeros_(self.last.bias)

    def forward(self, state: Tensor) -> Tensor:
        """Raw outputs. Shape (batch, s) -> (batch, choices, outputs)."""
        return self.last(self.trunk(state)[0]).unflatten(-1, (self.choices, -1))

    def value(self, state: Tensor) -> Tensor:
        """Q-values. Shape (batch, s) -> (batch, choices)."""
        return self.head.value(self(state))


class GaussianActor(nn.Module):
    """A normal distribution squashed by tanh into the unit box (Haarnoja et al., 2018)."""

    MIN_STD, MAX_STD = 1e-5, 5.0

    def __init__(self, inputs: int, hidden: tuple[int, ...], actions: int) -> None:
        super().__init__()
        self.trunk = EnsembleTrunk(1, inputs, hidden)
        self.head = nn.Linear(hidden[-1], 2 * actions)
        nn.init.uniform_(self.head.weight, -1e-3, 1e-3)
        nn.init.zeros_(self.head.bias)

    def forward(self, state: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation before the squashing. Shape (batch, s) -> (batch, a) each."""
        mean, log_std = self.head(self.trunk(state)[0]).chunk(2, dim=-1)
        return mean, log_std.clamp(math.log(self.MIN_STD), math.log(self.MAX_STD)).exp()

    def sample(self, state: Tensor) -> tuple[Tensor, Tensor]:
        """An action and its log-probability. Shape (batch, s) -> (batch, a), (batch,)."""
        return squashed_sample(*self(state))

    def greedy(self, state: Tensor) -> Tensor:
        """The action at the mean. Shape (batch, s) -> (batch, a)."""
        return torch.tanh(self(state)[0])


class DeterministicActor(nn.Module):
    """The mean of a policy, squashed by tanh into the unit box (DrQ-v2: Yarats et al., 2022)."""

    def __init__(self, inputs: int, hidden: tuple[int, ...], actions: int) -> None:
        super().__init__()
        self.trunk = EnsembleTrunk(1, inputs, hidden, norm=False)
        self.head = nn.Linear(hidden[-1], actions)

    def greedy(self, state: Tensor) -> Tensor:
        """The mean. Shape (batch, s) -> (batch, a)."""
        return torch.tanh(self.head(self.trunk(state)[0]))


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
