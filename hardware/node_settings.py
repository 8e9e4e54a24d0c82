"""Parameters of the nodes; the string under a field is its description in ROS."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ArmSettings:
    """Parameters of the arm node."""

    robot: str = "twin"
    """Contract: name of a preset, or path of a YAML file."""
    driver: str = "twin"
    """Driver of the arm: twin, or module:class of one's own."""
    task: str = "peg_insert"
    """Twin: the task whose objects stand in front of the arm."""
    gap: str = "none"
    """Twin: in what it differs from the arm in MuJoCo (none, lab-1, lab-2)."""
    seed: int = 0
    """Twin: seed of scene and noise."""
    speed: float = 1.0
    """Twin: how much faster than real time; anything but 1 publishes /clock."""
    autostart: bool = True
    """Configure and activate at once; otherwise wait for lifecycle transitions."""


@dataclass(frozen=True)
class TwinCameraSettings:
    """Parameters of the twin's camera node."""

    robot: str = "twin"
    """Contract: name of a preset, or path of a YAML file."""
    task: str = "peg_insert"
    """Task of the twin."""
    gap: str = "none"
    """Gap profile of the twin."""
    seed: int = 0
    """Seed of the noise."""
    cameras: tuple[str, ...] = ("",)
    """Which of the contract's cameras this process draws; an empty name means all."""


@dataclass(frozen=True)
class SafetySettings:
    """Parameters of the safety node."""

    robot: str = "twin"
    """Contract: name of a preset, or path of a YAML file."""
    mode: str = ""
    """Command mode; empty takes the contract's own."""
    watch_cameras: bool = True
    """Whether nothing is sent while a camera of the contract is silent."""
    realtime: bool = True
    """Ask for real-time scheduling; without the right to it the node goes on without."""


@dataclass(frozen=True)
class CameraSettings:
    """Parameters of the camera node."""

    robot: str = "twin"
    """Contract: name of a preset, or path of a YAML file."""
    camera: str = ""
    """Name of the camera in the contract; may be empty if there is only one."""
    source: str = "/dev/video0"
    """Device (/dev/video0, or its number in quotes), video file, or pictures (frames/*.png)."""
    loop: bool = True
    """Whether a file begins anew after its end."""
    calibration: str = ""
    """YAML file that camera_calibration writes; empty if the camera is not calibrated."""
    autostart: bool = True
    """Configure and activate at once; otherwise wait for lifecycle transitions."""
