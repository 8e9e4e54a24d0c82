"""The topics of a robot, one by one: what we hear, how old it may be, and what we say."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from hardware.contract import Contract
    from hardware.topics import ExtraPose, Qos, StateTopic

MESSAGES = {
    "JointState": "sensor_msgs/msg/JointState",
    "Image": "sensor_msgs/msg/Image",
    "CompressedImage": "sensor_msgs/msg/CompressedImage",
    "CameraInfo": "sensor_msgs/msg/CameraInfo",
    "PoseStamped": "geometry_msgs/msg/PoseStamped",
    "WrenchStamped": "geometry_msgs/msg/WrenchStamped",
    "TwistStamped": "geometry_msgs/msg/TwistStamped",
    "Twist": "geometry_msgs/msg/Twist",
    "Float64MultiArray": "std_msgs/msg/Float64MultiArray",
    "Float64": "std_msgs/msg/Float64",
    "JointTrajectory": "trajectory_msgs/msg/JointTrajectory",
}
"""Full names of the message types that a contract may name."""


IMAGES, EXTRA = "images/", "extra/"
"""What the names of camera streams begin with, and those of extra poses."""


class Subscription(NamedTuple):
    """A stream that the robot publishes."""

    name: str
    """Name of the stream, e.g. ``joint_states``, ``images/front`` or ``extra/block``."""
    key: str
    """Where the contract says so, e.g. ``state.joint_states``."""
    topic: str
    type: str
    """Short name of the message type, a key of ``MESSAGES``."""
    qos: Qos
    rate: float
    """Messages per second [Hz]."""
    max_age: float
    """Age beyond which the stream counts as stale [s]."""


class Publication(NamedTuple):
    """A topic that the robot listens to."""

    key: str
    """Where the contract says so, e.g. ``command``."""
    topic: str
    type: str
    """Short name of the message type, a key of ``MESSAGES``."""
    qos: Qos


def subscriptions(contract: Contract) -> tuple[Subscription, ...]:
    """All streams of a robot."""
    return (*_states(contract), *_cameras(contract))


def stamps(contract: Contract) -> tuple[Subscription, ...]:
    """The same streams for who needs no pixels: of a camera its ``camera_info``."""
    return (*_states(contract), *_infos(contract))


def publications(contract: Contract) -> tuple[Publication, ...]:
    """All topics a robot listens to, each once."""
    commands = [("command", contract.command)]
    commands += [(f"alternatives[{i}]", c) for i, c in enumerate(contract.alternatives)]
    found = [Publication(key, c.topic, c.type, c.qos) for key, c in commands]
    gripper = contract.gripper
    if gripper is not None:
        found.append(Publication("gripper", gripper.topic, gripper.type, gripper.qos))
    return tuple(found)


def _states(contract: Contract) -> Iterator[Subscription]:
    state, gripper = contract.state, contract.gripper
    for name, part, message in (
        ("joint_states", state.joint_states, "JointState"),
        ("current_pose", state.current_pose, "PoseStamped"),
        ("wrench", state.wrench, "WrenchStamped"),
    ):
        if part is not None:
            yield _state(name, f"state.{name}", part, message, contract)
    if gripper is not None and gripper.state is not None:
        yield _state("gripper", "gripper.state", gripper.state, "JointState", contract)
    for index, pose in enumerate(contract.extra):
        yield _state(f"{EXTRA}{pose.name}", f"extra[{index}]", pose, "PoseStamped", contract)


def _state(
    name: str, key: str, part: StateTopic | ExtraPose, message: str, contract: Contract
) -> Subscription:
    rate = part.rate or contract.rates.state
    return Subscription(name, key, part.topic, message, part.qos, rate, part.max_age)


def _cameras(contract: Contract) -> Iterator[Subscription]:
    for index, camera in enumerate(contract.cameras):
        yield Subscription(
            f"{IMAGES}{camera.name}",
            f"cameras[{index}]",
            camera.topic,
            "CompressedImage" if camera.type == "compressed" else "Image",
            camera.qos,
            camera.rate,
            camera.stale_after,
        )


def _infos(contract: Contract) -> Iterator[Subscription]:
    for camera, stream in zip(contract.cameras, _cameras(contract), strict=True):
        key, qos = f"{stream.key}.info", replace(camera.qos, reliability="best_effort")
        yield stream._replace(key=key, topic=camera.info_topic, type="CameraInfo", qos=qos)
