"""The augmentation of DrQ: each image moved by a few pixels (Kostrikov et al., 2020)."""

from __future__ import annotations

import torch
from torch import Tensor

from robot_rl.encoders import MIDDLE


def random_shift(images: Tensor, dtype: torch.dtype = torch.float32, pad: int = 4) -> Tensor:
    """Each image moved by its own whole number of pixels; its border repeats where it leaves.

    All channels of an image move alike, so frames that are stacked in them do as well. The channels
    lie last in memory, which is how convolutions want them.

    Args:
        images: Shape (batch, height, width, channels), uint8.
        dtype: Of what comes out.
        pad: Pixels to move by at most, along each side; 0 converts alone.

    Returns:
        Shape (batch, channels, height, width), -128 to 127, as encoders want them.
    """
    if pad == 0:
        return _centred(images).to(dtype).permute(0, 3, 1, 2)
    offsets = torch.randint(2 * pad + 1, (len(images), 2), device=images.device)
    move = by_slices if images.device.type == "cpu" else by_indices
    return move(images, offsets, pad, dtype).permute(0, 3, 1, 2)


def by_slices(images: Tensor, offsets: Tensor, pad: int, dtype: torch.dtype) -> Tensor:
    """One copy for each image, which moves and converts; offsets from 0 to twice ``pad``."""
    _, height, width, _ = images.shape
    moved = torch.empty(images.shape, dtype=dtype)
    pairs = zip(moved, _centred(_padded(images, pad)), offsets.tolist(), strict=True)
    for one, source, (row, column) in pairs:
        one.copy_(source[row : row + height, column : column + width])
    return moved


def by_indices(images: Tensor, offsets: Tensor, pad: int, dtype: torch.dtype) -> Tensor:
    """The same in one gather, for devices on which many small copies are slow."""
    _, height, width, _ = images.shape
    number = torch.arange(len(images), device=images.device)
    row, column = (
        (torch.arange(size, device=images.device) + offset[:, None] - pad).clamp(0, size - 1)
        for size, offset in zip((height, width), offsets.T, strict=True)
    )
    moved = images[number[:, None, None], row[:, :, None], column[:, None, :]]
    return _centred(moved).to(dtype)


def _centred(images: Tensor) -> Tensor:
    """Less ``MIDDLE``, in bytes still: that is their highest bit. uint8 -> int8."""
    return (images ^ MIDDLE).view(torch.int8)


def _padded(images: Tensor, pad: int) -> Tensor:
    """With ``pad`` more pixels on each side that repeat the border."""
    count, height, width, channels = images.shape
    padded = images.new_empty((count, height + 2 * pad, width + 2 * pad, channels))
    inside = padded[:, pad:-pad]
    inside[:, :, pad:-pad] = images
    inside[:, :, :pad], inside[:, :, -pad:] = images[:, :, :1], images[:, :, -1:]
    padded[:, :pad], padded[:, -pad:] = inside[:, :1], inside[:, -1:]
    return padded
