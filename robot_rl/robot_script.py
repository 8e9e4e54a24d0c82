"""What a script does on a robot: demonstrations, and beside each attempts that nearly are one."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np

from robot_rl.demonstrations import HasExpert, trembling
from robot_rl.env import ArraySpec
from robot_rl.metadata import ATTEMPT
from robot_rl.near_misses import ASIDE, GIVE_UP, draw_aside


@runtime_checkable
class ScriptedRobot(HasExpert, Protocol):
    """A robot whose task has an expert."""

    @property
    def action_spec(self) -> ArraySpec:
        """Of one action."""
        ...

    @property
    def elapsed(self) -> int:
        """Steps of this episode so far."""
        ...


class RobotScript:
    """An episode of the task's expert, then so many that aim beside the goal, and so on.

    Starts of a robot do not come again, so an attempt does not stop short of a success, as in
    simulation: it goes on a little longer than the last success took. One that succeeds all the
    same is a success, and no demonstration.

    Args:
        env: One robot.
        attempts: Near misses beside each success.
        noise: Standard deviation of the tremble, in units of the action.
        seed: Of tremble and attempts.
    """

    def __init__(self, env: ScriptedRobot, attempts: int, noise: float, seed: int) -> None:
        self._env, self._attempts, self._noise = env, attempts, noise
        self._rng = np.random.default_rng(seed)
        self._episode, self._steps = -1, 1
        self._usual = 0
        """Steps of the last episode of the expert."""
        self._drawn = np.zeros((1, *env.action_spec.shape), np.float32)

    def act(self) -> np.ndarray:
        """The next action. Shape (1, action)."""
        if self._env.elapsed < self._steps:  # It may have waited a step for the disk.
            self._begin()
        self._steps = self._env.elapsed + 1
        action = trembling(self._env.expert_action(), self._noise, self._rng)
        return np.clip(action + self._drawn, -1, 1)

    def pressed(self) -> list[str]:
        """The key ``next`` once an attempt has gone on for long enough."""
        over = self._aside and self._env.elapsed >= self._usual + GIVE_UP
        return ["next"] if over else []

    def labels(self) -> dict[str, str]:
        """What is to be noted of this episode."""
        return {ATTEMPT: ASIDE} if self._aside else {}

    def _begin(self) -> None:
        if not self._aside:
            self._usual = self._steps
        self._episode += 1
        self._drawn[:] = draw_aside(self._env.action_spec, self._rng) if self._aside else 0

    @property
    def _aside(self) -> bool:
        return self._episode % (1 + self._attempts) > 0
