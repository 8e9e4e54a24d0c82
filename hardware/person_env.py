"""The scripted person beside an environment without ROS, many times faster than real time.

The same person as over ROS, with another hand: what they want becomes an action at once, where a
teleop node would move a target at the speed of a hand.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

from controllers.lie import so3_exp
from controllers.proprioception import LEAD
from controllers.tool_control import ROTATION_DOWN, ToolSettings
from hardware.node_settings import PersonSettings
from hardware.person import Look, Person
from robot_rl.env import (
    ArraySpec,
    Closing,
    Env,
    HasReturnRange,
    HasTakeoverCosts,
    Info,
    Observation,
    Step,
)

_TOOL, _TURN = ("x", "y", "z"), ("roll", "pitch", "yaw")


class HasTask(Env, HasReturnRange, HasTakeoverCosts, Protocol):
    """A simulated arm that knows how its task is done."""

    @property
    def task(self) -> Any:
        """With a ``horizon``."""
        ...

    @property
    def config(self) -> Any:
        """With the fields of ``controllers.tool_control.ToolSettings``."""
        ...

    def expert_action(self) -> np.ndarray:
        """The task's scripted expert. Shape (num_envs, action)."""
        ...


class PersonEnv(Closing):
    """An environment in which a person takes over; one for each world.

    Attributes:
        people: Of each world.
    """

    def __init__(self, env: HasTask, settings: PersonSettings) -> None:
        self._env, self.num_envs, self.dt = env, env.num_envs, env.dt
        self.task, self.config = env.task, env.config
        names = env.observation_spec["state"].names
        self._tool, self._turn = ([names.index(n) for n in part] for part in (_TOOL, _TURN))
        self._leads = [names.index(n) for n in LEAD if n in names]
        self._seed, length = settings.seed, env.task.horizon * env.dt
        self.people = [Person(settings, length, rng) for rng in self._rngs(0)]
        self._elapsed = np.zeros(env.num_envs, int)
        self._state = np.zeros((env.num_envs, len(names)))

    @property
    def observation_spec(self) -> dict[str, ArraySpec]:
        """The environment's own, as all else that is not documented here."""
        return self._env.observation_spec

    @property
    def action_spec(self) -> ArraySpec:
        """The environment's own."""
        return self._env.action_spec

    @property
    def return_range(self) -> tuple[float, float] | None:
        """The environment's own."""
        return self._env.return_range

    @property
    def takeover_costs(self) -> Mapping[str, float]:
        """The environment's own."""
        return self._env.takeover_costs

    def expert_action(self) -> np.ndarray:
        """The environment's own. Shape (num_envs, action)."""
        return self._env.expert_action()

    def reset(self, seed: int | None = None) -> Step:
        """New episodes, and nobody has an arm; the same seed gives the same people."""
        if seed is not None:
            for person, rng in zip(self.people, self._rngs(seed), strict=True):
                person.rng = rng
        step = self._env.reset(seed)
        self._watch(step.observation, np.ones(self.num_envs, bool))
        return self._told(step, np.zeros(self.num_envs, bool))

    def step(self, action: np.ndarray) -> Step:
        """The action, or a person's in its place; ``info`` says whose it was."""
        expert = np.asarray(self._env.expert_action(), np.float64)
        chosen, intervened = np.array(action, np.float32), np.zeros(self.num_envs, bool)
        for world in range(self.num_envs):
            motion = self._motion(world, expert[world, :6])
            if motion is not None:
                chosen[world] = np.r_[motion, expert[world, 6:]]
                intervened[world] = True
        step = self._env.step(chosen)
        self._watch(step.observation, step.done)
        return self._told(step, intervened)

    def close(self) -> None:
        """Closes the environment; safe to call twice."""
        self._env.close()

    def _rngs(self, seed: int) -> list[np.random.Generator]:
        return np.random.default_rng((self._seed, seed)).spawn(self.num_envs)

    def _motion(self, world: int, expert: np.ndarray) -> np.ndarray | None:
        """How a person moves the tool, in units of the action, if they have it. Shape (6,)."""
        frame, state = self._frame(world), self._state[world]
        scale = np.repeat([self.config.translation, self.config.rotation], 3)
        lead = state[self._leads] if self._leads else np.zeros(6)
        look = Look(state[self._tool], _turned(frame, scale * (lead + expert)))
        wanted = self.people[world].look(look, float(self._elapsed[world]) * self.dt)
        return None if wanted is None else np.clip(_turned(frame.T, wanted) / scale - lead, -1, 1)

    def _watch(self, observation: Observation, begun: np.ndarray) -> None:
        self._state = np.asarray(observation["state"], np.float64)
        self._elapsed = np.where(begun, 0, self._elapsed + 1)
        for world in np.flatnonzero(begun):
            self.people[world].begin()

    def _frame(self, world: int) -> np.ndarray:
        """Turns what is in the frame of actions into the base frame. Shape (3, 3)."""
        if not self.config.relative_frame:
            return np.eye(3)
        return ROTATION_DOWN @ so3_exp(self._state[world, self._turn])

    def _told(self, step: Step, intervened: np.ndarray) -> Step:
        return step._replace(info=step.info | {Info.INTERVENED: intervened})


def with_person(env: Any, skill: float = 0.8, seed: int = 0, **settings: Any) -> PersonEnv:
    """Puts a scripted person beside each world of an environment.

    Args:
        env: Simulated arm with a scripted expert, e.g. ``make_env("twin_peg_insert")``.
        skill: Share of takeovers that go well.
        seed: Of errors and tremble.
        **settings: Further fields of ``PersonSettings``.

    Raises:
        TypeError: The environment has no task, or nobody knows how it is done.
        ValueError: A setting makes no sense.
    """
    settings_of_person = PersonSettings(skill=skill, seed=seed, **settings)
    config = getattr(env, "config", None)
    if not (isinstance(config, ToolSettings) and hasattr(env, "expert_action")):
        raise TypeError(
            f"{type(env).__name__} has no arm whose task a person could do; choose reach, "
            "pick_cube, peg_insert, push, or one of them as twin_..."
        )
    return PersonEnv(env, settings_of_person)


def _turned(rotation: np.ndarray, twist: np.ndarray) -> np.ndarray:
    """Both halves. Shapes (3, 3), (6,) -> (6,)."""
    return (twist.reshape(2, 3) @ rotation.T).ravel()
