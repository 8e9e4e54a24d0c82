"""A policy that has learned with the state of the objects demonstrates for one that goes without.

What it shows is imitated, and learning goes on from there (Chen et al., 2019).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from robot_rl.acting_options import KEPT
from robot_rl.env import STATE, ArraySpec, Env, Observation, Step
from robot_rl.environments import make_env, parse_options
from robot_rl.policy import Policy
from robot_rl.schema import Schema
from robot_rl.wrapper import Wrapper, seen_as


class Taught(Wrapper):
    """The environment of a pupil, in which the teacher is the expert.

    Args:
        env: Shows what the teacher sees, one world.
        seen: What the pupil sees of it.
        teacher: The policy.

    Raises:
        ValueError: If the teacher sees or does something else.
    """

    def __init__(self, env: Env, seen: Mapping[str, ArraySpec], teacher: Policy) -> None:
        shown, needed = env.observation_spec, teacher.schema.observation
        here = replace(Schema.of(env), observation={k: shown[k] for k in needed if k in shown})
        learned = replace(teacher.schema, env=here.env, contract=here.contract)
        if lines := learned.differences(here):
            raise ValueError(
                f"the teacher was trained for {teacher.schema.env}, and what its pupil does "
                "differs; train it with the same --options but for cameras, image_size, crop "
                "and privileged:" + "".join(f"\n  {line}" for line in lines)
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
        self._teacher.forget(np.ones(self.num_envs, bool))
        return self._shown(self._env.reset(seed))

    def step(self, action: np.ndarray) -> Step:
        """As the environment's."""
        step = self._env.step(action)
        self._teacher.forget(step.done)
        return self._shown(step)

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
        ValueError: If it sees or does something else.
    """
    policy = Policy.load(teacher)
    _require_same_tool(policy, options)
    with make_env(name, 1, **options) as env:
        seen = env.observation_spec
    env = make_env(name, 1, seed, **(options | {"privileged": True}))
    try:
        return Taught(env, seen, policy)
    except ValueError:
        env.close()
        raise


def _require_same_tool(teacher: Policy, options: Mapping[str, Any]) -> None:
    """Refuses options by which the same action would move the tool otherwise."""
    trained = parse_options(teacher.schema.contract.get("options", ()))
    for name in set(KEPT) - {"privileged"}:
        if trained.get(name) != options.get(name):
            raise ValueError(
                f"the teacher was trained with {name}={trained.get(name)}, and its pupil has "
                f"{options.get(name)}; give both the same (None: neither has it)"
            )
