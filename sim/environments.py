"""Factories of the simulated environments; their options are the fields of the settings."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from typing import Any, Generic, TypeVar

from sim.config import EnvConfig, TwinConfig
from sim.gap import gap_profile
from sim.mujoco_env import MujocoEnv
from sim.peg_insert import PegInsert
from sim.peg_remove import PegRemove
from sim.pick_cube import PickCube
from sim.push import Push
from sim.randomization import Randomization
from sim.reach import Reach
from sim.task import Task
from sim.twin import Twin
from sim.twin_env import TwinEnv
from sim.twin_view import TwinView

T = TypeVar("T")
EnvT = TypeVar("EnvT")
TaskClass = type[Reach] | type[PickCube] | type[PegInsert] | type[PegRemove] | type[Push]


def make(task: TaskClass, num_envs: int = 1, seed: int = 0, **options: Any) -> MujocoEnv:
    """A batch of worlds of ``task``.

    Args:
        task: Class of the task.
        num_envs: Number of worlds.
        seed: Seed of all draws.
        **options: Fields of the task (``clearance=0.0005``) and of ``EnvConfig``
            (``cameras=("front",)``); ``randomization`` may also be ``"none"``, ``"wide"`` or
            ``"robot"``.

    Raises:
        TypeError: If an option is a field of neither, or a flag or box is given something else.
    """
    of_task, config = _split(task, options, ())
    return MujocoEnv(of_task, num_envs, seed, config)


def make_twin(task: TaskClass, num_envs: int = 1, seed: int = 0, **options: Any) -> TwinEnv:
    """One twin with ``task`` in front of it.

    Args:
        task: Class of the task.
        num_envs: A twin is one robot: 1.
        seed: Seed of episodes and noise.
        **options: As of ``make``, and the fields of ``TwinConfig``.

    Raises:
        TypeError: If an option is unknown.
        ValueError: If ``num_envs`` is not 1, there is no such profile, or nobody waits so long.
    """
    if num_envs != 1:
        raise ValueError(f"num_envs={num_envs}, but a twin is one robot; set num_envs=1")
    of_twin = _fields(TwinConfig)
    twin = TwinConfig(**{name: options.pop(name) for name in of_twin & options.keys()})
    of_task, config = _split(task, options, of_twin)
    profile = gap_profile(twin.gap)
    late = dataclasses.replace(profile, observation_delay=profile.observation_delay + twin.delay)
    return TwinEnv(of_task, late, seed, config)


def make_twin_alone(name: str, gap: str = TwinConfig.gap, seed: int = 0) -> Twin:
    """A twin without the environment around it, for a driver.

    Raises:
        ValueError: There is no such task or profile.
    """
    return Twin(task_named(name)(), gap_profile(gap), seed)


def make_twin_view(name: str, gap: str = TwinConfig.gap, seed: int = 0) -> TwinView:
    """The cameras of such a twin, for another process.

    Raises:
        ValueError: There is no such task or profile.
    """
    return TwinView(task_named(name)(), gap_profile(gap), seed)


def task_named(name: str) -> TaskClass:
    """The class of a task.

    Raises:
        ValueError: There is none.
    """
    tasks: dict[str, TaskClass] = {
        task.name: task for task in (Reach, PickCube, PegInsert, PegRemove, Push)
    }
    if name not in tasks:
        raise ValueError(f"no task {name!r}; choose from {', '.join(tasks)}")
    return tasks[name]


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
    config = _filled(EnvConfig, {k: v for k, v in options.items() if k in of_env})
    return _filled(task, {k: v for k, v in options.items() if k in of_task}), config


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
    presets = {
        "none": Randomization,
        "wide": Randomization.wide,
        "robot": Randomization.robot,
    }
    if name not in presets:
        raise ValueError(f"no randomization {name!r}; choose from {', '.join(presets)}")
    return presets[name]()


@dataclasses.dataclass(frozen=True)
class Factory(Generic[EnvT]):
    """Makes environments of one task."""

    make: Callable[..., EnvT]
    task: TaskClass
    others: tuple[type, ...] = ()

    @property
    def settings(self) -> tuple[type, ...]:
        """The dataclasses whose fields are the options."""
        return self.task, EnvConfig, *self.others

    def __call__(self, num_envs: int = 1, seed: int = 0, **options: Any) -> EnvT:
        """As ``make``."""
        return self.make(self.task, num_envs, seed, **options)


make_reach = Factory(make, Reach)
make_pick_cube = Factory(make, PickCube)
make_peg_insert = Factory(make, PegInsert)
make_peg_remove = Factory(make, PegRemove)
make_push = Factory(make, Push)

make_twin_reach = Factory(make_twin, Reach, (TwinConfig,))
make_twin_pick_cube = Factory(make_twin, PickCube, (TwinConfig,))
make_twin_peg_insert = Factory(make_twin, PegInsert, (TwinConfig,))
make_twin_peg_remove = Factory(make_twin, PegRemove, (TwinConfig,))
make_twin_push = Factory(make_twin, Push, (TwinConfig,))
