"""Pinhole models from a field of view and from a file of camera_calibration."""

import math
from pathlib import Path

import pytest

from hardware.intrinsics import Intrinsics

CALIBRATION = """\
image_width: 640
image_height: 480
camera_name: front
camera_matrix: {rows: 3, cols: 3, data: [600.5, 0.0, 310.25, 0.0, 601.5, 242.75, 0.0, 0.0, 1.0]}
distortion_model: plumb_bob
distortion_coefficients: {rows: 1, cols: 5, data: [0.1, -0.2, 0.001, 0.002, 0.0]}
"""


def test_the_upper_edge_of_the_picture_is_half_the_field_of_view_away() -> None:
    camera = Intrinsics.of_fovy(math.radians(45), 640, 480)
    assert math.atan((camera.cy + 0.5) / camera.fy) == pytest.approx(math.radians(22.5))
    assert camera.fx == camera.fy
    assert (camera.cx, camera.cy) == (319.5, 239.5)


def test_a_calibration_is_read_as_ros_writes_it(tmp_path: Path) -> None:
    path = tmp_path / "front.yaml"
    path.write_text(CALIBRATION)
    camera = Intrinsics.load(path, 640, 480)
    assert (camera.fx, camera.fy, camera.cx, camera.cy) == (600.5, 601.5, 310.25, 242.75)
    assert camera.distortion == (0.1, -0.2, 0.001, 0.002, 0.0)


def test_a_calibration_of_another_size_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "front.yaml"
    path.write_text(CALIBRATION)
    with pytest.raises(ValueError, match=r"front\.yaml .* 640 x 480 frames, .* 128 x 128"):
        Intrinsics.load(path, 128, 128)


@pytest.mark.parametrize("text", ["camera_matrix: 3", "- 1", "a: [", ""])
def test_another_file_is_no_calibration(tmp_path: Path, text: str) -> None:
    path = tmp_path / "other.yaml"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"other\.yaml is no"):
        Intrinsics.load(path, 640, 480)
