"""Insert a square peg, held by the gripper, into a square hole at a random pose."""

from __future__ import annotations

from dataclasses import dataclass, field

import mujoco
import numpy as np

from controllers.ranges import require_not_negative, require_positive
from sim.scene import BLUE, ORANGE, add_box
from sim.task import SHAPING, Box, Pose, Start, Target, Term, Worlds, distance, wrap

PEG_BELOW_TOOL = 0.04
"""How far the peg's tip reaches below the tool centre point [m]."""

HOVER = 0.004
"""Height above the hole at which the expert aligns the peg [m]."""
SLOW = 0.003
"""How far below the tool the expert's target stays on the way down [m]."""
FINE = (0.001, 0.001, 0.001, 0.01)
"""Offsets from which on their fine copies grow as a logarithm does [m, rad]."""


@dataclass(frozen=True)
class PegInsert:
    """Contact-rich: the hole is wider than the peg by ``clearance`` only."""

    clearance: float = 0.001
    """Hole width minus peg width [m]."""
    peg_width: float = 0.02
    """Side of the square peg [m]."""
    block_height: float = 0.03
    """Height of the block with the hole; the hole goes through to the table [m]."""
    insertion_depth: float = 0.02
    """Depth of the tip below the block's top that counts as inserted [m]."""
    hole: Box = field(default_factory=lambda: Box((0.5, 0.0, 0.0), (0.03, 0.03, 0.0)))
    """Where the hole is drawn, at the height of the table [m]."""
    hole_yaw: float = 0.25
    """Half range of the hole's rotation [rad]."""
    start: Start = field(
        default_factory=lambda: Start(Box((0.5, 0.0, 0.13), (0.03, 0.03, 0.015)), yaw=0.2)
    )
    """Where the tool starts."""
    dense: bool = False
    """Adds a shaping term to the sparse reward."""
    expert_gain: float = 2.0
    """How far the expert asks for, in units of what it is off sideways: an arm that yields needs
    more than 1, and one that answers late swings with much more."""

    name = "peg_insert"
    horizon = 100
    held_opening = 0.25
    observation_names = (
        *("hole_x", "hole_y", "hole_z", "hole_yaw"),
        *("fine_x", "fine_y", "fine_z", "fine_yaw"),
    )
    objects = ("block",)

    def __post_init__(self) -> None:
        require_positive(self, "clearance", "peg_width", "block_height", "insertion_depth")
        require_positive(self, "expert_gain")
        require_not_negative(self, "hole_yaw")

    @property
    def reward_terms(self) -> dict[str, tuple[float, Term]]:
        """Success alone unless ``dense``."""
        terms: dict[str, tuple[float, Term]] = {"success": (1.0, self.success)}
        return terms | {"approach": (SHAPING, self.approach)} if self.dense else terms

    def build(self, scene: mujoco.MjSpec) -> None:
        """Adds the peg to the hand and the block to the table."""
        half = self.peg_width / 2
        peg = scene.body("hand").add_body(name="peg", pos=[0, 0, 0.1134], gravcomp=1)
        add_box(peg, "peg", (half, half, 0.03), rgba=ORANGE, friction=0.4, mass=0.05, kind="tool")
        block = scene.worldbody.add_body(name="block", pos=self.hole.centre)
        inner, wall = half + self.clearance / 2, 0.02
        reach, height = inner + wall / 2, self.block_height / 2
        for side, x, y, size_x, size_y in (
            ("left", 0, reach, inner + wall, wall / 2),
            ("right", 0, -reach, inner + wall, wall / 2),
            ("front", reach, 0, wall / 2, inner),
            ("back", -reach, 0, wall / 2, inner),
        ):
            size, position = (size_x, size_y, height), (x, y, height)
            add_box(block, f"block_{side}", size, position, rgba=BLUE, friction=0.4)

    def draw(self, rng: np.random.Generator, worlds: int) -> dict[str, np.ndarray]:
        """Start of the tool, pose of the hole."""
        return self.start.sample(rng, worlds) | {
            "hole_position": self.hole.sample(rng, worlds),
            "hole_yaw": rng.uniform(-self.hole_yaw, self.hole_yaw, worlds),
        }

    def place(self, draw: dict[str, np.ndarray]) -> dict[str, Pose]:
        """The block stands where the hole is."""
        return {"block": Pose(draw["hole_position"], draw["hole_yaw"])}

    def locate(self, poses: dict[str, Pose]) -> dict[str, np.ndarray]:
        """The hole is where the block stands."""
        block = poses["block"]
        return {"hole_position": block.position, "hole_yaw": block.yaw}

    def observe(self, worlds: Worlds) -> np.ndarray:
        """Mouth of the hole as seen from the tip: position [m] and yaw [rad]; both once more, fine.

        Networks are smooth over the spread of what they see, here centimetres, and a millimetre
        decides: so each offset is there as the inverse hyperbolic sine of it in units of ``FINE``.
        """
        yaw = wrap(worlds.draw["hole_yaw"] - worlds.tool_yaw, np.pi / 2)
        offsets = np.column_stack([self._mouth(worlds) - self._tip(worlds), yaw])
        return np.hstack([offsets, np.arcsinh(offsets / FINE)])

    def success(self, worlds: Worlds) -> np.ndarray:
        """Whether the tip is deep enough inside the hole."""
        return self._depth(worlds) >= self.insertion_depth

    def approach(self, worlds: Worlds) -> np.ndarray:
        """1 at the bottom of the hole, falling with the distance of the tip from it."""
        bottom = self._mouth(worlds) - [0, 0, self.insertion_depth]
        return np.exp(-20 * distance(self._tip(worlds), bottom))

    def expert(self, worlds: Worlds) -> Target:
        """Above the hole until aligned, then down."""
        offset = self._mouth(worlds) - self._tip(worlds)
        yaw = wrap(worlds.draw["hole_yaw"] - worlds.tool_yaw, np.pi / 2)
        inside = self._depth(worlds) > 0.001
        aligned = (np.linalg.norm(offset[:, :2], axis=1) < 0.003) & (np.abs(yaw) < 0.03)
        goal = worlds.tool_position + offset * [self.expert_gain, self.expert_gain, 1]
        slow = worlds.tool_position[:, 2] - np.where(inside, 2, 1) * SLOW
        goal[:, 2] = np.where(aligned | inside, slow, goal[:, 2] + HOVER)
        # Of the turns that fit the one next to level: the nearest may be out of the tool's reach.
        return Target(Pose(goal, wrap(worlds.draw["hole_yaw"], np.pi / 2)), np.zeros(len(yaw)))

    def _tip(self, worlds: Worlds) -> np.ndarray:
        return worlds.tool_position + PEG_BELOW_TOOL * worlds.tool_rotation[:, :, 2]

    def _mouth(self, worlds: Worlds) -> np.ndarray:
        return worlds.draw["hole_position"] + [0, 0, self.block_height]

    def _depth(self, worlds: Worlds) -> np.ndarray:
        """Depth of the tip in the hole, -inf beside it. Shape (worlds,) [m]."""
        offset = self._mouth(worlds) - self._tip(worlds)
        beside = np.linalg.norm(offset[:, :2], axis=1) > self.peg_width / 2
        return np.where(beside, -np.inf, offset[:, 2])
