"""What the arm feels of itself: the same numbers on a real arm, as in SERL (Luo et al., 2024)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from controllers.serial_chain import ToolState
from sim import panda
from sim.task import Worlds
from sim.tool_control import away_from_down, rotate

if TYPE_CHECKING:
    import mujoco

PROPRIOCEPTION = (
    *("x", "y", "z", "roll", "pitch", "yaw"),
    *("vx", "vy", "vz", "wx", "wy", "wz"),
    *("fx", "fy", "fz", "tx", "ty", "tz"),
    "gripper",
)
"""Tool pose relative to the work area, twist, external wrench, opening (SERL's 19 numbers)."""

_WORK_AREA = np.array([0.5, 0.0, 0.1])


def arm_fields(tool: ToolState, q: np.ndarray, dq: np.ndarray) -> dict[str, np.ndarray]:
    """The fields of ``Worlds`` that belong to the arm, by name.

    Args:
        tool: Of the configuration ``q``.
        q: Positions, the joints of arm and fingers first. Shape (worlds, n) [rad, m].
        dq: Velocities, in the same order. Shape (worlds, n) [rad/s, m/s].
    """
    joints = len(panda.ARM_JOINTS)
    return {
        "tool_position": tool.position,
        "tool_rotation": tool.rotation,
        "twist": (tool.jacobian @ dq[:, :joints, None])[..., 0],
        "opening": q[:, joints : joints + 2].sum(axis=1) / (2 * panda.FINGER_TRAVEL),
    }


def tool_weight(model: mujoco.MjModel) -> float:
    """Weight beyond the wrist sensor [N]."""
    return float(model.body_subtreemass[model.body("hand").id] * -model.opt.gravity[2])


def proprioception(worlds: Worlds, wrench: np.ndarray, frame: np.ndarray) -> np.ndarray:
    """The numbers named by ``PROPRIOCEPTION``.

    Args:
        worlds: The arm as measured.
        wrench: External wrench in the base frame. Shape (worlds, 6) [N, N m].
        frame: Turns base-frame vectors into the frame of twist and wrench. Shape (worlds, 3, 3).

    Returns:
        Shape (worlds, 19).
    """
    return np.hstack(
        [
            worlds.tool_position - _WORK_AREA,
            away_from_down(worlds.tool_rotation),
            rotate(frame, worlds.twist[:, :3]),
            rotate(frame, worlds.twist[:, 3:]),
            rotate(frame, wrench[:, :3]),
            rotate(frame, wrench[:, 3:]),
            worlds.opening[:, None],
        ]
    )


def external_wrench(sensors: np.ndarray, tool_rotation: np.ndarray, weight: float) -> np.ndarray:
    """Wrench of the environment on everything beyond the wrist, in the base frame.

    The torque is about the wrist sensor. The weight is taken off the force only: at rest the torque
    keeps what the hand's own centre of mass makes, 0.07 N m when it points down.

    Args:
        sensors: Force and torque at the wrist in the axes of the tool. Shape (worlds, 6) [N, N m].
        tool_rotation: Shape (worlds, 3, 3).
        weight: Weight beyond the sensor [N].

    Returns:
        Shape (worlds, 6) [N, N m].
    """
    force = [0, 0, weight] - rotate(tool_rotation, sensors[:, :3])
    return np.hstack([force, -rotate(tool_rotation, sensors[:, 3:6])])
