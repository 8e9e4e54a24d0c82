"""``robot-rl replay`` on a robot: an episode's commands again, through the safety path.

Arm and objects go to where they were; then the commands follow each other at the policy's rate, as
requests, and the arm is compared with what it did when they were recorded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from controllers.command_space import CommandSpace, JointSpace, PoseSpace
from controllers.kinematics import Kinematics
from controllers.lie import vector_from_se3
from controllers.reason import Reason
from hardware.arm_model import kinematics_of
from hardware.contract import Contract
from hardware.contract_file import to_values
from hardware.env import REASONS, HardwareEnv
from hardware.environments import make_link, observing
from hardware.motion import Motion, contract_of
from hardware.recorded_start import RecordedStart
from hardware.robot_config import RobotConfig
from hardware.task import load_task
from robot_rl.env import Info, Step

if TYPE_CHECKING:
    from robot_rl.episode import Episode
    from robot_rl.schema import Schema

_SLOW = 0.2
"""Share of the limits at which the arm goes from its start to the first command."""
_MOTION = ~(Reason.ACCELERATION | Reason.ENGAGE | Reason.VELOCITY)
"""Reasons that say more than that the arm moves as smoothly as it must."""


class Repeated(NamedTuple):
    """How well an episode was repeated."""

    steps: int
    length: int
    """Steps of the episode."""
    to_command: np.ndarray
    """Of each joint to the command, one period after it was asked. Shape (steps, joints) [rad]."""
    to_recording: np.ndarray
    """Of the tool to where it was then. Shape (steps,) [m]."""
    reasons: Reason
    recorded_success: bool
    success: bool

    @property
    def whole(self) -> bool:
        """Whether all commands were sent, or the task was done before."""
        return self.success or self.steps == self.length

    def __str__(self) -> str:
        changed = ", ".join(reason.name or "" for reason in self.reasons & _MOTION)
        return (
            f"{self.steps} of {self.length} steps; recorded "
            f"{'success' if self.recorded_success else 'failure'}, now "
            f"{'success' if self.success else 'failure'}; tracking error of the tool "
            f"{1e3 * _rms(self.to_recording):.2f} mm rms, {1e3 * self.to_recording.max():.2f} mm at "
            f"most, of the joints to their commands {1e3 * _rms(self.to_command):.2f} mrad rms, "
            f"{1e3 * np.abs(self.to_command).max():.2f} mrad at most"
            + (f"; the safety node said {changed}" if changed else "")
        )
