"""Distances as grey pictures."""

import numpy as np
import pytest

from robot_rl.depth import FARTHEST, NEAREST, distance_of, grey_of, is_depth, seen_by


def test_a_level_is_a_share_of_the_distance() -> None:
    distance = np.geomspace(NEAREST, FARTHEST, 1000)[None]
    grey = grey_of(distance)
    assert (grey.shape, grey.dtype) == ((1, 1000, 3), np.uint8)
    assert (grey[0, 0, 0], grey[0, -1, 0]) == (255, 1)
    assert (np.diff(grey[0, :, 0].astype(int)) <= 0).all()
    np.testing.assert_allclose(distance_of(grey), distance, rtol=0.006)
    np.testing.assert_array_equal(grey_of(distance_of(grey)), grey)


def test_what_is_near_is_white_and_what_is_not_known_black() -> None:
    distance = np.array([[0.01, 0.0, -1.0, 2.5, np.inf, np.nan]])
    assert grey_of(distance)[0, :, 0].tolist() == [255, 0, 0, 0, 0, 0]
    assert distance_of(grey_of(distance))[0].tolist() == pytest.approx([NEAREST, 0, 0, 0, 0, 0])


def test_the_name_of_a_camera_says_what_it_sees() -> None:
    assert [is_depth("wrist"), is_depth("wrist_depth")] == [False, True]
    assert [seen_by("wrist"), seen_by("wrist_depth")] == ["wrist", "wrist"]
