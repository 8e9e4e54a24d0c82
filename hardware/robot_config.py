"""Settings of a robot's environment that are not in its contract."""

from __future__ import annotations

from dataclasses import dataclass

from controllers.ranges import require_count, require_not_negative, require_positive
from controllers.tool_control import ToolSettings


@dataclass(frozen=True)
class RobotConfig(ToolSettings):
    """How far an action goes, what is observed, how patient to be."""

    privileged: bool = True
    """Whether ``state`` ends with the task's state, by the poses of its objects."""
    cameras: tuple[str, ...] = ()
    """Cameras of the contract that are observed as ``images/<camera>``."""
    image_size: int = 0
    """Height and width to which their pictures are shrunk; 0 leaves them as they are."""
    crop: str | tuple[str, ...] = ()
    """What images show of their camera's pictures, before they are shrunk, by corners in shares of
    them, e.g. wrist:0.25:0.35:0.75:0.85 (left, top, right, bottom); all by default."""
    apart: bool = False
    """Whether the state is the newest, and not as old as the pictures: for a policy that sees the
    state alone, beside which pictures are recorded to judge by."""
    rewards: str = ""
    """YAML file that lists reward sources; empty takes the task's own reward."""
    linger: int = 0
    """Steps for which success must go on before it ends the episode."""
    dispatch: float = 0.01
    """Time after a tick at which its request leaves, a fifth of a period at most, if it is ready by
    then: what it takes to choose an action differs, and the arm is to answer at steady times [s].
    """
    timeout: float = 10.0
    """How long the robot may take to appear, and the arm to reach its start [s]."""
    retreat: float = 0.13
    """Height to which the tool goes up before it moves to a new start, base frame [m]."""
    home: bool = False
    """Without a task: whether an episode begins at the contract's home, or where the arm is."""
    joint_reset_every: int = 0
    """After so many episodes, and before the first, the arm goes home by its joints; with a task
    it goes to its start from there. 0 never does. In a mode of poses it goes to the pose at home.
    """
    backward: str = ""
    """Policy file, or run folder, that brings the arm back after each episode. Where it fails, and
    if it is empty, the scripted start does."""
    backward_steps: int = 100
    """Steps that it may take."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require_positive(self, "timeout")
        require_not_negative(self, "dispatch")
        require_count(self, "joint_reset_every", 0)
        require_count(self, "backward_steps", 1)
        require_count(self, "linger", at_least=0)
        require_count(self, "image_size", at_least=0)
