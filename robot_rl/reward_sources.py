"""Reward sources that need no network: the task's own truth, a box, a person's word and hand."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from robot_rl.ranges import RangeError, above, at_least, check
from robot_rl.reward import Moments, Rewards, Verdict

Corner = tuple[float, float, float]


@dataclass(frozen=True)
class ToolBox:
    """Where the tool may be, and how far the gripper may be open."""

    lower: Corner
    """Lowest x, y, z of the tool, base frame [m]."""
    upper: Corner
    """Highest x, y, z of the tool, base frame [m]."""
    opening: tuple[float, float] = (-0.1, 1.1)
    """Smallest and largest opening of the gripper, 0 closed to 1 open."""

    def __post_init__(self) -> None:
        if not all(low < high for low, high in zip(self.lower, self.upper, strict=True)):
            raise RangeError(
                f"lower is {self.lower} and upper {self.upper}; give the lowest x, y, z as lower"
            )
        if not self.opening[0] < self.opening[1]:
            raise RangeError(
                f"opening is {self.opening}; give the smallest first, then the largest"
            )

    def holds(self, moments: Moments) -> np.ndarray:
        """Shape (num_envs,), bool."""
        tool, opening = moments.tool_position, moments.opening
        inside = ((tool >= self.lower) & (tool <= self.upper)).all(axis=1)
        return inside & (opening >= self.opening[0]) & (opening <= self.opening[1])


class Streak:
    """For how many steps in a row something was so, in each world."""

    def __init__(self, num_envs: int) -> None:
        self.length = np.zeros(num_envs, np.int64)

    def count(self, holds: np.ndarray, where: np.ndarray | None = None) -> np.ndarray:
        """Counts one step, only in the worlds ``where`` if given. Shape (num_envs,)."""
        longer = np.where(holds, self.length + 1, 0)
        self.length = longer if where is None else np.where(where, longer, self.length)
        return self.length

    def forget(self, worlds: np.ndarray) -> None:
        """Begins anew in the worlds with these indices."""
        self.length[worlds] = 0


@dataclass(frozen=True)
class TaskSettings:
    """The task's own truth; in simulation, and where a task tells it of measured poses."""

    name: str = "task"
    """Unlike that of other sources."""


class TaskReward:
    """What the task knows, its shaping terms included."""

    cameras: tuple[str, ...] = ()
    sparse: bool | None = None

    def __init__(self, settings: TaskSettings | None = None, num_envs: int = 1) -> None:
        self.name = (settings or TaskSettings()).name

    def judge(self, moments: Moments) -> Verdict:
        """The task's verdict.

        Raises:
            ValueError: If there is no task.
        """
        if moments.task is None:
            raise ValueError("the reward source task needs a task; give one, or leave it out")
        return moments.task

    def forget(self, worlds: np.ndarray) -> None:
        """Nothing to forget."""


@dataclass(frozen=True)
class PoseBoxSettings(ToolBox):
    """Success is where the tool stays in a box (SERL's pose threshold)."""

    steps: int = 2
    """Steps in a row."""
    name: str = "pose_box"
    """Unlike that of other sources."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check(self, steps=at_least(1))


class PoseBox:
    """Success while the tool has been in a box for some steps."""

    cameras: tuple[str, ...] = ()
    sparse: bool | None = True

    def __init__(self, settings: PoseBoxSettings, num_envs: int = 1) -> None:
        self.name = settings.name
        self._settings, self._streak = settings, Streak(num_envs)

    def judge(self, moments: Moments) -> Verdict:
        """Success, and for how many steps the tool was in the box."""
        inside = self._streak.count(self._settings.holds(moments))
        return Verdict.of(inside >= self._settings.steps, steps=inside.astype(float))

    def forget(self, worlds: np.ndarray) -> None:
        """Counts from 0 again."""
        self._streak.forget(worlds)


@dataclass(frozen=True)
class LabelSettings:
    """A person says what it was: services record/success and record/failure, keys s and f."""

    name: str = "label"
    """Unlike that of other sources."""


class LabelReward:
    """Success or failure as a person says it, which stands until the episode has ended."""

    cameras: tuple[str, ...] = ()
    sparse: bool | None = True

    def __init__(self, settings: LabelSettings, num_envs: int = 1) -> None:
        self.name = settings.name
        if num_envs != 1:
            raise ValueError(f"num_envs is {num_envs}; a person labels one robot, not a batch")
        self._said: bool | None = None

    def judge(self, moments: Moments) -> Verdict:
        """What was said in this step, or before."""
        self._said = self._said if moments.label is None else moments.label
        verdict = Verdict.of(np.array([self._said is True]))
        return Verdict(verdict.success, np.array([self._said is False]), verdict.terms)

    def forget(self, worlds: np.ndarray) -> None:
        """Nothing has been said."""
        self._said = None


@dataclass(frozen=True)
class InterventionSettings:
    """A person who takes over (RLIF): the step before costs, beside what other sources pay."""

    cost: float = 1.0
    """Of the step before a takeover."""
    name: str = "intervention"
    """Unlike that of other sources; its term is called so as well."""

    def __post_init__(self) -> None:
        check(self, cost=above(0))


class InterventionReward:
    """Names what a takeover costs; who collects transitions charges the step before it.

    A takeover in the first step of an episode costs nothing, for nothing came before.

    Attributes:
        takeover_cost: Of the step before.
    """

    cameras: tuple[str, ...] = ()
    sparse: bool | None = True  # The environment pays nothing for it.

    def __init__(self, settings: InterventionSettings, num_envs: int = 1) -> None:
        self.name, self.takeover_cost = settings.name, settings.cost

    def judge(self, moments: Moments) -> Verdict:
        """A term of 0, which the cost is charged to once it is known who acts next."""
        nothing = np.zeros(moments.num_envs, bool)
        return Verdict(nothing, nothing.copy(), {self.name: np.zeros(moments.num_envs)})

    def forget(self, worlds: np.ndarray) -> None:
        """Nothing to forget."""


def is_tasks_own(rewards: Rewards) -> bool:
    """Whether the task alone judges."""
    return all(isinstance(source, TaskReward) for source in rewards.sources)
