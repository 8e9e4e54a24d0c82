"""A policy that has learned with the state of the objects demonstrates for one that goes without.

What it shows is imitated, and learning goes on from there (Chen et al., 2019).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from robot_rl.env import STATE, ArraySpec, Env, Observation, Step
from robot_rl.environments import make_env
from robot_rl.policy import Policy
from robot_rl.wrapper import Wrapper, seen_as


class Taught(Wrapper):
    """The environment of a pupil, in which the teacher is the expert.

    Args:
        env: Shows what the teacher sees, one world.
        seen: What the pupil sees of it.
        teacher: The policy.

    Raises:
        ValueError: If the teacher sees something else.
    """

    def __init__(self, env: Env, seen: Mapping[str, ArraySpec], teacher: Policy) -> None:
        shown, needed = env.observation_spec, teacher.schema.observation
        if any(shown.get(key) != spec for key, spec in needed.items()):
            raise ValueError(
                f"the teacher, which was trained in {teacher.schema.env}, sees "
                f"{_names(needed)}, and here there is {_names(shown)}; train it with the same "
                "--options but for cameras, image_size and privileged"
            )
        super().__init__(env)
        self._seen, self._teacher, self._needed = dict(seen), teacher, needed
        names = shown[STATE].names if STATE in shown else ()
        kept = self._seen[STATE].names if STATE in self._seen else ()
        self._columns = [names.index(name) for name in kept]
        self._whole: Observation = {}

    @property
    def observation_spec(self) -> dict[str, ArraySpec]:
        """The pupil's."""
        return self._seen

    def reset(self, seed: int | None = None) -> Step:
        """As the environment's."""
        return self._shown(self._env.reset(seed))

    def step(self, action: np.ndarray) -> Step:
        """As the environment's."""
        return self._shown(self._env.step(action))

    def expert_action(self) -> np.ndarray:
        """What the teacher would do now. Shape (1, action)."""
        return self._teacher.act({key: self._whole[key] for key in self._needed})

    def _shown(self, step: Step) -> Step:
        self._whole = step.observation
        return seen_as(step, self._part(step.observation), self._part(step.final_observation))

    def _part(self, observation: Observation) -> Observation:
        part = {key: observation[key] for key in self._seen}
        return part | ({STATE: part[STATE][:, self._columns]} if STATE in part else {})


def taught(name: str, options: dict[str, Any], teacher: Path, seed: int = 0) -> Taught:
    """One world of a pupil's environment with its teacher.

    Args:
        name: Of the environment, one of those with the option ``privileged``.
        options: The pupil's.
        teacher: Run, or policy file.
        seed: Of the environment.

    Raises:
        FileNotFoundError: If there is no teacher.
        ValueError: If it sees something else.
    """
    policy = Policy.load(teacher)
    with make_env(name, 1, **options) as env:
        seen = env.observation_spec
    env = make_env(name, 1, seed, **(options | {"privileged": True}))
    try:
        return Taught(env, seen, policy)
    except ValueError:
        env.close()
        raise


def _names(spec: Mapping[str, ArraySpec]) -> str:
    state = spec[STATE].names if STATE in spec else ()
    return ", ".join([*state, *(key for key in spec if key != STATE)])
