"""The part of a camera's pictures where something happens, as SERL's settings have it."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import NamedTuple, Self

import numpy as np

_FORM = (
    "write camera:left:top:right:bottom in shares of the picture, e.g. wrist:0.25:0.35:0.75:0.85"
)


class Crop(NamedTuple):
    """Corners of what is kept, as shares of width and height; the picture's first row is its top.

    Policies see small pictures, and a millimetre is less than one of their pixels where the camera
    sees the whole table.
    """

    left: float
    top: float
    right: float
    bottom: float

    @classmethod
    def parse(cls, text: str) -> tuple[str, Self]:
        """The camera and what is kept of its pictures, of ``camera:left:top:right:bottom``.

        Raises:
            ValueError: It is something else, or the corners lie outside, or too near each other.
        """
        camera, *corners = str(text).split(":")
        try:
            crop = cls(*(float(corner) for corner in corners))
        except (TypeError, ValueError):
            raise ValueError(f"crop is {text!r}; {_FORM}") from None
        inside = all(0 <= corner <= 1 for corner in crop)
        if not inside or min(crop.right - crop.left, crop.bottom - crop.top) < _LEAST:
            raise ValueError(
                f"crop is {text!r}, which keeps less than {_LEAST} of a side, or lies outside; "
                f"{_FORM}, left below right and top below bottom"
            )
        return camera, crop

    def typed(self, camera: str) -> str:
        """Inverse of ``parse``."""
        return ":".join((camera, *(repr(float(corner)) for corner in self)))

    def of(self, picture: np.ndarray) -> np.ndarray:
        """That part of a picture, a view. Shape (height, width, 3)."""
        height, width = picture.shape[:2]
        return picture[
            _pixels(self.top, self.bottom, height), _pixels(self.left, self.right, width)
        ]

    def whole(self, size: int) -> int:
        """Side of a square picture whose kept part has no side of less than ``size`` pixels."""
        return round(size / min(self.right - self.left, self.bottom - self.top))


WHOLE = Crop(0, 0, 1, 1)
"""All of it."""
_LEAST = 0.05
"""Share of a side that is kept at least: a simulator draws the whole picture, as large as that."""


def shrunk(picture: np.ndarray, size: int) -> np.ndarray:
    """A copy with ``size`` pixels on each side, each the mean of those that it stands for."""
    if picture.shape[:2] == (size, size):
        return picture.copy()
    import cv2  # It needs libGL, which whoever sees nothing may lack.

    return cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA)


def _pixels(low: float, high: float, size: int) -> slice:
    count = round((high - low) * size)
    first = min(round(low * size), size - count)
    return slice(first, first + count)


def as_texts(typed: str | Iterable[str]) -> tuple[str, ...]:
    """One that was typed alone is a text, and several are many.

    Raises:
        ValueError: It is neither.
    """
    if isinstance(typed, str):
        return (typed,)
    if not isinstance(typed, Iterable):
        raise ValueError(f"crop is {typed!r}; {_FORM}")
    return tuple(typed)


def crops_of(texts: str | Iterable[str], cameras: Collection[str]) -> dict[str, Crop]:
    """What is kept of each camera that is named, and not whole.

    Args:
        texts: As ``Crop.parse`` has them; at most one for each camera.
        cameras: Those that there are.

    Raises:
        ValueError: One is something else, or of another camera, or there are two of one.
    """
    crops: dict[str, Crop] = {}
    for text in as_texts(texts):
        camera, crop = Crop.parse(text)
        if camera not in cameras or camera in crops:
            why = "is there twice" if camera in crops else "is not there"
            raise ValueError(
                f"crop is {text!r}, and camera {camera!r} {why}; choose one for each of "
                f"{', '.join(cameras) or 'the cameras, of which there are none'}"
            )
        crops[camera] = crop
    return {camera: crop for camera, crop in crops.items() if crop != WHOLE}
