"""Bring the tool to a random position."""

from __future__ import annotations

from dataclasses import dataclass, field

import mujoco
import numpy as np

from controllers.ranges import require_positive
from sim.scene import GREEN, add_box
from sim.task import SHAPING, Box, Pose, Start, Target, Term, Worlds, distance


@dataclass(frozen=True)
class Reach:
    """Free motion only: the smallest task."""

    tolerance: float = 0.015
    """Distance from the goal that counts as reached [m]."""
    goal: Box = field(default_factory=lambda: Box((0.5, 0.0, 0.2), (0.1, 0.15, 0.1)))
    """Where the goal is drawn [m]."""
    start: Start = field(default_factory=Start)
    """Where the tool starts."""
    dense: bool = False
    """Adds a shaping term to the sparse reward."""

    name = "reach"
    horizon = 60
    held_opening = 0.0
    observation_names = ("goal_x", "goal_y", "goal_z")
    objects = ("goal",)

    def __post_init__(self) -> None:
        require_positive(self, "tolerance")

    @property
    def reward_terms(self) -> dict[str, tuple[float, Term]]:
        """Success alone unless ``dense``."""
        terms: dict[str, tuple[float, Term]] = {"success": (1.0, self.success)}
        return terms | {"approach": (SHAPING, self.approach)} if self.dense else terms

    def build(self, scene: mujoco.MjSpec) -> None:
        """Adds a marker that only the cameras see."""
        goal = scene.worldbody.add_body(name="goal", pos=list(self.goal.centre))
        add_box(goal, "goal", (self.tolerance,) * 3, rgba=GREEN, kind="ghost")

    def draw(self, rng: np.random.Generator, worlds: int) -> dict[str, np.ndarray]:
        """Start of the tool, position of the goal."""
        return self.start.sample(rng, worlds) | {"goal": self.goal.sample(rng, worlds)}

    def place(self, draw: dict[str, np.ndarray]) -> dict[str, Pose]:
        """The marker stands at the goal."""
        return {"goal": Pose(draw["goal"], np.zeros(len(draw["goal"])))}

    def locate(self, poses: dict[str, Pose]) -> dict[str, np.ndarray]:
        """The goal is where the marker stands."""
        return {"goal": poses["goal"].position}

    def observe(self, worlds: Worlds) -> np.ndarray:
        """Goal as seen from the tool [m]."""
        return worlds.draw["goal"] - worlds.tool_position

    def success(self, worlds: Worlds) -> np.ndarray:
        """Whether the tool is at the goal."""
        return distance(worlds.tool_position, worlds.draw["goal"]) < self.tolerance

    def approach(self, worlds: Worlds) -> np.ndarray:
        """1 at the goal, falling with the distance."""
        return np.exp(-10 * distance(worlds.tool_position, worlds.draw["goal"]))

    def expert(self, worlds: Worlds) -> Target:
        """Straight to the goal."""
        still = np.zeros(len(worlds.elapsed))
        return Target(Pose(worlds.draw["goal"], still), still)
