"""Rotations and rigid motions on numpy, batched over leading axes."""

from __future__ import annotations

import numpy as np


def so3_exp(rotvec: np.ndarray) -> np.ndarray:
    """Rotation matrix of a rotation vector. Shape (..., 3) [rad] -> (..., 3, 3)."""
    rotvec = np.asarray(rotvec, dtype=np.float64)
    angle2 = np.sum(rotvec * rotvec, axis=-1)[..., None, None]
    angle = np.sqrt(angle2)
    x, y, z = rotvec[..., 0], rotvec[..., 1], rotvec[..., 2]
    zero = np.zeros_like(x)
    cross = np.stack([zero, -z, y, z, zero, -x, -y, x, zero], axis=-1).reshape(*x.shape, 3, 3)
    small = angle2 < 1e-12
    safe = np.where(small, 1.0, angle)
    a = np.where(small, 1.0, np.sin(safe) / safe)
    b = np.where(small, 0.5, (1 - np.cos(safe)) / safe**2)
    return np.eye(3) + a * cross + b * (cross @ cross)


def so3_log(rotation: np.ndarray) -> np.ndarray:
    """Rotation vector of a rotation matrix, angle below pi. Shape (..., 3, 3) -> (..., 3) [rad]."""
    r = np.asarray(rotation, dtype=np.float64)
    axis = np.stack(
        [r[..., 2, 1] - r[..., 1, 2], r[..., 0, 2] - r[..., 2, 0], r[..., 1, 0] - r[..., 0, 1]], axis=-1
    )
    cos = np.clip((np.trace(r, axis1=-2, axis2=-1) - 1) / 2, -1, 1)
    sin = np.linalg.norm(axis, axis=-1) / 2
    angle = np.arctan2(sin, cos)
    factor = np.where(sin < 1e-9, 0.5, angle / np.where(sin < 1e-9, 1.0, 2 * sin))
    return factor[..., None] * axis
