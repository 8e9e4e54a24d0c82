"""The Franka Panda with its gripper, from our own MJCF (``panda.xml``)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import mujoco

MODEL_FILE = Path(__file__).with_name("panda.xml")
ARM_JOINTS = tuple(f"joint{i}" for i in range(1, 8))
FINGER_JOINTS = ("finger_joint1", "finger_joint2")
TOOL_SITE = "tcp"
FINGER_TRAVEL = 0.04
"""Opening of one finger [m]; the jaw opens twice as far."""

Q_READY = np.array([0.0, -np.pi / 4, 0.0, -3 * np.pi / 4, 0.0, np.pi / 2, np.pi / 4])
"""Franka's ready configuration [rad]: the hand points down, the fingers open along the base's y."""


def spec() -> mujoco.MjSpec:
    """The arm alone, to be completed with a scene and compiled."""
    import mujoco

    return mujoco.MjSpec.from_file(str(MODEL_FILE))


def load() -> mujoco.MjModel:
    """The compiled arm without floor or objects."""
    return spec().compile()
