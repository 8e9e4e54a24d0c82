"""A task that starts as an episode did, so that the episode can be repeated."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from hardware.task import RobotTask, Upright


class RecordedStart:
    """Tool and objects where they were; success as the task itself has it, no end by time.

    Args:
        position: Of the tool, base frame. Shape (3,) [m].
        yaw: Of the tool [rad].
        opening: Of the gripper, 0 closed to 1 open.
        objects: ``x y z qx qy qz qw`` of each. Shape (7,) [m].
        task: What was to be done, if it was a task.
    """

    name = "recorded"
    horizon = 10**9
    observation_names: tuple[str, ...] = ()
    reward_terms: Mapping[str, tuple[float, Callable[[Any], np.ndarray]]] = {}

    def __init__(
        self,
        position: np.ndarray,
        yaw: float,
        opening: float,
        objects: dict[str, np.ndarray],
        task: RobotTask | None = None,
    ) -> None:
        self.held_opening: float | None = opening
        self.objects = tuple(objects)
        self._start = {"tool_position": position[None], "tool_yaw": np.array([yaw])}
        self._poses, self._task = objects, task

    def draw(self, rng: np.random.Generator, worlds: int) -> dict[str, np.ndarray]:
        """The start of the episode."""
        return self._start

    def place(self, draw: dict[str, np.ndarray]) -> Mapping[str, Any]:
        """Where the objects stood."""
        return {name: Upright.of(pose) for name, pose in self._poses.items()}

    def locate(self, poses: Any) -> dict[str, np.ndarray]:
        """As the task does."""
        return {} if self._task is None else self._task.locate(poses)

    def observe(self, worlds: Any) -> np.ndarray:
        """Nothing. Shape (1, 0)."""
        return np.empty((1, 0))

    def success(self, worlds: Any) -> np.ndarray:
        """As the task has it. Shape (1,), bool."""
        return np.zeros(1, bool) if self._task is None else self._task.success(worlds)

    def expert(self, worlds: Any) -> Any:
        """Nobody.

        Raises:
            TypeError: Always.
        """
        raise TypeError("a recorded episode is repeated, not demonstrated")
