"""Settings of a simulated environment that do not belong to its task."""

from __future__ import annotations

from dataclasses import dataclass, field

from sim.randomization import Randomization
from sim.ranges import require_count, require_not_negative, require_positive

PHYSICS_DT = 0.002
"""Step of the physics, as in ``panda.xml`` [s]."""


@dataclass(frozen=True)
class TwinConfig:
    """What is a twin's own, besides the task and ``EnvConfig``."""

    gap: str = "none"
    """In what the robot differs from the arm in MuJoCo: none, lab-1 or lab-2."""


@dataclass(frozen=True)
class EnvConfig:
    """Everything about an environment that is not its task."""

    control_dt: float = 0.05
    """Time between two actions [s]."""
    translation: float = 0.015
    """Shift of the target that a full action asks for along each axis [m]."""
    rotation: float = 0.1
    """Turn of the target that a full action asks for about each axis [rad]."""
    tilt: float = 0.2
    """Largest roll and pitch of the target away from straight down [rad]."""
    yaw: float = 0.7
    """Largest yaw of the target [rad]."""
    workspace: tuple[tuple[float, float, float], tuple[float, float, float]] = (
        (0.3, -0.3, 0.01),
        (0.75, 0.3, 0.45),
    )
    """Corners of the box that the target cannot leave, base frame [m]."""
    relative_frame: bool = False
    """Actions, twist and wrench in the tool frame instead of the base frame (as SERL's wrapper)."""
    privileged: bool = True
    """Whether ``state`` ends with the task's true state; policies from pixels go without."""
    cameras: tuple[str, ...] = ()
    """Cameras to render into ``images/<camera>``."""
    image_size: int = 128
    """Height and width of the images."""
    randomization: Randomization = field(default_factory=Randomization)
    """Ranges of the physics, drawn per episode; on the command line none or wide."""
    threads: int = 0
    """Physics threads; 0 takes one per core."""
    divergence_folder: str = "runs/diverged"
    """Where the states of a world that diverged are kept."""

    def __post_init__(self) -> None:
        require_positive(self, "control_dt", "translation", "rotation")
        require_not_negative(self, "tilt", "yaw")
        require_count(self, "image_size", at_least=1)
        require_count(self, "threads", at_least=0)
        if self.control_dt < PHYSICS_DT:
            raise ValueError(
                f"control_dt is {self.control_dt}; "
                f"give at least {PHYSICS_DT}, which is a step of the physics"
            )
        low, high = self.workspace
        if not all(a < b for a, b in zip(low, high, strict=True)):
            raise ValueError(
                f"workspace is {self.workspace}; give the lowest x, y, z first, then the highest"
            )
