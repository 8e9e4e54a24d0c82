"""The topics in a contract: what a robot reports, what it listens to, and with which quality."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Literal

from hardware import contract_checks as checks
from robot_rl.depth import SUFFIX, is_depth

Mode = Literal["joint_position", "joint_velocity", "cartesian_pose", "cartesian_twist"]
CommandType = Literal[
    "Float64MultiArray", "JointTrajectory", "PoseStamped", "TwistStamped", "Twist"
]
GripperType = Literal["Float64MultiArray", "Float64", "JointTrajectory"]


@dataclass(frozen=True)
class Qos:
    """Quality of service of one topic, history always "keep last"."""

    reliability: Literal["reliable", "best_effort"] = "reliable"
    """A reliable subscriber never hears a best-effort publisher."""
    depth: int = 1
    """Messages kept; 1 means that only the newest counts."""
    durability: Literal["volatile", "transient_local"] = "volatile"
    """``transient_local`` gives the last message to those who come later."""

    def __post_init__(self) -> None:
        checks.within("depth", self.depth, 1, 1000, "messages")


SENSOR = Qos(reliability="best_effort")
"""What sensors are heard with; it also hears reliable publishers."""


@dataclass(frozen=True)
class StateTopic:
    """A topic that the arm publishes; its message type follows from its place in the contract."""

    topic: str
    max_age: float = 0.1
    """Age beyond which the stream counts as stale and nothing is commanded any more [s]."""
    rate: float | None = None
    """Messages per second if not ``rates.state`` [Hz]."""
    qos: Qos = SENSOR

    def __post_init__(self) -> None:
        checks.relative(self.topic)
        checks.within("max_age", self.max_age, 0.001, 10, "s")
        if self.rate is not None:
            checks.within("rate", self.rate, 0.1, 1000, "Hz")


@dataclass(frozen=True)
class State:
    """What the arm reports."""

    joint_states: StateTopic
    """``JointState``: joints by name; order may change, further joints are no harm."""
    current_pose: StateTopic | None = None
    """``PoseStamped`` of the tool in the base frame; without it the model's kinematics serve."""
    wrench: StateTopic | None = None
    """``WrenchStamped`` at the tool; without it nothing watches contact forces."""


@dataclass(frozen=True)
class ExtraPose:
    """A further ``PoseStamped``, e.g. of a task's object, for policies that act on state."""

    name: str
    topic: str
    max_age: float = 0.1
    """Age beyond which the stream counts as stale [s]."""
    rate: float | None = None
    """Messages per second if not ``rates.state`` [Hz]."""
    qos: Qos = SENSOR

    def __post_init__(self) -> None:
        checks.identifier(self.name)
        StateTopic(self.topic, self.max_age, self.rate)


@dataclass(frozen=True)
class Camera:
    """One camera; its frames become ``images/<name>`` of an observation."""

    name: str
    topic: str
    width: int
    """Columns that the camera publishes [pixels]."""
    height: int
    """Rows that the camera publishes [pixels]."""
    rate: float
    """Frames per second [Hz]."""
    type: Literal["raw", "compressed", "depth"] = "raw"
    """``Image``, ``CompressedImage``, or ``Image`` with distances (REP 118: 16UC1 in millimetres,
    32FC1 in metres), of which ``name`` ends with ``_depth``; ``topic`` is the whole name."""
    max_age: float | None = None
    """Age beyond which the stream counts as stale; three periods unless given [s]."""
    qos: Qos = SENSOR
    info: str | None = None
    """``CameraInfo`` of each frame; ``camera_info`` beside the frames unless given."""

    def __post_init__(self) -> None:
        checks.identifier(self.name)
        checks.relative(self.topic)
        if self.info is not None:
            checks.relative(self.info, "info")
        if (self.type == "depth") != is_depth(self.name):
            raise ValueError(
                f"type is {self.type!r} of camera {self.name!r}; give depth to those whose name "
                f"ends with {SUFFIX}, by which simulators and policies know them, and to no others"
            )
        checks.within("width", self.width, 1, 8192, "pixels")
        checks.within("height", self.height, 1, 8192, "pixels")
        checks.within("rate", self.rate, 0.1, 500, "Hz")
        if self.max_age is not None:
            checks.within("max_age", self.max_age, 0.001, 10, "s")

    @property
    def info_topic(self) -> str:
        """Where the stamp of each frame is heard without its pixels."""
        if self.info is not None:
            return self.info
        folder = PurePosixPath(self.topic).parent
        if self.type == "compressed":
            folder = folder.parent
        return str(folder / "camera_info") if folder.name else f"{self.name}/camera_info"

    @property
    def stale_after(self) -> float:
        """Age beyond which the stream counts as stale [s]."""
        return 3 / self.rate if self.max_age is None else self.max_age

    @property
    def bytes(self) -> int:
        """Of a frame that is not compressed."""
        return (2 if self.type == "depth" else 3) * self.width * self.height


@dataclass(frozen=True)
class Command:
    """The stream that moves the arm."""

    topic: str
    mode: Mode
    type: CommandType
    """``Float64MultiArray`` has no names: its order is that of ``joints.arm``, and the controller's
    ``joints`` parameter must say the same."""
    qos: Qos = field(default_factory=Qos)
    frame: Literal["base", "tool"] = "base"
    """Frame that the driver takes a twist in."""
    angles: Literal["rad", "deg"] = "rad"
    """Unit of the driver's angular velocities in a twist."""
    gain: float = 5.0
    """Velocities: share of what the arm is behind its target that it makes up for [1/s]."""

    def __post_init__(self) -> None:
        checks.relative(self.topic)
        checks.fits_mode(self.mode, self.type)
        checks.within("gain", self.gain, 0, 50, "1/s")

    @property
    def in_joints(self) -> bool:
        """Whether targets are joint positions; else they are poses of the tool."""
        return self.mode in ("joint_position", "joint_velocity")

    @property
    def is_velocity(self) -> bool:
        """Whether the arm takes velocities, with which it follows the targets."""
        return self.mode in ("joint_velocity", "cartesian_twist")


@dataclass(frozen=True)
class Gripper:
    """A gripper that follows one number."""

    topic: str
    type: GripperType
    open: float
    """Value that opens it, in the unit of its driver."""
    closed: float
    """Value that closes it."""
    qos: Qos = field(default_factory=Qos)
    state: StateTopic | None = None
    """``JointState`` of the gripper's joints if they are not among ``state.joint_states``."""

    def __post_init__(self) -> None:
        checks.relative(self.topic)
        if self.open == self.closed:
            raise ValueError(f"open is {self.open:g}, and so is closed; give two values")
