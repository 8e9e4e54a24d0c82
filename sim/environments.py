"""Factories of the simulated environments; their options are the fields of the settings."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from functools import partial
from typing import Any

from sim.config import EnvConfig
from sim.gap import gap_profile
from sim.mujoco_env import MujocoEnv
from sim.peg_insert import PegInsert
from sim.pick_cube import PickCube
from sim.push import Push
from sim.randomization import Randomization
from sim.reach import Reach
from sim.task import Task
from sim.twin_env import TwinEnv

TaskClass = type[Reach] | type[PickCube] | type[PegInsert] | type[Push]


def make(task: TaskClass, num_envs: int = 1, seed: int = 0, **options: Any) -> MujocoEnv:
    """A batch of worlds of ``task``.

    Args:
        task: Class of the task.
        num_envs: Number of worlds.
        seed: Seed of all draws.
        **options: Fields of the task (``clearance=0.0005``) and of ``EnvConfig``
            (``cameras=("front",)``); ``randomization`` may also be ``"none"`` or ``"wide"``.

    Raises:
        TypeError: If an option is a field of neither.
    """
    of_task, config = _split(task, options, ())
    return MujocoEnv(of_task, num_envs, seed, config)


def make_twin(
    task: TaskClass, num_envs: int = 1, seed: int = 0, gap: str = "none", **options: Any
) -> TwinEnv:
    """One twin with ``task`` in front of it.

    Args:
        task: Class of the task.
        num_envs: A twin is one robot: 1.
        seed: Seed of episodes and noise.
        gap: Name of a gap profile.
        **options: As of ``make``.

    Raises:
        TypeError: If an option is unknown.
        ValueError: If ``num_envs`` is not 1, or there is no such profile.
    """
    if num_envs != 1:
        raise ValueError(f"num_envs={num_envs}, but a twin is one robot; set num_envs=1")
    of_task, config = _split(task, options, ("gap",))
    return TwinEnv(of_task, gap_profile(gap), seed, config)


def _split(
    task: TaskClass, options: dict[str, Any], others: Iterable[str]
) -> tuple[Task, EnvConfig]:
    """Task and configuration of the options; ``others`` are valid as well."""
    of_task, of_env = _fields(task), _fields(EnvConfig)
    if unknown := options.keys() - of_task - of_env:
        raise TypeError(
            f"{task.name} has no option {', '.join(sorted(unknown))}; "
            f"choose from {', '.join(sorted({*of_task, *of_env, *others}))}"
        )
    if isinstance(name := options.get("randomization"), str):
        options["randomization"] = _randomization(name)
    if isinstance(camera := options.get("cameras"), str):
        options["cameras"] = (camera,)
    config = EnvConfig(**{k: v for k, v in options.items() if k in of_env})
    return task(**{k: v for k, v in options.items() if k in of_task}), config


def _fields(settings: type) -> set[str]:
    return {field.name for field in dataclasses.fields(settings)}


def _randomization(name: str) -> Randomization:
    presets = {"none": Randomization, "wide": Randomization.wide}
    if name not in presets:
        raise ValueError(f"no randomization {name!r}; choose from {', '.join(presets)}")
    return presets[name]()


make_reach = partial(make, Reach)
make_pick_cube = partial(make, PickCube)
make_peg_insert = partial(make, PegInsert)
make_push = partial(make, Push)

make_twin_reach = partial(make_twin, Reach)
make_twin_pick_cube = partial(make_twin, PickCube)
make_twin_peg_insert = partial(make_twin, PegInsert)
make_twin_push = partial(make_twin, Push)
