"""What a task is: a scene, a reset distribution, reward terms, success, and a scripted expert."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from controllers.ranges import require_not_negative

if TYPE_CHECKING:
    import mujoco

TABLE_CENTRE = np.array([0.5, 0.0, 0.0])
"""Middle of the work area on the table top, in the base frame [m]."""
SHAPING = 0.02
"""What shaping may pay a step: with a discount of 0.97, and time-outs bootstrapped, to hover beside
success for ever is then worth less than to succeed."""


class Pose(NamedTuple):
    """Upright poses in the base frame."""

    position: np.ndarray
    """Shape (worlds, 3) [m]."""
    yaw: np.ndarray
    """Rotation about the vertical. Shape (worlds,) [rad]."""


class Target(NamedTuple):
    """Where a scripted expert wants the tool next."""

    pose: Pose
    gripper: np.ndarray
    """Wanted opening, 0 closed to 1 open. Shape (worlds,)."""


@dataclass(frozen=True)
class Worlds:
    """What a task sees of a batch of worlds. Base frame, SI units."""

    tool_position: np.ndarray
    """Shape (worlds, 3) [m]."""
    tool_rotation: np.ndarray
    """Shape (worlds, 3, 3)."""
    twist: np.ndarray
    """Linear, then angular velocity of the tool. Shape (worlds, 6) [m/s, rad/s]."""
    opening: np.ndarray
    """Gripper opening, 0 closed to 1 open. Shape (worlds,)."""
    bodies: dict[str, np.ndarray]
    """Pose of each free object: position, then quaternion wxyz (MuJoCo). Shape (worlds, 7)."""
    draw: dict[str, np.ndarray]
    """The task's random draws of each world's episode. Shape (worlds, ...)."""
    elapsed: np.ndarray
    """Steps since the episode began. Shape (worlds,)."""

    @property
    def tool_yaw(self) -> np.ndarray:
        """Rotation of the downward-pointing tool about the vertical. Shape (worlds,) [rad]."""
        return np.arctan2(self.tool_rotation[:, 1, 0], self.tool_rotation[:, 0, 0])


Term = Callable[[Worlds], np.ndarray]


class Task(Protocol):
    """One small file per task implements this."""

    @property
    def name(self) -> str:
        """As on the command line."""
        ...

    @property
    def horizon(self) -> int:
        """Steps after which an episode is truncated."""
        ...

    @property
    def held_opening(self) -> float | None:
        """Opening (0 to 1) that the gripper holds all the time; None when the action moves it."""
        ...

    @property
    def observation_names(self) -> tuple[str, ...]:
        """One name per element of ``observe``."""
        ...

    @property
    def objects(self) -> tuple[str, ...]:
        """Names of the bodies that ``place`` places."""
        ...

    @property
    def reward_terms(self) -> dict[str, tuple[float, Term]]:
        """Name -> (weight, term); the reward is the weighted sum."""
        ...

    def build(self, scene: mujoco.MjSpec) -> None:
        """Adds the task's bodies to a scene that has the arm and the table."""
        ...

    def draw(self, rng: np.random.Generator, worlds: int) -> dict[str, np.ndarray]:
        """Draws new episodes; must hold ``tool_position`` and ``tool_yaw`` of the start."""
        ...

    def place(self, draw: dict[str, np.ndarray]) -> dict[str, Pose]:
        """Poses of the bodies that the draw moves, by body name."""
        ...

    def locate(self, poses: dict[str, Pose]) -> dict[str, np.ndarray]:
        """Inverse of ``place``: what a draw says of bodies that stand at these poses."""
        ...

    def observe(self, worlds: Worlds) -> np.ndarray:
        """Privileged state of the task. Shape (worlds, len(observation_names))."""
        ...

    def success(self, worlds: Worlds) -> np.ndarray:
        """Shape (worlds,), bool."""
        ...

    def expert(self, worlds: Worlds) -> Target:
        """A waypoint that leads to success, without noise."""
        ...


@dataclass(frozen=True)
class Box:
    """A uniform box of start positions."""

    centre: tuple[float, float, float]
    half: tuple[float, float, float]

    def __post_init__(self) -> None:
        if not all(half >= 0 for half in self.half):
            raise ValueError(f"half is {self.half}; give the box three half sides, none below 0")

    def sample(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Shape (count, 3) [m]."""
        return np.asarray(self.centre) + rng.uniform(-1, 1, (count, 3)) * np.asarray(self.half)


@dataclass(frozen=True)
class Start:
    """Where the tool starts."""

    box: Box = field(default_factory=lambda: Box((0.5, 0.0, 0.2), (0.03, 0.03, 0.02)))
    yaw: float = 0.2
    """Half range [rad]."""

    def __post_init__(self) -> None:
        require_not_negative(self, "yaw")

    def sample(self, rng: np.random.Generator, count: int) -> dict[str, np.ndarray]:
        """The two draws that every task has."""
        return {
            "tool_position": self.box.sample(rng, count),
            "tool_yaw": rng.uniform(-self.yaw, self.yaw, count),
        }


def wrap(angle: np.ndarray, period: float = 2 * np.pi) -> np.ndarray:
    """The equivalent angle in [-period/2, period/2)."""
    return (angle + period / 2) % period - period / 2


def distance(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Euclidean distance along the last axis."""
    return np.linalg.norm(a - b, axis=-1)
