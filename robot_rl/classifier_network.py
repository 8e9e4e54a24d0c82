"""A small network that sees in camera images whether a task has succeeded, and its augmentation.

Trained from scratch on the user's own frames: nothing is downloaded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

Images = Mapping[str, Tensor]
"""By camera. Shape (batch, 3, size, size), float32 in 0 to 1."""

_WIDTHS = (16, 32, 64, 64)
_MOVE, _TURN, _ZOOM = 0.08, 0.06, 0.08
"""Shift as a share of the image, turn [rad] and zoom of augmented images, at most."""
_LIGHT, _TINT, _NOISE = 0.35, 0.1, 0.03
"""Change of brightness and contrast, of single colours, and noise, at most, of 1."""
_HIDDEN = 0.25
"""Side of the square that is cut out of every other image, at most, as a share of it."""


class SuccessNetwork(nn.Module):
    """One encoder per camera, four convolutions of stride 2 each, and a joint head.

    The encoder keeps where things are: no pooling (real-robot experience of SERL, 2024).

    Args:
        cameras: Names of the cameras.
        size: Height and width of its images [pixels], a multiple of 16.
        features: Numbers that each camera is reduced to.
    """

    def __init__(self, cameras: Sequence[str], size: int, features: int = 64) -> None:
        super().__init__()
        self.cameras = tuple(cameras)
        self.encoders = nn.ModuleList(_encoder(size, features) for _ in cameras)
        self.head = nn.Sequential(
            nn.Linear(features * len(cameras), 64), nn.ReLU(), nn.Dropout(0.1), nn.Linear(64, 1)
        )

    def forward(self, images: Images) -> Tensor:
        """Logits of success. Shape (batch,)."""
        pairs = zip(self.cameras, self.encoders, strict=True)
        features = [encoder(images[camera] - 0.5) for camera, encoder in pairs]
        return self.head(torch.cat(features, dim=1)).squeeze(1)


def _encoder(size: int, features: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for inputs, outputs in zip((3, *_WIDTHS), _WIDTHS, strict=False):
        layers += [nn.Conv2d(inputs, outputs, 3, stride=2, padding=1), nn.ReLU()]
    flat = _WIDTHS[-1] * (size // 16) ** 2
    return nn.Sequential(
        *layers, nn.Flatten(), nn.Linear(flat, features), nn.LayerNorm(features), nn.ReLU()
    )


def shrunk(images: np.ndarray, size: int) -> Tensor:
    """Images as the network takes them, each pixel the mean of those that it stands for.

    Args:
        images: Shape (batch, height, width, 3), uint8.
        size: Wanted height and width.

    Returns:
        Shape (batch, 3, size, size), uint8.
    """
    pixels = torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2)
    if pixels.shape[-2:] == (size, size):
        return pixels.contiguous()
    small = F.interpolate(pixels.float(), (size, size), mode="bilinear", antialias=True)
    return small.round().clamp(0, 255).to(torch.uint8)


def augmented(images: Tensor, rng: torch.Generator) -> Tensor:
    """Each image moved, turned and zoomed a little, in another light, noisy, a part of it hidden.

    What moves in from outside repeats the border, as in DrQ (Kostrikov et al., 2020).

    Args:
        images: Shape (batch, 3, size, size), float32 in 0 to 1.
        rng: Draws anew for every image.
    """
    count = len(images)

    def uniform(limit: float, *shape: int) -> Tensor:
        return limit * (2 * torch.rand((count, *shape), generator=rng) - 1)

    turn, zoom, shift = uniform(_TURN), 1 + uniform(_ZOOM), uniform(2 * _MOVE, 2)
    cos, sin = zoom * torch.cos(turn), zoom * torch.sin(turn)
    rows = (torch.stack([cos, -sin, shift[:, 0]], 1), torch.stack([sin, cos, shift[:, 1]], 1))
    grid = F.affine_grid(torch.stack(rows, 1), list(images.shape), align_corners=False)
    moved = F.grid_sample(images, grid, padding_mode="border", align_corners=False)
    gain = (1 + uniform(_LIGHT, 1, 1, 1)) * (1 + uniform(_TINT, 3, 1, 1))
    lit = (moved - 0.5) * gain + 0.5 + uniform(_LIGHT / 2, 1, 1, 1)
    noise = torch.rand((count, 1, 1, 1), generator=rng) * _NOISE
    noisy = lit + noise * torch.randn(lit.shape, generator=rng)
    return _partly_hidden(noisy, rng).clamp(0, 1)


def _partly_hidden(images: Tensor, rng: torch.Generator) -> Tensor:
    """Cutout (DeVries and Taylor, 2017): a square of one colour in every other image."""
    count, _, *sizes = images.shape
    side = torch.rand((count, 1), generator=rng) * _HIDDEN * min(sizes)
    side = side * (torch.rand((count, 1), generator=rng) < 0.5)
    first = torch.rand((count, 2), generator=rng) * (torch.tensor(sizes) - side)
    inside = [
        (torch.arange(size) >= start[:, None]) & (torch.arange(size) < start[:, None] + side)
        for size, start in zip(sizes, first.T, strict=True)
    ]
    hidden = inside[0][:, None, :, None] & inside[1][:, None, None, :]
    return torch.where(hidden, torch.rand((count, 3, 1, 1), generator=rng), images)
