"""Rotations and rigid motions on numpy, batched over leading axes.

A rotation is a matrix in SO(3) or a unit quaternion xyzw; a pose is a matrix in SE(3).
Composition is ``@``: with ``pose_a_b``, the pose of frame b in frame a, ``pose_a_b @ pose_b_c`` is
``pose_a_c``. Tangent vectors of SE(3) hold the linear part first, as Jacobians and twists do.
Formulas: Sola, Deray and Atchuthan, "A micro Lie theory for state estimation in robotics", 2018.
"""

from __future__ import annotations

import math

import numpy as np

_SERIES_BELOW = 1e-2
"""Angle [rad] below which a closed form loses more digits than the first terms of its series."""
_HAMILTON = np.array(
    [
        [[0, 0, 0, 1], [0, 0, 1, 0], [0, -1, 0, 0], [1, 0, 0, 0]],
        [[0, 0, -1, 0], [0, 0, 0, 1], [1, 0, 0, 0], [0, 1, 0, 0]],
        [[0, 1, 0, 0], [-1, 0, 0, 0], [0, 0, 0, 1], [0, 0, 1, 0]],
        [[-1, 0, 0, 0], [0, -1, 0, 0], [0, 0, -1, 0], [0, 0, 0, 1]],
    ],
    dtype=np.float64,
)
"""Element (i, j, k): what units j and k of two quaternions xyzw add to unit i of their product."""


def skew(vector: np.ndarray) -> np.ndarray:
    """Matrix of the cross product with ``vector``. Shape (..., 3) -> (..., 3, 3)."""
    vector = np.asarray(vector, dtype=np.float64)
    matrix = np.zeros((*vector.shape, 3))
    x, y, z = vector[..., 0], vector[..., 1], vector[..., 2]
    matrix[..., 0, 1], matrix[..., 0, 2] = -z, y
    matrix[..., 1, 0], matrix[..., 1, 2] = z, -x
    matrix[..., 2, 0], matrix[..., 2, 1] = -y, x
    return matrix


def so3_exp(rotvec: np.ndarray) -> np.ndarray:
    """Rotation matrix of a rotation vector. Shape (..., 3) [rad] -> (..., 3, 3)."""
    cross, angle = skew(rotvec), _angle(rotvec)
    return np.eye(3) + _sine(angle) * cross + _versine(angle) * (cross @ cross)


def so3_log(rotation: np.ndarray) -> np.ndarray:
    """Rotation vector, angle at most pi. Shape (..., 3, 3) -> (..., 3) [rad]."""
    return quat_log(quat_from_so3(rotation))


