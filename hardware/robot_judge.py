"""Who judges what a robot does: sources of reward, the task's truth, and a person's word."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np

from hardware.keys import LABELS, Key
from hardware.link import Link
from hardware.robot_view import RobotView
from hardware.task import RobotTask
from robot_rl.env import Info, Observation
from robot_rl.reward import Judgement, Moments, Rewards, Verdict
from robot_rl.reward_sources import LabelReward, TaskReward, is_tasks_own


class RobotJudge:
    """Judges each step of one robot by its last look.

    Args:
        link: Hears a person's presses.
        view: What is seen.
        task: What is done, if it is a task.
        rewards: Who judges; the task by default. Without either there is no reward.

    Raises:
        ValueError: One of them has learned from another part of a camera's pictures.
    """

    def __init__(
        self, link: Link, view: RobotView, task: RobotTask | None, rewards: Rewards | None
    ) -> None:
        self._link, self._view, self._task = link, view, task
        self._rewards = rewards or Rewards([] if task is None else [TaskReward()])
        self._rewards.require_crops(view.crops)
        self._said: bool | None = None
        self._keys: list[Key] = []

    @property
    def return_range(self) -> tuple[float, float] | None:
        """0 to 1 where success alone is paid, unknown otherwise."""
        sparse = self._task is not None and self._task.reward_terms.keys() == {"success"}
        return self._rewards.return_range(sparse)

    @property
    def takeover_costs(self) -> dict[str, float]:
        """What the step before a takeover costs, by the names of the terms."""
        return self._rewards.takeover_costs

    @property
    def takes_labels(self) -> bool:
        """Whether a person's word is a reward."""
        return any(isinstance(source, LabelReward) for source in self._rewards.sources)

    def begin(self) -> None:
        """A new episode, of which nothing has been said."""
        self._hear(())  # From the first look on somebody listens; what was pressed is over.
        self._said = None
        self._rewards.forget(np.array([0]))

    def label(self, success: bool) -> None:
        """A person says how the running episode went; it counts with the next step."""
        self._said = success

    def pressed(self, keys: Collection[Key]) -> list[Key]:
        """What the record services were called for since the last look, less what was a label.

        Args:
            keys: Have a service from now on, as labels have where they are a reward.
        """
        self._hear(keys)
        found, self._keys = self._keys, []
        return found

    def judge(
        self,
        final: Observation,
        intervened: np.ndarray,
        elapsed: int,
        over: np.ndarray,
        lost: np.ndarray,
    ) -> tuple[Judgement, dict[str, Any]]:
        """What the sources say of the last look, and what is to be known besides.

        Args:
            final: The observation.
            intervened: Whether a person acted. Shape (1,), bool.
            elapsed: Steps since the episode began.
            over: Whether the episode ends here in any case. Shape (1,), bool.
            lost: Whether the arm has failed, whatever the sources say. Shape (1,), bool.
        """
        truth = self._truth(elapsed)
        moments = self._moments(final, intervened, elapsed, truth)
        judgement = self._rewards.judge(moments, over, lost)
        if is_tasks_own(self._rewards):
            return judgement, {}
        known = {} if truth is None else {Info.TRUE_SUCCESS: truth.success & ~lost}
        known |= {Info.READINGS: judgement.readings, Info.JUDGED: moments.beside(final)}
        return judgement, known

    def _moments(
        self, final: Observation, intervened: np.ndarray, elapsed: int, truth: Verdict | None
    ) -> Moments:
        self._hear(())
        (arm, cameras), said = (self._view.arm, self._rewards.cameras), self._said
        self._said = None
        return Moments(
            observation=self._view.images(cameras) | final,  # Judged as it is recorded.
            tool_position=arm.tool.position,
            tool_rotation=arm.tool.rotation,
            opening=arm.opening,
            elapsed=np.array([elapsed]),
            intervened=intervened,
            stamps=self._view.image_stamps(cameras),
            label=said,
            task=truth,
        )

    def _truth(self, elapsed: int) -> Verdict | None:
        """What the task says, by the measured poses of its objects."""
        if self._task is None:
            return None
        worlds = self._view.worlds(elapsed)
        terms = {name: w * term(worlds) for name, (w, term) in self._task.reward_terms.items()}
        return Verdict(np.asarray(self._task.success(worlds)), np.zeros(1, bool), terms)

    def _hear(self, keys: Collection[Key]) -> None:
        """Takes a person's presses; of those that say how it went, the last one counts."""
        labels = LABELS if self.takes_labels else ()
        for key in self._link.pressed({*keys, *labels}):
            if key in labels:
                self.label(key == "success")
            else:
                self._keys.append(key)
