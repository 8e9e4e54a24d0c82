"""Two families of ways from noise to data, each with a loss to learn by and a sampler to go by."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor

Network = Callable[[Tensor, Tensor, Tensor], Tensor]
"""Asked with what is noisy, the time, and a condition.

Shapes (batch, horizon, n), (batch,), (batch, condition) -> (batch, horizon, n)."""
_TIMES = 100
_OFFSET = 0.008
_FAINT = 0.01
"""Share of the data's variance below which a few steps do not begin: what is told of the data from
there is mostly the network's error, a hundred times enlarged."""


class Family(Protocol):
    """How data become noise, and how that is undone."""

    def loss(self, network: Network, data: Tensor, condition: Tensor) -> Tensor:
        """What to learn by, of each row. Shapes (batch, horizon, n), (batch, c) -> (batch,)."""
        ...

    def sample(self, network: Network, noise: Tensor, condition: Tensor, steps: int) -> Tensor:
        """Data within +-1, from standard normal noise of their shape, by so many evaluations."""
        ...


class Diffusion(Family):
    """Denoising diffusion that predicts the noise (Ho et al., 2020), squared-cosine schedule.

    Samples by DDIM (Song et al., 2021) at equal distances of time, which runs from 0, nearly clean,
    to 99, noise. Other than in the reference the predicted noise is derived again once the data are
    clipped to +-1, as DDPM has it, and few steps begin where something of the data is left.

    Args:
        eta: Share of fresh noise in each step: 0 goes straight, and the noise that it began with
            decides all; 1 with 100 steps is the ancestral sampler of DDPM.
    """

    def __init__(self, eta: float = 0.0) -> None:
        self._eta = eta
        times = torch.arange(_TIMES + 1, device="cpu") / _TIMES
        curve = torch.cos((times + _OFFSET) / (1 + _OFFSET) * math.pi / 2).square()
        kept = 1 - (1 - curve[1:] / curve[:-1]).clamp_max(0.999)
        self.signal = kept.cumprod(0)
        """Share of the data's variance that is left at each time. Shape (100,)."""
        self._clear = int((self.signal >= _FAINT).sum())

    def loss(self, network: Network, data: Tensor, condition: Tensor) -> Tensor:
        """Mean squared error of the predicted noise at times that are drawn."""
        time = torch.randint(_TIMES, (len(data),), device=data.device)
        noise = torch.randn_like(data)
        signal = self.signal.to(data)[time, None, None]
        noisy = signal.sqrt() * data + (1 - signal).sqrt() * noise
        return (network(noisy, time.float(), condition) - noise).square().flatten(1).mean(1)

    def sample(self, network: Network, noise: Tensor, condition: Tensor, steps: int) -> Tensor:
        """As every family's."""
        times = self.times(steps)
        signals = [*(self.signal[time].item() for time in times), 1.0]
        x = noise
        for time, signal, following in zip(times, signals[:-1], signals[1:], strict=True):
            asked = torch.full((len(x),), float(time), device=x.device)
            predicted = network(x, asked, condition)
            data = ((x - (1 - signal) ** 0.5 * predicted) / signal**0.5).clamp(-1, 1)
            predicted = (x - signal**0.5 * data) / (1 - signal) ** 0.5
            fresh = self._eta * ((1 - following) / (1 - signal) * (1 - signal / following)) ** 0.5
            x = following**0.5 * data + max(1 - following - fresh**2, 0.0) ** 0.5 * predicted
            x = x + fresh * torch.randn_like(x) if fresh else x
        return x

    def times(self, steps: int) -> list[int]:
        """When the network is asked, the noisiest first; each time once, with 100 steps all."""
        span = self._clear if steps <= self._clear else _TIMES
        return [round(span * (1 - step / steps)) - 1 for step in range(steps)]


class Flow(Family):
    """Straight ways from noise to data (rectified flow: Liu et al., 2023), by Euler's steps.

    Time runs from 0, noise, to 100, data.
    """

    def loss(self, network: Network, data: Tensor, condition: Tensor) -> Tensor:
        """Mean squared error of the predicted velocity at times that are drawn."""
        time = torch.rand(len(data), device=data.device)
        noise = torch.randn_like(data)
        between = torch.lerp(noise, data, time[:, None, None])
        velocity = network(between, _TIMES * time, condition)
        return (velocity - (data - noise)).square().flatten(1).mean(1)

    def sample(self, network: Network, noise: Tensor, condition: Tensor, steps: int) -> Tensor:
        """As every family's."""
        x = noise
        for step in range(steps):
            asked = torch.full((len(x),), _TIMES * step / steps, device=x.device)
            x = x + network(x, asked, condition) / steps
        return x.clamp(-1, 1)
