"""Push a cube to a goal on the table with the closed gripper."""

from __future__ import annotations

from dataclasses import dataclass, field

import mujoco
import numpy as np

from controllers.ranges import require_positive
from sim.scene import GREEN, ORANGE, add_box
from sim.task import SHAPING, Box, Pose, Start, Target, Term, Worlds


@dataclass(frozen=True)
class Push:
    """The cube starts nearer to the arm than the goal."""

    cube_half: float = 0.025
    """Half side of the cube [m]."""
    tolerance: float = 0.025
    """Distance of the cube's centre from the goal that counts as pushed [m]."""
    cube: Box = field(default_factory=lambda: Box((0.47, 0.0, 0.0), (0.03, 0.06, 0.0)))
    """Where the cube is drawn [m]."""
    goal: Box = field(default_factory=lambda: Box((0.6, 0.0, 0.0), (0.02, 0.06, 0.0)))
    """Where the goal is drawn [m]."""
    start: Start = field(
        default_factory=lambda: Start(Box((0.4, 0.0, 0.09), (0.02, 0.04, 0.01)), yaw=0.1)
    )
    """Where the tool starts."""
    dense: bool = False
    """Adds a shaping term to the sparse reward."""

    name = "push"
    horizon = 120
    held_opening = 0.0
    observation_names = ("cube_x", "cube_y", "cube_z", "goal_x", "goal_y")
    objects = ("cube", "goal")

    def __post_init__(self) -> None:
        require_positive(self, "cube_half", "tolerance")

    @property
    def reward_terms(self) -> dict[str, tuple[float, Term]]:
        """Success alone unless ``dense``."""
        terms: dict[str, tuple[float, Term]] = {"success": (1.0, self.success)}
        return terms | {"approach": (SHAPING, self.approach)} if self.dense else terms

    def build(self, scene: mujoco.MjSpec) -> None:
        """Adds the cube and a mark on the table."""
        cube = scene.worldbody.add_body(name="cube", pos=[0.47, 0, self.cube_half])
        cube.add_freejoint(name="cube")
        add_box(cube, "cube", (self.cube_half,) * 3, rgba=ORANGE, mass=0.15, friction=0.5)
        goal = scene.worldbody.add_body(name="goal", pos=list(self.goal.centre))
        size = (self.cube_half, self.cube_half, 0.001)
        add_box(goal, "goal", size, rgba=GREEN, kind="ghost")

    def draw(self, rng: np.random.Generator, worlds: int) -> dict[str, np.ndarray]:
        """Start of the tool, positions of cube and goal."""
        return self.start.sample(rng, worlds) | {
            "cube_position": self.cube.sample(rng, worlds) + np.array([0, 0, self.cube_half]),
            "goal": self.goal.sample(rng, worlds),
        }

    def place(self, draw: dict[str, np.ndarray]) -> dict[str, Pose]:
        """The cube stands on the table, the mark lies on it."""
        still = np.zeros(len(draw["goal"]))
        return {"cube": Pose(draw["cube_position"], still), "goal": Pose(draw["goal"], still)}

    def locate(self, poses: dict[str, Pose]) -> dict[str, np.ndarray]:
        """Where cube and mark stand."""
        return {"cube_position": poses["cube"].position, "goal": poses["goal"].position}

    def observe(self, worlds: Worlds) -> np.ndarray:
        """Cube as seen from the tool, goal as seen from the cube [m]."""
        cube = worlds.bodies["cube"][:, :3]
        return np.column_stack([cube - worlds.tool_position, self._way(worlds)])

    def success(self, worlds: Worlds) -> np.ndarray:
        """Whether the cube lies at the goal."""
        return np.linalg.norm(self._way(worlds), axis=1) < self.tolerance

    def approach(self, worlds: Worlds) -> np.ndarray:
        """1 with the cube at the goal, falling with the distance."""
        return np.exp(-10 * np.linalg.norm(self._way(worlds), axis=1))

    def expert(self, worlds: Worlds) -> Target:
        """Behind the cube on the line to the goal, down, then along the line."""
        cube = worlds.bodies["cube"][:, :3]
        way = self._way(worlds)
        along = way / np.maximum(np.linalg.norm(way, axis=1, keepdims=True), 1e-6)
        behind = cube[:, :2] - (self.cube_half + 0.025) * along
        relative = worlds.tool_position[:, :2] - cube[:, :2]
        lag = -np.sum(relative * along, axis=1)
        sideways = np.linalg.norm(relative + lag[:, None] * along, axis=1)
        placed = (lag > self.cube_half) & (sideways < 0.012)
        low = worlds.tool_position[:, 2] < 0.035
        goal = np.column_stack([np.where((placed & low)[:, None], cube[:, :2], behind), cube[:, 2]])
        goal[:, 2] = np.where(placed, 0.02, 0.09)
        still = np.zeros(len(cube))
        return Target(Pose(goal, still), still)

    def _way(self, worlds: Worlds) -> np.ndarray:
        return (worlds.draw["goal"] - worlds.bodies["cube"][:, :3])[:, :2]
