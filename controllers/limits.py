"""What an arm and its tool may do: the limits that every controller and the safety filter keep."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

_JOINT_RATES = ("dq", "ddq", "dddq", "tau")
_TOOL_RATES = ("speed", "acceleration", "angular_speed", "angular_acceleration")
_THRESHOLDS = ("force", "torque")


@dataclass(frozen=True, eq=False)
class Limits:
    """Limits of the joints, of the tool and of contact; all finite, and checked when it is built.

    Raises:
        ValueError: A field has the wrong length, is not finite, is not positive where it is a rate,
            or a lower bound is not below its upper bound. The message names field and value.
    """

    q_lower: np.ndarray
    """Lower joint positions. Shape (joints,) [rad]."""
    q_upper: np.ndarray
    """Upper joint positions. Shape (joints,) [rad]."""
    dq: np.ndarray
    """Joint speeds. Shape (joints,) [rad/s]."""
    ddq: np.ndarray
    """Joint accelerations. Shape (joints,) [rad/s^2]."""
    dddq: np.ndarray
    """Joint jerks. Shape (joints,) [rad/s^3]."""
    tau: np.ndarray
    """Joint torques. Shape (joints,) [N m]."""
    workspace_lower: np.ndarray
    """Lower corner of the box for the tool, in the base frame. Shape (3,) [m]."""
    workspace_upper: np.ndarray
    """Upper corner of the box for the tool, in the base frame. Shape (3,) [m]."""
    speed: float
    """Speed of the tool [m/s]."""
    acceleration: float
    """Acceleration of the tool [m/s^2]."""
    angular_speed: float
    """Angular speed of the tool [rad/s]."""
    angular_acceleration: float
    """Angular acceleration of the tool [rad/s^2]."""
    force: float
    """Contact force that stops the arm until a person resets it [N]."""
    torque: float
    """Contact torque that stops the arm until a person resets it [N m]."""

    def __post_init__(self) -> None:
        joints = np.size(self.q_lower)
        for name in ("q_lower", "q_upper", *_JOINT_RATES):
            self._freeze(name, joints)
        for name in ("workspace_lower", "workspace_upper"):
            self._freeze(name, 3)
        for field in fields(self):
            _require_finite(field.name, getattr(self, field.name))
        for name in (*_JOINT_RATES, *_TOOL_RATES, *_THRESHOLDS):
            _require_positive(name, getattr(self, name))
        _require_ordered("q_lower", self.q_lower, "q_upper", self.q_upper)
        _require_ordered(
            "workspace_lower", self.workspace_lower, "workspace_upper", self.workspace_upper
        )

    def _freeze(self, name: str, length: int) -> None:
        array = np.array(getattr(self, name), dtype=np.float64)
        if array.shape != (length,):
            raise ValueError(
                f"Limits.{name} has shape {array.shape}, but ({length},) is needed; "
                "give one value per joint, or three for a corner of the workspace"
            )
        array.setflags(write=False)
        object.__setattr__(self, name, array)

    @property
    def joints(self) -> int:
        """Number of joints."""
        return len(self.q_lower)


def _require_finite(name: str, value: np.ndarray | float) -> None:
    if not np.all(np.isfinite(value)):
        raise ValueError(
            f"Limits.{name} is {value}, but a limit must be finite; "
            "choose a number that is larger than any motion you want to allow"
        )


def _require_positive(name: str, value: np.ndarray | float) -> None:
    if not np.all(np.asarray(value) > 0):
        raise ValueError(
            f"Limits.{name} is {value}, but must be above zero; "
            "to keep the arm still, do not engage it"
        )


def _require_ordered(low_name: str, low: np.ndarray, high_name: str, high: np.ndarray) -> None:
    wrong = np.flatnonzero(np.asarray(low) >= np.asarray(high))
    if wrong.size:
        i = wrong[0]
        raise ValueError(
            f"Limits.{low_name}[{i}] is {low[i]}, not below {high_name}[{i}] = {high[i]}; "
            "swap or correct them"
        )


PANDA = Limits(
    q_lower=np.array([-2.8973, -1.7628, -2.8973, -3.0718, -2.8973, -0.0175, -2.8973]),
    q_upper=np.array([2.8973, 1.7628, 2.8973, -0.0698, 2.8973, 3.7525, 2.8973]),
    dq=np.array([2.175, 2.175, 2.175, 2.175, 2.61, 2.61, 2.61]),
    ddq=np.array([15.0, 7.5, 10.0, 12.5, 15.0, 20.0, 20.0]),
    dddq=np.array([7500.0, 3750.0, 5000.0, 6250.0, 7500.0, 10000.0, 10000.0]),
    tau=np.array([87.0, 87.0, 87.0, 87.0, 12.0, 12.0, 12.0]),
    workspace_lower=np.array([0.2, -0.5, 0.0]),
    workspace_upper=np.array([0.8, 0.5, 0.8]),
    speed=1.7,
    acceleration=13.0,
    angular_speed=2.5,
    angular_acceleration=25.0,
    force=40.0,
    torque=15.0,
)
"""The Franka Panda at the edge of what its maker allows ("Robot and interface specifications",
documentation of the Franka Control Interface). The workspace, a table top in front of the arm, and
the contact thresholds are ours: replace them, and lower the rates, with ``dataclasses.replace``."""
