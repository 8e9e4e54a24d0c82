"""The augmentation of DrQ: each image moved by a few pixels (Kostrikov et al., 2020)."""

from __future__ import annotations

import torch
from torch import Tensor


def random_shift(images: Tensor, dtype: torch.dtype = torch.float32, pad: int = 4) -> Tensor:
    """Each image moved by its own whole number of pixels; its border repeats where it leaves.

    All channels of an image move alike, so frames that are stacked in them do as well. One copy
    moves, converts and keeps the channels last, which is how convolutions want them.

    Args:
        images: Shape (batch, height, width, channels), uint8.
        dtype: Of what comes out.
        pad: Pixels to move by at most, along each side; 0 converts alone.

    Returns:
        Shape (batch, channels, height, width), 0 to 255.
    """
    if pad == 0:
        return images.to(dtype).permute(0, 3, 1, 2)
    count, height, width, _ = images.shape
    padded = _padded(images, pad)
    moved = torch.empty(images.shape, dtype=dtype)
    offsets = torch.randint(2 * pad + 1, (count, 2), device="cpu").tolist()
    for one, source, (row, column) in zip(moved, padded, offsets, strict=True):
        one.copy_(source[row : row + height, column : column + width])
    return moved.permute(0, 3, 1, 2)


def _padded(images: Tensor, pad: int) -> Tensor:
    """With ``pad`` more pixels on each side that repeat the border."""
    count, height, width, channels = images.shape
    padded = images.new_empty((count, height + 2 * pad, width + 2 * pad, channels))
    inside = padded[:, pad:-pad]
    inside[:, :, pad:-pad] = images
    inside[:, :, :pad], inside[:, :, -pad:] = images[:, :, :1], images[:, :, -1:]
    padded[:, :pad], padded[:, -pad:] = inside[:, :1], inside[:, -1:]
    return padded
