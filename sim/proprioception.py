"""What the simulated arm reports of itself, in the form that a real arm has it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from controllers.proprioception import proprioception
from controllers.serial_chain import ToolState
from controllers.tool_control import rotate
from sim import panda
from sim.task import Worlds

if TYPE_CHECKING:
    import mujoco


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


def felt(worlds: Worlds, wrench: np.ndarray, frame: np.ndarray) -> np.ndarray:
    """``proprioception`` of arms in simulation; arguments as there. Shape (worlds, 19)."""
    tool = ToolState(worlds.tool_position, worlds.tool_rotation, np.empty(0))
    return proprioception(tool, worlds.twist, wrench, worlds.opening, frame)


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
