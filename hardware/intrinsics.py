"""How a camera maps directions to pixels: the pinhole model, and the file of a calibration."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import yaml


@dataclass(frozen=True)
class Intrinsics:
    """The pinhole model of a camera; pixel (0, 0) has its centre at (0, 0), as in OpenCV."""

    width: int
    height: int
    fx: float
    """Focal length along a row [pixels]."""
    fy: float
    """Focal length along a column [pixels]."""
    cx: float
    """Column of the principal point [pixels]."""
    cy: float
    """Row of the principal point [pixels]."""
    distortion: tuple[float, ...] = (0.0, 0.0, 0.0, 0.0, 0.0)
    """Coefficients of ``model``: k1 k2 p1 p2 k3 of plumb_bob."""
    model: str = "plumb_bob"

    @classmethod
    def of_fovy(cls, fovy: float, width: int, height: int) -> Self:
        """An ideal camera with square pixels; ``fovy`` is the vertical field of view [rad]."""
        focal = 0.5 * height / math.tan(0.5 * fovy)
        return cls(width, height, focal, focal, (width - 1) / 2, (height - 1) / 2)

    @classmethod
    def load(cls, path: str | Path, width: int, height: int) -> Self:
        """Reads the YAML file that ROS's ``camera_calibration`` writes.

        Raises:
            OSError: There is no such file.
            ValueError: It is something else, or for frames of another size.
        """
        name, values = Path(path).name, _read(Path(path))
        try:
            size = int(values["image_width"]), int(values["image_height"])
            fx, _, cx, _, fy, cy, *_ = map(float, values["camera_matrix"]["data"])
            distortion = tuple(map(float, values["distortion_coefficients"]["data"]))
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(
                f"{name} is no calibration: {error!r}; give the YAML file that camera_calibration "
                "writes, with image_width, image_height, camera_matrix, distortion_coefficients"
            ) from error
        if size != (width, height):
            raise ValueError(
                f"{name} is a calibration of {size[0]} x {size[1]} frames, the contract says "
                f"{width} x {height}; calibrate the camera at that size"
            )
        model = str(values.get("distortion_model", cls.model))
        return cls(width, height, fx, fy, cx, cy, distortion, model)


def _read(path: Path) -> Any:
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"{path.name} is no YAML that can be read: {error}") from error
