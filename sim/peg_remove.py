"""Pull the peg out of its hole and bring it back to where an insertion starts.

The inverse of ``peg_insert``, to be learned for its resets: ``robot-rl finetune --backward``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sim.peg_insert import PEG_BELOW_TOOL, PegInsert
from sim.task import Pose, Target, Worlds, distance

CLEAR = 0.005
"""Height of the tip above the block from which the expert moves sideways [m]."""
RISE = 0.01
"""How far above the tool the expert's target stays on the way up [m]."""


@dataclass(frozen=True)
class PegRemove(PegInsert):
    """Starts with the peg in the hole; observes what ``PegInsert`` observes."""

    reached: float = 0.01
    """Distance of the tool from the middle of the insertion's starts that counts as back [m]."""

    name = "peg_remove"

    def draw(self, rng: np.random.Generator, worlds: int) -> dict[str, np.ndarray]:
        """Pose of the hole, and the tool above it with the peg inside."""
        draw = super().draw(rng, worlds)
        height = self.block_height + PEG_BELOW_TOOL - rng.uniform(0, self.insertion_depth, worlds)
        above = np.column_stack([np.zeros((worlds, 2)), height])
        return draw | {
            "tool_position": draw["hole_position"] + above,
            "tool_yaw": draw["hole_yaw"],
        }

    def success(self, worlds: Worlds) -> np.ndarray:
        """Whether the tool is back."""
        return distance(worlds.tool_position, np.array(self.start.box.centre)) < self.reached

    def approach(self, worlds: Worlds) -> np.ndarray:
        """1 in the middle of the starts, falling with the distance from it."""
        return np.exp(-20 * distance(worlds.tool_position, np.array(self.start.box.centre)))

    def expert(self, worlds: Worlds) -> Target:
        """Straight up until the tip is clear of the block, then to the middle of the starts."""
        clear = self._tip(worlds)[:, 2] > self._mouth(worlds)[:, 2] + CLEAR
        back = np.broadcast_to(self.start.box.centre, worlds.tool_position.shape)
        up = worlds.tool_position + np.array([0, 0, RISE])
        goal = np.where(clear[:, None], back, up)
        return Target(Pose(goal, worlds.tool_yaw), np.zeros(len(goal)))
