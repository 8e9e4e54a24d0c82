"""What an arm feels of itself: the same numbers in simulation and on hardware (SERL, 2024)."""

from __future__ import annotations

import numpy as np

from controllers.serial_chain import ToolState
from controllers.tool_control import ROTATION_DOWN, away_from, rotate

PROPRIOCEPTION = (
    *("x", "y", "z", "roll", "pitch", "yaw"),
    *("vx", "vy", "vz", "wx", "wy", "wz"),
    *("fx", "fy", "fz", "tx", "ty", "tz"),
    "gripper",
)
"""Tool pose relative to the work area, twist, external wrench, opening (SERL's 19 numbers)."""

LEAD = tuple(f"lead/{name}" for name in ("x", "y", "z", "rx", "ry", "rz"))
"""By how many actions the last target leads the tool, with a leash (``ToolSettings``)."""

_WORK_AREA = np.array([0.5, 0.0, 0.1])


def proprioception(
    tool: ToolState,
    twist: np.ndarray,
    wrench: np.ndarray,
    opening: np.ndarray,
    frame: np.ndarray,
    level: np.ndarray = ROTATION_DOWN,
) -> np.ndarray:
    """The numbers named by ``PROPRIOCEPTION``.

    Args:
        tool: As measured.
        twist: Of the tool in the base frame. Shape (worlds, 6) [m/s, rad/s].
        wrench: External, in the base frame. Shape (worlds, 6) [N, N m].
        opening: Of the gripper, 0 closed to 1 open. Shape (worlds,).
        frame: Turns base-frame vectors into the frame of twist and wrench. Shape (worlds, 3, 3).
        level: Orientation that roll, pitch and yaw count from. Shape (3, 3).

    Returns:
        Shape (worlds, 19).
    """
    return np.hstack(
        [
            tool.position - _WORK_AREA,
            away_from(level, tool.rotation),
            *(rotate(frame, vector) for vector in (twist[:, :3], twist[:, 3:])),
            *(rotate(frame, vector) for vector in (wrench[:, :3], wrench[:, 3:])),
            opening[:, None],
        ]
    )
