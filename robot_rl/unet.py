"""The network of diffusion policy: a U-Net over the time of an action chunk (Chi et al., 2023)."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

_GROUPS, _KERNEL = 8, 5


class TimeEmbedding(nn.Module):
    """Sines and cosines of a time from 0 to 100, and two layers on them.

    Args:
        size: Numbers that come out.
    """

    frequencies: Tensor

    def __init__(self, size: int) -> None:
        super().__init__()
        scale = math.log(10_000) / (size // 2 - 1)
        self.register_buffer(
            "frequencies", torch.exp(-scale * torch.arange(size // 2)), persistent=False
        )
        self.layers = nn.Sequential(nn.Linear(size, 4 * size), nn.Mish(), nn.Linear(4 * size, size))

    def forward(self, time: Tensor) -> Tensor:
        """Shape (batch,) -> (batch, size)."""
        angles = time[:, None] * self.frequencies
        return self.layers(torch.cat([angles.sin(), angles.cos()], dim=-1))


class UNet(nn.Module):
    """Convolutions over time whose channels the condition scales and moves (FiLM).

    Args:
        actions: Numbers in an action.
        condition: Numbers in the condition.
        widths: Channels of each level; each halves the time of the one before.
        embedding: Numbers that the time of the denoising becomes.
        film: Without it the condition is one more input at every moment.
    """

    def __init__(
        self,
        actions: int,
        condition: int,
        widths: Sequence[int],
        embedding: int,
        film: bool = True,
    ) -> None:
        super().__init__()
        self._film = film
        self.time = TimeEmbedding(embedding)
        told = embedding + (condition if film else 0)
        inputs = actions + (0 if film else condition)
        levels, last = list(itertools.pairwise((inputs, *widths))), widths[-1]
        halves = [*(nn.Conv1d(width, width, 3, 2, 1) for width in widths[:-1]), nn.Identity()]
        self.down = nn.ModuleList(
            _Level(into, out, told, half) for (into, out), half in zip(levels, halves, strict=True)
        )
        self.middle = nn.ModuleList(_Block(last, last, told) for _ in range(2))
        self.up = nn.ModuleList(
            _Level(2 * out, into, told, nn.ConvTranspose1d(into, into, 4, 2, 1))
            for into, out in reversed(levels[1:])
        )
        self.last = nn.Sequential(
            _convolution(widths[0], widths[0]), nn.Conv1d(widths[0], actions, 1)
        )

    def forward(self, x: Tensor, time: Tensor, condition: Tensor) -> Tensor:
        """Shapes (batch, horizon, actions), (batch,), (batch, condition) -> as ``x``.

        The horizon is a multiple of 2 to the number of levels less one.
        """
        told = self.time(time)
        if self._film:
            told = torch.cat([told, condition], dim=-1)
        else:
            x = torch.cat([x, condition[:, None].expand(-1, x.shape[1], -1)], dim=-1)
        x, kept = x.transpose(1, 2), []
        for level in self.down:
            x, beside = level(x, told)
            kept.append(beside)
        for block in self.middle:
            x = block(x, told)
        for level in self.up:
            x, _ = level(torch.cat([x, kept.pop()], dim=1), told)
        return self.last(x).transpose(1, 2).float()


class _Level(nn.Module):
    """Two blocks, and what changes the length of time."""

    def __init__(self, inputs: int, outputs: int, told: int, resize: nn.Module) -> None:
        super().__init__()
        self.blocks = nn.ModuleList([_Block(inputs, outputs, told), _Block(outputs, outputs, told)])
        self.resize = resize

    def forward(self, x: Tensor, told: Tensor) -> tuple[Tensor, Tensor]:
        """Of another length, and before that."""
        for block in self.blocks:
            x = block(x, told)
        return self.resize(x), x


class _Block(nn.Module):
    """Two convolutions with what is told in between, beside a way around them."""

    def __init__(self, inputs: int, outputs: int, told: int) -> None:
        super().__init__()
        self.first, self.second = _convolution(inputs, outputs), _convolution(outputs, outputs)
        self.film = nn.Sequential(nn.Mish(), nn.Linear(told, 2 * outputs))
        self.around = nn.Identity() if inputs == outputs else nn.Conv1d(inputs, outputs, 1)

    def forward(self, x: Tensor, told: Tensor) -> Tensor:
        """Shape (batch, inputs, time) -> (batch, outputs, time)."""
        scale, bias = self.film(told)[:, :, None].chunk(2, dim=1)
        return self.second(scale * self.first(x) + bias) + self.around(x)


def _convolution(inputs: int, outputs: int) -> nn.Sequential:
    convolution = nn.Conv1d(inputs, outputs, _KERNEL, padding=_KERNEL // 2)
    return nn.Sequential(convolution, nn.GroupNorm(_GROUPS, outputs), nn.Mish())