def quat_multiply(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Hamilton product, the rotation ``left @ right``. Shapes (..., 4) -> (..., 4)."""
    left, right = np.asarray(left, dtype=np.float64), np.asarray(right, dtype=np.float64)
    if left.ndim == right.ndim == 1:
        return np.array(_product(*left.tolist(), *right.tolist()))
    return np.einsum("ijk,...j,...k->...i", _HAMILTON, left, right)


def quat_inverse(quat: np.ndarray) -> np.ndarray:
    """Inverse of a unit quaternion. Shape (..., 4) -> (..., 4)."""
    return np.asarray(quat) * np.array([-1.0, -1.0, -1.0, 1.0])


def quat_exp(rotvec: np.ndarray) -> np.ndarray:
    """Unit quaternion of a rotation vector. Shape (..., 3) [rad] -> (..., 4)."""
    rotvec = np.asarray(rotvec, dtype=np.float64)
    if rotvec.ndim == 1:
        return np.array(_exponential(*rotvec.tolist()))
    half = np.linalg.norm(rotvec, axis=-1, keepdims=True) / 2
    return np.concatenate([np.sinc(half / np.pi) / 2 * rotvec, np.cos(half)], axis=-1)


def quat_log(quat: np.ndarray) -> np.ndarray:
    """Rotation vector of a unit quaternion, angle at most pi. Shape (..., 4) -> (..., 3) [rad]."""
    quat = np.asarray(quat, dtype=np.float64)
    if quat.ndim == 1:
        return np.array(_logarithm(*quat.tolist()))
    vector, real = quat[..., :3], quat[..., 3:]
    length = np.linalg.norm(vector, axis=-1, keepdims=True)
    angle = 2 * np.arctan2(length, np.abs(real))
    scale = angle / np.where(length > 0, length, 1.0)
    return np.where(real < 0, -1.0, 1.0) * np.where(length > 1e-150, scale, 2.0) * vector


def quat_from_so3(rotation: np.ndarray) -> np.ndarray:
    """Unit quaternion with a real part not negative. Shape (..., 3, 3) -> (..., 4)."""
    r = np.asarray(rotation, dtype=np.float64)
    # Every row of 4 q q^T is the quaternion up to scale; the longest row loses no digits.
    outer = np.empty((*r.shape[:-2], 4, 4))
    transpose = np.swapaxes(r, -1, -2)
    outer[..., :3, :3] = r + transpose
    trace = np.trace(r, axis1=-2, axis2=-1)
    outer[..., range(3), range(3)] += (1 - trace)[..., None]
    odd = r - transpose
    outer[..., 3, :3] = np.stack([odd[..., 2, 1], odd[..., 0, 2], odd[..., 1, 0]], axis=-1)
    outer[..., :3, 3] = outer[..., 3, :3]
    outer[..., 3, 3] = 1 + trace
    longest = np.argmax(outer[..., range(4), range(4)], axis=-1)[..., None, None]
    quat = np.take_along_axis(outer, longest, axis=-2)[..., 0, :]
    quat /= np.linalg.norm(quat, axis=-1, keepdims=True)
    return np.where(quat[..., 3:] < 0, -quat, quat)


def so3_from_quat(quat: np.ndarray) -> np.ndarray:
    """Rotation matrix of a quaternion of any length but zero. Shape (..., 4) -> (..., 3, 3)."""
    quat = np.asarray(quat, dtype=np.float64)
    quat = quat / np.linalg.norm(quat, axis=-1, keepdims=True)
    cross = skew(quat[..., :3])
    return np.eye(3) + 2 * quat[..., 3, None, None] * cross + 2 * (cross @ cross)


def rot6d_from_so3(rotation: np.ndarray) -> np.ndarray:
    """First two columns of a rotation matrix (Zhou et al., 2019). Shape (..., 3, 3) -> (..., 6)."""
    rotation = np.asarray(rotation, dtype=np.float64)
    return np.concatenate([rotation[..., 0], rotation[..., 1]], axis=-1)


def so3_from_rot6d(rot6d: np.ndarray) -> np.ndarray:
    """Rotation matrix nearest in the sense of Gram and Schmidt. Shape (..., 6) -> (..., 3, 3)."""
    rot6d = np.asarray(rot6d, dtype=np.float64)
    x, y = rot6d[..., :3], rot6d[..., 3:]
    x = x / np.linalg.norm(x, axis=-1, keepdims=True)
    y = y - np.sum(x * y, axis=-1, keepdims=True) * x
    y = y / np.linalg.norm(y, axis=-1, keepdims=True)
    return np.stack([x, y, np.cross(x, y)], axis=-1)


def se3(position: np.ndarray, rotation: np.ndarray) -> np.ndarray:
    """Pose of a position [m] and a rotation. Shapes (..., 3), (..., 3, 3) -> (..., 4, 4)."""
    position, rotation = np.asarray(position), np.asarray(rotation)
    pose = np.zeros((*np.broadcast_shapes(position.shape[:-1], rotation.shape[:-2]), 4, 4))
    pose[..., :3, :3] = rotation
    pose[..., :3, 3] = position
    pose[..., 3, 3] = 1.0
    return pose


def se3_inverse(pose: np.ndarray) -> np.ndarray:
    """``pose_b_a`` of ``pose_a_b``. Shape (..., 4, 4) -> (..., 4, 4)."""
    back = np.swapaxes(pose[..., :3, :3], -1, -2)
    return se3(-(back @ pose[..., :3, 3:])[..., 0], back)


def se3_between(pose_a_b: np.ndarray, pose_a_c: np.ndarray) -> np.ndarray:
    """``pose_b_c``: the second pose as seen from the first. Shapes (..., 4, 4) -> (..., 4, 4)."""
    return se3_inverse(pose_a_b) @ pose_a_c


def se3_exp(tangent: np.ndarray) -> np.ndarray:
    """Pose reached by a constant body twist after unit time. Shape (..., 6) -> (..., 4, 4)."""
    tangent = np.asarray(tangent, dtype=np.float64)
    linear, rotvec = tangent[..., :3], tangent[..., 3:]
    cross, angle = skew(rotvec), _angle(rotvec)
    left = np.eye(3) + _versine(angle) * cross + _sine_remainder(angle) * (cross @ cross)
    return se3((left @ linear[..., None])[..., 0], so3_exp(rotvec))


def se3_log(pose: np.ndarray) -> np.ndarray:
    """Body twist that leads to ``pose`` in unit time. Shape (..., 4, 4) -> (..., 6) [m, rad]."""
    rotvec = so3_log(pose[..., :3, :3])
    cross, angle = skew(rotvec), _angle(rotvec)
    inverse = np.eye(3) - cross / 2 + _inverse_remainder(angle) * (cross @ cross)
    return np.concatenate([(inverse @ pose[..., :3, 3:])[..., 0], rotvec], axis=-1)


def se3_adjoint(pose: np.ndarray) -> np.ndarray:
    """Map of twists of frame b to twists of frame a, for ``pose_a_b``. Shape (..., 6, 6)."""
    rotation = pose[..., :3, :3]
    adjoint = np.zeros((*rotation.shape[:-2], 6, 6))
    adjoint[..., :3, :3] = adjoint[..., 3:, 3:] = rotation
    adjoint[..., :3, 3:] = skew(pose[..., :3, 3]) @ rotation
    return adjoint


def pose_error(pose: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Translation and rotation vector from ``pose`` to ``target``, both in the base frame.

    Args:
        pose: Current pose in the base frame. Shape (..., 4, 4).
        target: Wanted pose in the base frame. Shape (..., 4, 4).

    Returns:
        The error in the coordinates of a Jacobian's rows. Shape (..., 6) [m, rad].
    """
    turn = target[..., :3, :3] @ np.swapaxes(pose[..., :3, :3], -1, -2)
    return np.concatenate([target[..., :3, 3] - pose[..., :3, 3], so3_log(turn)], axis=-1)


def se3_from_vector(vector: np.ndarray) -> np.ndarray:
    """Pose of ``x y z qx qy qz qw``. Shape (..., 7) -> (..., 4, 4)."""
    return se3(vector[..., :3], so3_from_quat(vector[..., 3:]))


def vector_from_se3(pose: np.ndarray) -> np.ndarray:
    """``x y z qx qy qz qw`` of a pose. Shape (..., 4, 4) -> (..., 7)."""
    return np.concatenate([pose[..., :3, 3], quat_from_so3(pose[..., :3, :3])], axis=-1)


# A safety filter takes the difference of two poses several times per tick. For one quaternion,
# plain numbers take a fraction of the time of arrays.


def _product(
    x: float, y: float, z: float, w: float, rx: float, ry: float, rz: float, rw: float
) -> tuple[float, ...]:
    return (
        w * rx + x * rw + y * rz - z * ry,
        w * ry - x * rz + y * rw + z * rx,
        w * rz + x * ry - y * rx + z * rw,
        w * rw - x * rx - y * ry - z * rz,
    )


def _exponential(x: float, y: float, z: float) -> tuple[float, ...]:
    half = math.hypot(x, y, z) / 2
    if not math.isfinite(half):
        return (math.nan,) * 4
    scale = math.sin(half) / half / 2 if half > 0 else 0.5
    return scale * x, scale * y, scale * z, math.cos(half)


def _logarithm(x: float, y: float, z: float, w: float) -> tuple[float, ...]:
    length = math.hypot(x, y, z)
    scale = 2 * math.atan2(length, abs(w)) / length if length > 1e-150 else 2.0
    scale = math.copysign(scale, w) if w != 0 else scale
    return scale * x, scale * y, scale * z


def _angle(rotvec: np.ndarray) -> np.ndarray:
    """Shape (..., 3) -> (..., 1, 1), to scale matrices with."""
    return np.linalg.norm(rotvec, axis=-1)[..., None, None]


def _sine(angle: np.ndarray) -> np.ndarray:
    """sin(a) / a."""
    return np.sinc(angle / np.pi)


def _versine(angle: np.ndarray) -> np.ndarray:
    """(1 - cos(a)) / a^2, without the cancellation."""
    return np.sinc(angle / (2 * np.pi)) ** 2 / 2


def _sine_remainder(angle: np.ndarray) -> np.ndarray:
    """(a - sin(a)) / a^3."""
    small = angle < _SERIES_BELOW
    safe = np.where(small, 1.0, angle)
    return np.where(small, 1 / 6 - angle**2 / 120, (safe - np.sin(safe)) / safe**3)


def _inverse_remainder(angle: np.ndarray) -> np.ndarray:
    """1 / a^2 - (1 + cos(a)) / (2 a sin(a)), which is finite at pi too."""
    small = angle < _SERIES_BELOW
    safe = np.where(small, 1.0, angle)
    closed = (1 - _sine(safe) / (2 * _versine(safe))) / safe**2
    return np.where(small, 1 / 12 + angle**2 / 720, closed)
