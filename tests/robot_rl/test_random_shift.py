"""Each image is moved by its own whole number of pixels, and nothing else becomes of it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from robot_rl.encoders import MIDDLE
from robot_rl.random_shift import by_indices, by_slices, random_shift


def _images(count: int, channels: int = 3) -> torch.Tensor:
    torch.manual_seed(0)
    return torch.randint(0, 256, (count, 12, 10, channels), dtype=torch.uint8)


def _all_moves(image: np.ndarray, pad: int) -> dict[tuple[int, int], np.ndarray]:
    """The image moved by every offset, by the rule as it is written down, about 0."""
    height, width, _ = image.shape
    centred = image.astype(np.float32) - MIDDLE
    padded = np.pad(centred, ((pad, pad), (pad, pad), (0, 0)), mode="edge")
    return {
        (row, column): padded[row : row + height, column : column + width]
        for row in range(2 * pad + 1)
        for column in range(2 * pad + 1)
    }


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("pad", [1, 4])
def test_an_image_comes_out_moved_and_its_border_repeats(dtype: torch.dtype, pad: int) -> None:
    images = _images(20)
    moved = random_shift(images, dtype, pad)
    assert moved.shape == (20, 3, 12, 10)
    assert moved.dtype == dtype
    for before, after in zip(
        images.numpy(), moved.permute(0, 2, 3, 1).float().numpy(), strict=True
    ):
        assert any(np.array_equal(after, one) for one in _all_moves(before, pad).values())


@pytest.mark.parametrize("pad", [1, 4])
def test_one_gather_moves_as_the_copies_do(pad: int) -> None:
    images = _images(60)
    offsets = torch.randint(2 * pad + 1, (60, 2))
    copied, gathered = (
        move(images, offsets, pad, torch.float32) for move in (by_slices, by_indices)
    )
    assert torch.equal(copied, gathered)


def test_every_offset_is_drawn_and_each_image_has_its_own() -> None:
    images = _images(1).expand(2000, -1, -1, -1).contiguous()
    moved = random_shift(images, pad=1).permute(0, 2, 3, 1).numpy()
    moves = _all_moves(images[0].numpy(), 1)
    counts = [sum(np.array_equal(one, after) for one in moved) for after in moves.values()]
    assert sum(counts) == 2000
    # 222 each, give or take five times their deviation of 14.
    assert all(152 < count < 292 for count in counts)


def test_stacked_frames_move_alike() -> None:
    frames = _images(50)
    moved = random_shift(torch.cat([frames, frames], dim=-1))
    assert torch.equal(moved[:, :3], moved[:, 3:])


def test_the_channels_lie_last_in_memory() -> None:
    assert random_shift(_images(4)).is_contiguous(memory_format=torch.channels_last)


def test_without_a_pad_nothing_moves() -> None:
    images = _images(3)
    centred = images.permute(0, 3, 1, 2).float() - MIDDLE
    assert torch.equal(random_shift(images, pad=0), centred)


@pytest.mark.parametrize("pad", [0, 4])
def test_every_byte_is_exact_in_bfloat16(pad: int) -> None:
    bytes_ = torch.arange(256, dtype=torch.uint8)[:, None, None, None].expand(-1, 3, 3, 1)
    shifted = random_shift(bytes_, torch.bfloat16, pad)
    assert shifted[:, 0, 1, 1].tolist() == list(range(-128, 128))
