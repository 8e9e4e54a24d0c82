"""Steps in which nothing is asked of a robot: before a person begins, and after they are done."""

from __future__ import annotations

import numpy as np

from robot_rl.env import ArraySpec

GRIPPER = "gripper"
"""Name of the number in an action that a gripper is told; it stays where it was told to be."""
STILL = 0.05
"""What moves less than this share of a full action is idle."""


def stays(action: ArraySpec) -> np.ndarray:
    """Which numbers of an action say where to be, and not how far to go. Shape (action,), bool."""
    names = action.names or ("",) * action.shape[0]
    return np.array([name == GRIPPER for name in names])


def idle(actions: np.ndarray, spec: ArraySpec) -> np.ndarray:
    """Which steps of an episode ask for nothing. Shape (length, action) -> (length,), bool."""
    told = stays(spec)
    moves = np.abs(actions[:, ~told]).max(axis=1, initial=0.0) >= STILL
    changed = np.abs(np.diff(actions[:, told], axis=0, prepend=actions[:1, told]))
    return ~(moves | (changed.max(axis=1, initial=0.0) >= STILL))


def busy(actions: np.ndarray, spec: ArraySpec) -> slice:
    """From the first step to the last that ask for anything; all where none does."""
    asked = np.flatnonzero(~idle(actions, spec))
    return slice(asked[0], asked[-1] + 1) if asked.size else slice(0, len(actions))
