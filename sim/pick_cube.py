"""Grasp a cube and lift it."""

from __future__ import annotations

from dataclasses import dataclass, field

import mujoco
import numpy as np

from controllers.ranges import require_not_negative, require_positive
from sim.scene import ORANGE, add_box
from sim.task import SHAPING, Box, Pose, Start, Target, Term, Worlds, distance, wrap


@dataclass(frozen=True)
class PickCube:
    """The cube must hang in the gripper at ``lift`` above the table."""

    cube_half: float = 0.02
    """Half side of the cube [m]."""
    lift: float = 0.08
    """Height of the cube's bottom above the table that counts as picked [m]."""
    cube: Box = field(default_factory=lambda: Box((0.5, 0.0, 0.0), (0.05, 0.05, 0.0)))
    """Where the cube is drawn [m]."""
    cube_yaw: float = 0.4
    """Half range of the cube's rotation [rad]."""
    start: Start = field(
        default_factory=lambda: Start(Box((0.5, 0.0, 0.16), (0.03, 0.03, 0.02)), yaw=0.2)
    )
    """Where the tool starts."""
    dense: bool = False
    """Adds shaping terms to the sparse reward."""

    name = "pick_cube"
    horizon = 100
    held_opening = None
    observation_names = ("cube_x", "cube_y", "cube_z", "cube_yaw", "cube_height")
    objects = ("cube",)

    def __post_init__(self) -> None:
        require_positive(self, "cube_half", "lift")
        require_not_negative(self, "cube_yaw")

    @property
    def reward_terms(self) -> dict[str, tuple[float, Term]]:
        """Success alone unless ``dense``."""
        terms: dict[str, tuple[float, Term]] = {"success": (1.0, self.success)}
        return terms | {"approach": (SHAPING, self.approach)} if self.dense else terms

    def build(self, scene: mujoco.MjSpec) -> None:
        """Adds the cube, free to move."""
        cube = scene.worldbody.add_body(name="cube", pos=[0.5, 0, self.cube_half])
        cube.add_freejoint(name="cube")
        add_box(cube, "cube", (self.cube_half,) * 3, rgba=ORANGE, mass=0.1)

    def draw(self, rng: np.random.Generator, worlds: int) -> dict[str, np.ndarray]:
        """Start of the tool, pose of the cube."""
        return self.start.sample(rng, worlds) | {
            "cube_position": self.cube.sample(rng, worlds) + np.array([0, 0, self.cube_half]),
            "cube_yaw": rng.uniform(-self.cube_yaw, self.cube_yaw, worlds),
        }

    def place(self, draw: dict[str, np.ndarray]) -> dict[str, Pose]:
        """The cube stands on the table."""
        return {"cube": Pose(draw["cube_position"], draw["cube_yaw"])}

    def locate(self, poses: dict[str, Pose]) -> dict[str, np.ndarray]:
        """Where the cube stands."""
        cube = poses["cube"]
        return {"cube_position": cube.position, "cube_yaw": cube.yaw}

    def observe(self, worlds: Worlds) -> np.ndarray:
        """Cube as seen from the tool: position [m], yaw [rad]; its height above the table [m]."""
        cube = worlds.bodies["cube"][:, :3]
        return np.column_stack(
            [cube - worlds.tool_position, self._yaw(worlds), cube[:, 2] - self.cube_half]
        )

    def success(self, worlds: Worlds) -> np.ndarray:
        """Whether the cube is lifted and still near the tool."""
        cube = worlds.bodies["cube"][:, :3]
        held = distance(cube, worlds.tool_position) < 2 * self.cube_half
        return held & (cube[:, 2] - self.cube_half >= self.lift)

    def approach(self, worlds: Worlds) -> np.ndarray:
        """1 with the tool at the cube, falling with the distance."""
        return np.exp(-10 * distance(worlds.bodies["cube"][:, :3], worlds.tool_position))

    def expert(self, worlds: Worlds) -> Target:
        """Above the cube, down, close, up."""
        cube = worlds.bodies["cube"][:, :3]
        offset = cube - worlds.tool_position
        yaw = self._yaw(worlds)
        above = (np.linalg.norm(offset[:, :2], axis=1) < 0.008) & (np.abs(yaw) < 0.08)
        around = np.abs(worlds.opening - self.cube_half / 0.04) < 0.06
        # Where the arm is known later than the cube, the tool seems to lag behind what it lifts.
        grasped = around & (distance(cube, worlds.tool_position) < 1.5 * self.cube_half)
        at_cube = grasped | (above & (np.abs(offset[:, 2]) < 0.01))
        goal = cube.copy()
        goal[:, 2] += np.where(grasped, self.lift + 0.04, np.where(above, 0.0, 0.06))
        # Of the turns that fit the one next to level: the nearest may be out of the tool's reach.
        turn = wrap(self._turn(worlds), np.pi / 2)
        return Target(Pose(goal, turn), np.where(at_cube, 0.0, 1.0))

    def _turn(self, worlds: Worlds) -> np.ndarray:
        """Yaw of the cube [rad]."""
        w, x, y, z = worlds.bodies["cube"][:, 3:].T
        return np.arctan2(2 * (w * z + x * y), 1 - 2 * (y * y + z * z))

    def _yaw(self, worlds: Worlds) -> np.ndarray:
        """Rotation of the cube as seen from the tool, by symmetry within a quarter turn."""
        return wrap(self._turn(worlds) - worlds.tool_yaw, np.pi / 2)
