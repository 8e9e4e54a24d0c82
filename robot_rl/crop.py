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
            ValueError: It is something else, or the corners lie outside, or apart.
        """
        camera, *corners = str(text).split(":")
        try:
            crop = cls(*(float(corner) for corner in corners))
        except (TypeError, ValueError):
            raise ValueError(f"crop is {text!r}; {_FORM}") from None
        if not (0 <= crop.left < crop.right <= 1 and 0 <= crop.top < crop.bottom <= 1):
            raise ValueError(
                f"crop is {text!r}, which keeps nothing; {_FORM}, left below right and top below "
                "bottom"
            )
        return camera, crop

    def typed(self, camera: str) -> str:
        """Inverse of ``parse``."""
        return ":".join((camera, *(f"{corner:g}" for corner in self)))

    def of(self, picture: np.ndarray) -> np.ndarray:
        """That part of a picture, a view. Shape (height, width, 3)."""
        height, width = picture.shape[:2]
        return picture[
            _pixels(self.top, self.bottom, height), _pixels(self.left, self.right, width)
        ]

    def whole(self, size: int) -> tuple[int, int]:
        """Width and height of a picture whose kept part has ``size`` pixels on each side."""
        return round(size / (self.right - self.left)), round(size / (self.bottom - self.top))


WHOLE = Crop(0, 0, 1, 1)
"""All of it."""


def _pixels(low: float, high: float, size: int) -> slice:
    count = round((high - low) * size)
    first = min(round(low * size), size - count)
    return slice(first, first + count)


def as_texts(typed: str | Iterable[str]) -> tuple[str, ...]:
    """One that was typed alone is a text, and several are many."""
    return (typed,) if isinstance(typed, str) else tuple(typed)


def crops_of(texts: str | Iterable[str], cameras: Collection[str]) -> dict[str, Crop]:
    """What is kept of each camera that is named.

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
            why = "is there twice" if camera in crops else "is not looked at"
            raise ValueError(
                f"crop is {text!r}, and camera {camera!r} {why}; choose one for each of "
                f"{', '.join(cameras) or 'the cameras, of which there are none'}"
            )
        crops[camera] = crop
    return crops
