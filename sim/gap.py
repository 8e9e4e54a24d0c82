"""In what a twin differs from the simulated arm: named, versioned, and stated in SI units."""

from __future__ import annotations

from dataclasses import dataclass

Vector = tuple[float, float, float]

_RANGES: dict[str, tuple[float, float]] = {
    "observation_delay": (0.0, 0.5),
    "action_delay": (0.0, 0.5),
    "joint_friction": (0.0, 5.0),
    "gain": (0.5, 2.0),
    "payload": (0.0, 2.0),
    "contact_friction": (0.1, 3.0),
    "camera_shift": (-0.1, 0.1),
    "camera_turn": (-0.5, 0.5),
    "light": (0.1, 3.0),
    "joint_noise": (0.0, 0.05),
    "force_noise": (0.0, 20.0),
    "pixel_noise": (0.0, 64.0),
    "depth_noise": (0.0, 0.2),
    "dropped_frames": (0.0, 0.95),
}


@dataclass(frozen=True)
class GapProfile:
    """One robot. A name with its version always means the same numbers; only noise has a seed."""

    name: str = "none"
    """As on the command line."""
    version: int = 1
    """Goes up whenever a number of a named profile changes."""
    observation_delay: float = 0.0
    """Age of joint states, wrench and pictures when they arrive [s]."""
    action_delay: float = 0.0
    """Time from a command to the servos [s]."""
    joint_friction: float = 0.0
    """Coulomb friction in each arm joint [N m]."""
    gain: float = 1.0
    """Factor on stiffness and damping of the joint servos."""
    payload: float = 0.0
    """Mass at the hand's centre of mass that the gravity compensation knows nothing of [kg]."""
    contact_friction: float = 1.0
    """Factor on the sliding friction of every contact."""
    camera_shift: Vector = (0.0, 0.0, 0.0)
    """Shift of each camera in the frame of what it is mounted on [m]."""
    camera_turn: Vector = (0.0, 0.0, 0.0)
    """Turn of each camera, a rotation vector in its own frame [rad]."""
    light: float = 1.0
    """Factor on the brightness of all light."""
    joint_noise: float = 0.0
    """Standard deviation of each measured arm joint [rad]."""
    force_noise: float = 0.0
    """Standard deviation of the measured force [N] and, a tenth of it, torque [N m]."""
    pixel_noise: float = 0.0
    """Standard deviation of each channel of each pixel, of 255."""
    depth_noise: float = 0.0
    """Standard deviation of what a depth camera measures, as a share of the distance."""
    dropped_frames: float = 0.0
    """Probability that a camera delivers its last picture again."""

    def __post_init__(self) -> None:
        for name, (low, high) in _RANGES.items():
            value = getattr(self, name)
            if not all(low <= v <= high for v in (value if isinstance(value, tuple) else (value,))):
                raise ValueError(
                    f"{name}={value} of gap profile {self.name!r} is out of range; "
                    f"choose from {low} to {high}"
                )


PROFILES = {
    profile.name: profile
    for profile in (
        GapProfile(),
        GapProfile(
            "lab-1",
            observation_delay=0.02,
            action_delay=0.004,
            joint_friction=0.2,
            gain=0.93,
            payload=0.05,
            contact_friction=0.8,
            camera_shift=(0.004, -0.003, 0.003),
            camera_turn=(0.01, -0.01, 0.01),
            light=0.85,
            joint_noise=1e-4,
            force_noise=0.3,
            pixel_noise=2.0,
            depth_noise=0.005,
            dropped_frames=0.01,
        ),
        GapProfile(
            "lab-2",
            observation_delay=0.06,
            action_delay=0.01,
            joint_friction=0.8,
            gain=0.85,
            payload=0.1,
            contact_friction=0.5,
            camera_shift=(-0.008, 0.01, -0.006),
            camera_turn=(-0.03, 0.02, -0.02),
            light=0.7,
            joint_noise=5e-4,
            force_noise=1.0,
            pixel_noise=6.0,
            depth_noise=0.02,
            dropped_frames=0.05,
        ),
    )
}
"""By name. The sizes of lab-1 are those of a well-kept lab, those of lab-2 of a careless one."""


def gap_profile(name: str) -> GapProfile:
    """The profile of a name.

    Raises:
        ValueError: If there is none of that name.
    """
    if name not in PROFILES:
        raise ValueError(f"no gap profile {name!r}; choose from {', '.join(PROFILES)}")
    return PROFILES[name]
