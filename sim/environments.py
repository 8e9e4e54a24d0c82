"""Factories of the simulated environments; their options are the fields of the settings."""

from __future__ import annotations

import dataclasses
from typing import Any, TypeVar

from sim.config import EnvConfig
from sim.mujoco_env import MujocoEnv
from sim.peg_insert import PegInsert
from sim.pick_cube import PickCube
from sim.push import Push
from sim.randomization import Randomization
from sim.reach import Reach

T = TypeVar("T")
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
        TypeError: If an option is a field of neither, or a flag or box is given something else.
    """
    of_task, of_env = _fields(task), _fields(EnvConfig)
    if unknown := options.keys() - of_task - of_env:
        raise TypeError(
            f"{task.name} has no option {', '.join(sorted(unknown))}; "
            f"choose from {', '.join(sorted(of_task | of_env))}"
        )
    if isinstance(name := options.get("randomization"), str):
        options["randomization"] = _randomization(name)
    if isinstance(camera := options.get("cameras"), str):
        options["cameras"] = (camera,)
    config = _filled(EnvConfig, {k: v for k, v in options.items() if k in of_env})
    chosen = _filled(task, {k: v for k, v in options.items() if k in of_task})
    return MujocoEnv(chosen, num_envs, seed, config)


def _filled(settings: type[T], options: dict[str, Any]) -> T:
    """The dataclass, which checks its numbers itself; any text would do for a flag."""
    for name, value in options.items():
        default = getattr(settings(), name)
        checked = isinstance(default, bool) or dataclasses.is_dataclass(default)
        if checked and not isinstance(value, type(default)):
            kind = type(default).__name__
            raise TypeError(f"{name} is {value!r}; give a {kind}, e.g. {default!r}")
    return settings(**options)


def _fields(settings: type) -> set[str]:
    return {field.name for field in dataclasses.fields(settings)}


def _randomization(name: str) -> Randomization:
    presets = {"none": Randomization, "wide": Randomization.wide}
    if name not in presets:
        raise ValueError(f"no randomization {name!r}; choose from {', '.join(presets)}")
    return presets[name]()


@dataclasses.dataclass(frozen=True)
class Factory:
    """Makes environments of one task."""

    task: TaskClass

    @property
    def settings(self) -> tuple[type, ...]:
        """The dataclasses whose fields are the options."""
        return self.task, EnvConfig

    def __call__(self, num_envs: int = 1, seed: int = 0, **options: Any) -> MujocoEnv:
        """As ``make``."""
        return make(self.task, num_envs, seed, **options)


make_reach = Factory(Reach)
make_pick_cube = Factory(PickCube)
make_peg_insert = Factory(PegInsert)
make_push = Factory(Push)
