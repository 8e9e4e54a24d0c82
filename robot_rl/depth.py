"""Distance as a grey picture, so that whatever takes pictures takes depth as well.

The grey falls with the logarithm of the distance, as the error of depth cameras grows with it: each
of its levels is 1.2 % of the distance, everywhere. A camera ``<name>_depth`` is the depth of
``<name>``.
"""

from __future__ import annotations

import math

import numpy as np

SUFFIX = "_depth"
NEAREST, FARTHEST = 0.1, 2.0
"""What is nearer than that is white; what is farther black, as is what the camera cannot tell [m].
"""
LEVELS = 254 / math.log(FARTHEST / NEAREST)
"""By how much the grey falls as the distance grows e-fold; times a small share, by that share."""


def is_depth(camera: str) -> bool:
    """Whether the name of a camera says that it sees distances."""
    return camera.endswith(SUFFIX)


def seen_by(camera: str) -> str:
    """The camera whose depth it is; itself if it sees colours."""
    return camera.removesuffix(SUFFIX)


def grey_of(distance: np.ndarray) -> np.ndarray:
    """The picture of distances along the optical axis.

    Args:
        distance: Shape (height, width) [m]; 0, infinite or NaN where there is none.

    Returns:
        Shape (height, width, 3), uint8; 255 at ``NEAREST``, 1 at ``FARTHEST``, 0 beyond and where
        there is none.
    """
    known = (distance > 0) & (distance <= FARTHEST)
    away = np.where(known, np.maximum(distance, NEAREST), FARTHEST)
    grey = np.where(known, 1.5 + LEVELS * np.log(FARTHEST / away), 0).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)


def distance_of(grey: np.ndarray) -> np.ndarray:
    """Inverse of ``grey_of``, within half a level. Shape (height, width) [m]; 0 where it is black.

    Args:
        grey: Shape (height, width, 3), uint8.
    """
    level = grey[..., 0].astype(np.float32)
    return np.where(level > 0, FARTHEST * np.exp((1 - level) / LEVELS), 0)
