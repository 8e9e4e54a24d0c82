"""Messages to numpy and back. Stamps are seconds, quaternions xyzw, images RGB."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from builtin_interfaces.msg import Time
from geometry_msgs.msg import Pose, PoseStamped, Twist, TwistStamped, Vector3, WrenchStamped
from rclpy.subscription import MessageInfo
from sensor_msgs.msg import CompressedImage, Image, JointState
from std_msgs.msg import Float64MultiArray, Header

from hardware.endpoints import MESSAGES
from robot_rl import depth

_CHANNELS = {"rgb8": 3, "bgr8": 3, "rgba8": 4, "bgra8": 4, "mono8": 1}
"""Encodings that ``pixels_of`` reads, with their bytes per pixel."""
_MILLIMETRES, _METRES = "16UC1", "32FC1"
_DISTANCES = {_MILLIMETRES: 2, _METRES: 4}
"""Those of ``grey_of`` (REP 118)."""


def message_class(type_name: str) -> type[Any]:
    """The class of a type that contracts name, e.g. ``JointState``.

    Raises:
        KeyError: If no contract may name it.
    """
    package, _, name = MESSAGES[type_name].split("/")
    return getattr(importlib.import_module(f"{package}.msg"), name)


def to_seconds(stamp: Time) -> float:
    """A stamp as seconds; float64 resolves 0.2 us since 1970."""
    return stamp.sec + 1e-9 * stamp.nanosec


def to_stamp(seconds: float) -> Time:
    """Inverse of ``to_seconds``."""
    nanoseconds = round(seconds * 1e9)
    return Time(sec=nanoseconds // 10**9, nanosec=nanoseconds % 10**9)


def header(stamp: float, frame_id: str = "") -> Header:
    """A header of a stamp [s]."""
    return Header(stamp=to_stamp(stamp), frame_id=frame_id)


def sender_of(info: MessageInfo) -> bytes:
    """Which publisher a message is from; empty if this ROS does not tell."""
    publisher = info.get("publisher_gid")
    return publisher["data"] if publisher else b""


def joint_state(
    stamp: float,
    names: Iterable[str],
    q: np.ndarray,
    dq: np.ndarray | None = None,
    tau: np.ndarray | None = None,
) -> JointState:
    """Joint values by name; what is not known is zero, for some readers trip over empty arrays."""
    zeros = np.zeros(len(q))
    return JointState(
        header=header(stamp),
        name=list(names),
        position=np.asarray(q, np.float64).tolist(),
        velocity=(zeros if dq is None else dq).tolist(),
        effort=(zeros if tau is None else tau).tolist(),
    )


def pose(vector: np.ndarray) -> Pose:
    """A pose of ``x y z qx qy qz qw``, shape (7,) [m]."""
    message = Pose()
    point, turn = message.position, message.orientation
    point.x, point.y, point.z, turn.x, turn.y, turn.z, turn.w = np.asarray(vector, float).tolist()
    return message


def pose_stamped(stamp: float, frame_id: str, vector: np.ndarray) -> PoseStamped:
    """A stamped pose of ``x y z qx qy qz qw``, shape (7,) [m]."""
    return PoseStamped(header=header(stamp, frame_id), pose=pose(vector))


def vector_of_pose(message: Pose) -> np.ndarray:
    """``x y z qx qy qz qw``. Shape (7,) [m]."""
    point, turn = message.position, message.orientation
    return np.array([point.x, point.y, point.z, turn.x, turn.y, turn.z, turn.w])


def twist(vector: np.ndarray) -> Twist:
    """Linear, then angular velocity. Shape (6,) [m/s, rad/s]."""
    linear, angular = (
        Vector3(**dict(zip("xyz", part, strict=True))) for part in vector.reshape(2, 3).tolist()
    )
    return Twist(linear=linear, angular=angular)


def twist_stamped(stamp: float, frame_id: str, vector: np.ndarray) -> TwistStamped:
    """``vector`` as for ``twist``."""
    return TwistStamped(header=header(stamp, frame_id), twist=twist(vector))


def vector_of_twist(message: Twist) -> np.ndarray:
    """Inverse of ``twist``. Shape (6,)."""
    parts = message.linear, message.angular
    return np.array([value for v in parts for value in (v.x, v.y, v.z)])


def wrench_stamped(stamp: float, frame_id: str, wrench: np.ndarray) -> WrenchStamped:
    """Force and torque, shape (6,) [N, N m]."""
    message = WrenchStamped(header=header(stamp, frame_id))
    force, torque = message.wrench.force, message.wrench.torque
    force.x, force.y, force.z, torque.x, torque.y, torque.z = np.asarray(wrench, float).tolist()
    return message


def vector_of_wrench(message: WrenchStamped) -> np.ndarray:
    """Force and torque. Shape (6,) [N, N m]."""
    force, torque = message.wrench.force, message.wrench.torque
    return np.array([force.x, force.y, force.z, torque.x, torque.y, torque.z])


def numbers(values: np.ndarray) -> Float64MultiArray:
    """Numbers without names, as forward controllers take them."""
    return Float64MultiArray(data=np.asarray(values, np.float64).tolist())


def gripper_value(message: Any) -> float:
    """What a command asks of the gripper, in whichever type it comes."""
    if hasattr(message, "points"):
        return message.points[-1].positions[0]
    return float(np.ravel(message.data)[0])


def image(stamp: float, frame_id: str, pixels: np.ndarray) -> Image:
    """An rgb8 image of pixels, shape (height, width, 3), uint8."""
    return _image(stamp, frame_id, pixels, "rgb8")


def depth_image(stamp: float, frame_id: str, grey: np.ndarray) -> Image:
    """A 16UC1 image, in millimetres, of what ``depth.grey_of`` made."""
    return _image(stamp, frame_id, millimetres_of(grey), _MILLIMETRES)


def millimetres_of(grey: np.ndarray) -> np.ndarray:
    """Distances of a grey picture. Shape (height, width, 1), little-endian uint16 [mm]."""
    return np.rint(1e3 * depth.distance_of(grey))[..., None].astype("<u2")


def _image(stamp: float, frame_id: str, values: np.ndarray, encoding: str) -> Image:
    """``data`` takes bytes: an array would be copied element by element, a thousand times slower.

    Shape of the values (height, width, channels).
    """
    height, width, channels = values.shape
    return Image(
        header=header(stamp, frame_id),
        height=height,
        width=width,
        encoding=encoding,
        step=channels * width * values.itemsize,
        data=np.ascontiguousarray(values).tobytes(),
    )


def pixels_of(message: Image) -> np.ndarray:
    """RGB pixels of an image. Shape (height, width, 3), uint8; rgb8 is not copied.

    Raises:
        ValueError: If the encoding is another one, or the size does not fit the data.
    """
    pixels = _bytes_of(message, _CHANNELS)
    channels = pixels.shape[2]
    if message.encoding.startswith("bgr"):
        return pixels[..., 2::-1]
    return np.repeat(pixels, 3, axis=2) if channels == 1 else pixels[..., :3]


def grey_of(message: Image) -> np.ndarray:
    """Distances as a grey picture, as ``depth.grey_of``. Shape (height, width, 3), uint8.

    Raises:
        ValueError: If the encoding is another one, or the size does not fit the data.
    """
    order = ">" if message.is_bigendian else "<"
    if message.encoding == _METRES:
        metres = _bytes_of(message, _DISTANCES).view(f"{order}f4")
    else:
        metres = 1e-3 * _bytes_of(message, _DISTANCES).view(f"{order}u2")
    return depth.grey_of(metres[..., 0])


def _bytes_of(message: Image, encodings: Mapping[str, int]) -> np.ndarray:
    """Bytes of an image in one of these encodings. Shape (height, width, bytes of a pixel)."""
    if message.encoding not in encodings:
        raise ValueError(
            f"an image has encoding {message.encoding!r}; "
            f"let its driver publish one of {', '.join(encodings)}"
        )
    size, wide = encodings[message.encoding], message.step
    rows = np.frombuffer(message.data, np.uint8)
    if rows.size != message.height * wide or wide < size * message.width:
        raise ValueError(
            f"an image of {message.width} x {message.height} {message.encoding} has {rows.size} "
            f"bytes in rows of {wide}; its driver must fill them all"
        )
    rows = rows.reshape(message.height, wide)[:, : size * message.width]
    return rows.reshape(message.height, message.width, size)


def pixels_of_compressed(message: CompressedImage) -> np.ndarray:
    """RGB pixels of a JPEG or PNG. Shape (height, width, 3), uint8.

    Raises:
        ValueError: If it is neither.
    """
    import cv2

    data = np.frombuffer(message.data, np.uint8)
    found = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
    if found is None:
        raise ValueError(
            f"a compressed image of format {message.format!r} cannot be read; "
            "let its driver publish jpeg or png"
        )
    return np.ascontiguousarray(found[..., ::-1])


def compressed(
    stamp: float, frame_id: str, pixels: np.ndarray, quality: int = 90
) -> CompressedImage:
    """A JPEG of pixels, shape (height, width, 3), uint8."""
    import cv2

    bgr = np.ascontiguousarray(pixels[..., ::-1])
    _, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return CompressedImage(header=header(stamp, frame_id), format="jpeg", data=data.tobytes())


PIXELS: dict[str, Callable[[Any], np.ndarray]] = {
    "raw": pixels_of,
    "compressed": pixels_of_compressed,
    "depth": grey_of,
}
"""RGB pixels of a message, by the type of its camera in the contract."""
