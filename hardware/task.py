"""What a robot shall do: objects to observe, success, reward, and where an episode starts."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol, Self, cast

import numpy as np

TASKS = {
    "reach": "sim.reach:Reach",
    "pick_cube": "sim.pick_cube:PickCube",
    "peg_insert": "sim.peg_insert:PegInsert",
    "peg_remove": "sim.peg_remove:PegRemove",
    "push": "sim.push:Push",
}
"""``module:class`` by name. The tasks of the simulators are those of robots: both see the same."""

_ON_ROBOTS: dict[str, dict[str, Any]] = {"peg_insert": {"expert_gain": 1.4}}
"""In what tasks differ from those of the simulators, whose arms answer at once."""


class Upright(NamedTuple):
    """Where objects stand, base frame."""

    position: np.ndarray
    """Shape (worlds, 3) [m]."""
    yaw: np.ndarray
    """Shape (worlds,) [rad]."""

    @classmethod
    def of(cls, pose: np.ndarray) -> Self:
        """An object at ``x y z qx qy qz qw``, shape (7,) [m], as a batch of one."""
        *_, x, y, z, w = pose
        yaw = np.arctan2(2 * (w * z + x * y), 1 - 2 * (y * y + z * z))
        return cls(pose[None, :3], np.array([yaw]))


class RobotTask(Protocol):
    """A task as ``sim.task.Task`` describes it, less what only simulators need.

    ``worlds`` are ``sim.task.Worlds``: a batch of one.
    """

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
        """Opening (0 to 1) that the gripper holds; None when the action moves it."""
        ...

    @property
    def observation_names(self) -> tuple[str, ...]:
        """One name per element of ``observe``."""
        ...

    @property
    def objects(self) -> tuple[str, ...]:
        """Objects whose poses it needs, each a stream ``<object>/pose``."""
        ...

    @property
    def reward_terms(self) -> Mapping[str, tuple[float, Callable[[Any], np.ndarray]]]:
        """Name -> (weight, term); the reward is the weighted sum."""
        ...

    def draw(self, rng: np.random.Generator, worlds: int) -> dict[str, np.ndarray]:
        """Draws new episodes; holds ``tool_position`` and ``tool_yaw`` of the start."""
        ...

    def place(self, draw: dict[str, np.ndarray]) -> Mapping[str, Any]:
        """Where a draw has the objects, with ``position`` and ``yaw``."""
        ...

    def locate(self, poses: Any) -> dict[str, np.ndarray]:
        """What a draw says of objects that stand there."""
        ...

    def observe(self, worlds: Any) -> np.ndarray:
        """State of the task. Shape (1, len(observation_names))."""
        ...

    def success(self, worlds: Any) -> np.ndarray:
        """Shape (1,), bool."""
        ...

    def expert(self, worlds: Any) -> Any:
        """A waypoint: ``pose`` with position and yaw, and ``gripper``."""
        ...


def load_task(name: str) -> RobotTask:
    """The task of a name, or ``module:class`` for one of your own.

    Raises:
        ValueError: There is none.
    """
    module, colon, attribute = TASKS.get(name, name).partition(":")
    if not colon:
        raise ValueError(f"no task {name!r}; choose from {', '.join(TASKS)}, or write module:class")
    make = getattr(importlib.import_module(module), attribute, None)
    if make is None:
        raise ValueError(f"module {module!r} has no class {attribute!r}; write module:class")
    return cast("RobotTask", make(**_ON_ROBOTS.get(name, {})))


def as_worlds(**fields: Any) -> Any:
    """A ``sim.task.Worlds``, which knows of no simulator."""
    return importlib.import_module("sim.task").Worlds(**fields)
