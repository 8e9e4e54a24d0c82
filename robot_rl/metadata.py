"""What is known about an episode besides its arrays."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Self

ATTEMPT = "attempt"
"""Key in ``Metadata.labels`` of who only meant to come near: no demonstration, even if it succeeds.
"""


@dataclass(frozen=True)
class Camera:
    """Which camera it was, how it sees and where it stood."""

    serial: str = ""
    intrinsics: tuple[float, ...] = ()
    """Focal lengths and principal point fx, fy, cx, cy [pixels]; empty if not calibrated."""
    pose_base_camera: tuple[float, ...] = ()
    """Position [m] and quaternion x, y, z, qx, qy, qz, qw; empty if not calibrated."""


@dataclass(frozen=True)
class Metadata:
    """Fields as the DROID data set asks for them (Khazatsky et al., 2024), and who made what how.

    The recorder gives what it knows; what is left at None is worked out from the episode when it
    is committed, and ``uuid``, ``date``, ``length``, ``fps_declared``, ``stream`` and ``episode``
    always are. Every value is a JSON value.
    """

    uuid: str = ""
    date: str = ""
    """When recording began, UTC, ISO 8601."""
    task: str = ""
    """What to do, in words."""
    success: bool | None = None
    """None takes the success of the last step."""
    termination_reason: str | None = None
    """None says "success", "failure", "time-out" or "stopped"."""
    length: int = 0
    """Number of transitions."""
    stream: int = 0
    """The world or robot it was recorded from."""
    episode: int = 0
    """Episode number within the stream."""
    fps_declared: float | None = None
    """Steps per second of the environment."""
    fps_achieved: float | None = None
    """Steps per second by the command stamps; None if there are none."""
    intervention_ratio: float | None = None
    """Share of steps in which a person chose the action."""
    operator: str = ""
    lab: str = ""
    robot_serial: str = ""
    control_mode: str = ""
    """What the controller follows, e.g. "cartesian impedance"."""
    action_representation: str = ""
    """What the action's numbers are, e.g. "tool displacement, tool frame"."""
    home_pose: tuple[float, ...] = ()
    """Joint positions at the start, randomised or not [rad]."""
    cameras: dict[str, Camera] = field(default_factory=dict)
    """By the name of the camera."""
    calibration_hash: str = ""
    """SHA-256 of the calibration file."""
    software_version: str | None = None
    """None takes the installed one."""
    git_hash: str | None = None
    """None takes that of the source tree, if it is one."""
    config: dict[str, Any] = field(default_factory=dict)
    """The recorder's resolved configuration."""
    labels: dict[str, str] = field(default_factory=dict)
    """What people noted about it."""

    @property
    def is_demonstration(self) -> bool:
        """Whether it shows how the task is done: a success that was meant as one."""
        return bool(self.success) and ATTEMPT not in self.labels

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self) | {
            "home_pose": list(self.home_pose),
            "cameras": {
                name: {key: list(v) if isinstance(v, tuple) else v for key, v in vars(c).items()}
                for name, c in self.cameras.items()
            },
        }

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Self:
        """Inverse of ``to_json``."""
        cameras = {
            name: Camera(c["serial"], tuple(c["intrinsics"]), tuple(c["pose_base_camera"]))
            for name, c in content["cameras"].items()
        }
        home_pose = tuple(content["home_pose"])
        return cls(**(content | {"cameras": cameras, "home_pose": home_pose}))
