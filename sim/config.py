"""Settings of a simulated environment that do not belong to its task."""

from __future__ import annotations

from dataclasses import dataclass, field

from controllers.ranges import require_count, require_not_negative, require_positive
from controllers.tool_control import ToolSettings
from sim.randomization import Randomization

PHYSICS_DT = 0.002
"""Step of the physics, as in ``panda.xml`` [s]."""


@dataclass(frozen=True)
class TwinConfig:
    """What is a twin's own, besides the task and ``EnvConfig``."""

    gap: str = "none"
    """In what the robot differs from the arm in MuJoCo: none, lab-1 or lab-2."""
    delay: float = 0.0
    """Added to the age of all that is measured, e.g. 0.08 for what ROS 2 adds [s]."""


@dataclass(frozen=True)
class EnvConfig(ToolSettings):
    """Everything about an environment that is not its task."""

    control_dt: float = 0.05
    """Time between two actions [s]."""
    privileged: bool = True
    """Whether ``state`` ends with the task's true state; policies from pixels go without."""
    cameras: tuple[str, ...] = ()
    """Cameras to render into ``images/<camera>``; <camera>_depth shows distances in grey."""
    image_size: int = 128
    """Height and width of the images."""
    crop: str | tuple[str, ...] = ()
    """What images show of their camera's pictures, by corners in shares of them, e.g.
    wrist:0.25:0.35:0.75:0.85 (left, top, right, bottom); all by default."""
    randomization: Randomization = field(default_factory=Randomization)
    """Ranges of the physics, drawn per episode; on the command line none, wide or robot."""
    rewards: str = ""
    """YAML file that lists reward sources; empty takes the task's own reward."""
    linger: int = 0
    """Steps for which success must go on before it ends the episode."""
    force_limit: float = 0.0
    """Contact force beyond which an episode has failed, as with ``limits.force`` of a robot; 0 for
    none. Looked at once a step, so briefer peaks pass: the mean of the step in MuJoCo, what a twin
    reports at its end [N]."""
    threads: int = 0
    """Physics threads; 0 takes one per core."""
    divergence_folder: str = "runs/diverged"
    """Where the states of a world that diverged are kept."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require_positive(self, "control_dt")
        require_not_negative(self, "force_limit")
        require_count(self, "image_size", at_least=1)
        require_count(self, "threads", at_least=0)
        require_count(self, "linger", at_least=0)
        if self.control_dt < PHYSICS_DT:
            raise ValueError(
                f"control_dt is {self.control_dt}; "
                f"give at least {PHYSICS_DT}, which is a step of the physics"
            )
        near = round(self.control_dt / PHYSICS_DT) * PHYSICS_DT
        if abs(self.control_dt - near) > 1e-9:
            raise ValueError(
                f"control_dt is {self.control_dt}; give a multiple of {PHYSICS_DT}, which is a "
                f"step of the physics, e.g. {near:g}"
            )
