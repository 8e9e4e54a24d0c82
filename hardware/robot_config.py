"""Settings of a robot's environment that are not in its contract."""

from __future__ import annotations

from dataclasses import dataclass

from controllers.ranges import require_count, require_positive
from controllers.tool_control import ToolSettings


@dataclass(frozen=True)
class RobotConfig(ToolSettings):
    """How far an action goes, what is observed, how patient to be."""

    privileged: bool = True
    """Whether ``state`` ends with the task's state, by the poses of its objects."""
    cameras: tuple[str, ...] = ()
    """Cameras of the contract that are observed as ``images/<camera>``."""
    rewards: str = ""
    """YAML file that lists reward sources; empty takes the task's own reward."""
    linger: int = 0
    """Steps for which success must go on before it ends the episode."""
    timeout: float = 10.0
    """How long the robot may take to appear, and the arm to reach its start [s]."""
    retreat: float = 0.13
    """Height to which the tool goes up before it moves to a new start, base frame [m]."""

    home: bool = False
    """Without a task: whether an episode begins at the contract's home, or where the arm is."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require_positive(self, "timeout")
        require_count(self, "linger", at_least=0)
