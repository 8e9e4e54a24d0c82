"""What is kept of a camera's pictures: the same part of small and of large ones."""

import numpy as np
import pytest

from robot_rl.crop import WHOLE, Crop, crops_of, shrunk

HALF = Crop(0.25, 0.35, 0.75, 0.85)


def test_what_was_typed_is_what_is_kept() -> None:
    assert Crop.parse("wrist:0.25:0.35:0.75:0.85") == ("wrist", HALF)
    assert HALF.typed("wrist") == "wrist:0.25:0.35:0.75:0.85"
    third = Crop(1 / 3, 0, 1, 2 / 3)
    assert Crop.parse(third.typed("front")) == ("front", third)


SQUARES = (HALF, WHOLE, Crop(0.1, 0.7, 0.4, 1), Crop(0.36, 0.46, 0.64, 0.74))


@pytest.mark.parametrize("size", [48, 50, 64, 97, 128])
@pytest.mark.parametrize("crop", SQUARES)
def test_a_picture_drawn_for_it_keeps_the_size_that_was_asked_for(size: int, crop: Crop) -> None:
    side = crop.whole(size)
    assert crop.of(np.zeros((side, side, 3))).shape == (size, size, 3)


def test_of_another_shape_it_is_squeezed_as_a_robots_is() -> None:
    low = Crop(0, 0.5, 1, 1)
    side = low.whole(16)
    rows, columns = np.mgrid[:side, :side].astype(np.uint8)
    part = low.of(np.dstack([rows, columns, columns]))
    assert part.shape == (16, 32, 3)
    seen = shrunk(part, 16)
    assert seen.shape == (16, 16, 3)
    assert (seen[:, 0, 1].max(), seen[:, -1, 1].min()) == (0, 30)


def test_rows_are_counted_from_the_top_and_columns_from_the_left() -> None:
    rows, columns = np.mgrid[:100, :200]
    kept = HALF.of(np.dstack([rows, columns]))
    assert kept.shape == (50, 100, 2)
    assert (kept[0, 0].tolist(), kept[-1, -1].tolist()) == ([35, 50], [84, 149])


@pytest.mark.parametrize(
    "text", ["wrist", "wrist:0:0:1", "wrist:a:0:1:1", "wrist:0.5:0:0.52:1", "wrist:0:0:1:1.5"]
)
def test_what_is_no_crop_is_answered_with_one(text: str) -> None:
    with pytest.raises(ValueError, match=rf"crop is '{text}'.*, e.g. wrist:0\.25:"):
        crops_of(text, ["wrist"])


def test_a_camera_has_one_crop_and_is_looked_at() -> None:
    both = ("front:0:0:1:0.5", "wrist:0.25:0.35:0.75:0.85")
    assert crops_of(both, ["wrist", "front"])["wrist"] == HALF
    with pytest.raises(ValueError, match=r"'wrist' is not there; choose .* front"):
        crops_of(both, ["front"])
    with pytest.raises(ValueError, match="'wrist' is there twice"):
        crops_of((both[1], both[1]), ["front", "wrist"])


def test_all_of_a_picture_is_no_crop() -> None:
    assert crops_of("wrist:0:0:1:1", ["wrist"]) == {}


def test_a_number_is_no_crop() -> None:
    with pytest.raises(ValueError, match=r"crop is 0\.5; write camera:left"):
        crops_of(0.5, ["wrist"])  # pyright: ignore[reportArgumentType]
