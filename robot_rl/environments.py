"""The one table of environments: a name becomes an environment, and its engine loads only then."""

from __future__ import annotations

import ast
import importlib
import inspect
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, cast

from robot_rl.check_env import missing_members
from robot_rl.env import Env
from robot_rl.suggestion import did_you_mean

ENVIRONMENTS: dict[str, str] = {
    "point": "robot_rl.toy:PointEnv",
    "detour": "robot_rl.detour:DetourEnv",
    "reach": "sim.environments:make_reach",
    "pick_cube": "sim.environments:make_pick_cube",
    "peg_insert": "sim.environments:make_peg_insert",
    "peg_remove": "sim.environments:make_peg_remove",
    "push": "sim.environments:make_push",
    "twin_reach": "sim.environments:make_twin_reach",
    "twin_pick_cube": "sim.environments:make_twin_pick_cube",
    "twin_peg_insert": "sim.environments:make_twin_peg_insert",
    "twin_peg_remove": "sim.environments:make_twin_peg_remove",
    "twin_push": "sim.environments:make_twin_push",
    "robot": "hardware.environments:make_robot",
}
"""``module:factory`` by name; a factory takes ``num_envs``, ``seed`` and options of its own."""

ROBOT = "robot"
"""Name of the environment that is a robot over ROS 2."""
GYMNASIUM_PREFIX = "gym:"
"""``gym:<id>`` is the Gymnasium environment of that id, e.g. ``gym:Pendulum-v1``."""
HISTORY = "action_history"
"""Option of every environment: how many of the last actions its ``state`` ends with."""
BASE = "base"
"""Option of every environment: policy file, or run, that says at every step what it would do; and
the key of that in observations."""
FRAMES = "frame_stack"
"""Option of every environment with images: how many of the last frames they hold."""
ALWAYS_GIVEN = ("num_envs", "seed")
"""Arguments of every factory; all others are options."""


def make_env(name: str, num_envs: int = 1, seed: int = 0, **options: Any) -> Env:
    """Makes the environment of a name.

    Args:
        name: A key of ``ENVIRONMENTS``, ``gym:<id>``, or ``module:factory`` for one of your own.
        num_envs: Number of worlds.
        seed: Seed of everything the environment draws.
        **options: ``action_history``, ``frame_stack`` and ``base``; all others are passed to the
            factory, or to ``gymnasium.make``.

    Raises:
        ValueError: If the name is unknown, or ``num_envs`` is not positive.
        TypeError: If the factory has no such option, or makes something else than an environment.
    """
    if num_envs < 1:
        raise ValueError(f"num_envs is {num_envs}; give at least 1")
    if path := options.pop(BASE, ""):
        from robot_rl.with_base import WithBase

        base = Path(path) if isinstance(path, str) else path
        return WithBase(make_env(name, num_envs, seed, **options), base)
    if steps := options.pop(HISTORY, 0):
        from robot_rl.action_history import ActionHistory

        return ActionHistory(make_env(name, num_envs, seed, **options), steps)
    if frames := options.pop(FRAMES, 0):
        from robot_rl.frame_stack import FrameStack

        return FrameStack(make_env(name, num_envs, seed, **options), frames)
    if name.startswith(GYMNASIUM_PREFIX):
        from robot_rl.gymnasium_env import from_gymnasium

        return from_gymnasium(name.removeprefix(GYMNASIUM_PREFIX), num_envs, seed, **options)
    factory = find_factory(name)
    arguments = {"num_envs": num_envs, "seed": seed, **options}
    _check_arguments(name, factory, arguments)
    env = factory(**arguments)
    if missing := missing_members(env):
        raise TypeError(
            f"{name!r} makes {type(env).__name__}, which lacks {', '.join(missing)}; "
            "an environment has the members of robot_rl.Env, and robot_rl.check_env tests it"
        )
    return env


def find_factory(name: str) -> Callable[..., Env]:
    """What makes the environment of a name, other than Gymnasium's.

    Raises:
        ValueError: If there is none.
    """
    if name in ENVIRONMENTS:
        return _load(ENVIRONMENTS[name])
    if ":" in name:
        return _load(name)
    raise ValueError(
        f"no environment {name!r}{did_you_mean(name, ENVIRONMENTS)}; choose "
        f"{', '.join(ENVIRONMENTS)}, {GYMNASIUM_PREFIX}<id of a Gymnasium environment>, "
        "or module:factory for your own"
    )


def parse_options(pairs: Iterable[str]) -> dict[str, Any]:
    """Options as the command line gives them: ``clearance=0.0005`` is a number, ``a,b`` a tuple.

    Raises:
        ValueError: If a pair has no ``=``.
    """
    options: dict[str, Any] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals:
            raise ValueError(f"{pair!r} is no option; write name=value, e.g. clearance=0.0005")
        options[name.replace("-", "_")] = _parse(value)
    return options


def options_without(name: str, pairs: Iterable[str]) -> tuple[str, ...]:
    """The same, still to be parsed, less one of them."""
    return tuple(pair for pair in pairs if pair.partition("=")[0].replace("-", "_") != name)


def _parse(value: str) -> Any:
    try:
        return ast.literal_eval(value)
    except (ValueError, SyntaxError):
        named = {"true": True, "false": False}
        if "," in value:
            return tuple(_parse(part) for part in value.split(",") if part)
        return named.get(value.lower(), value)


def _load(address: str) -> Callable[..., Env]:
    path, _, attribute = address.partition(":")
    try:
        module = importlib.import_module(path)
    except ModuleNotFoundError as error:
        if not f"{path}.".startswith(f"{error.name}."):
            raise  # the module is there, and lacks one that it imports
        raise ValueError(
            f"no module {error.name!r} for the environment {address!r}; "
            "install it, or run in the folder that holds it"
        ) from error
    factory = getattr(module, attribute, None)
    if not callable(factory):
        names = [name for name, member in vars(module).items() if callable(member)]
        raise ValueError(
            f"module {path!r} has no class or function {attribute!r}"
            f"{did_you_mean(attribute, names)}; write module:factory, e.g. mine.tasks:MyEnv"
        )
    return cast("Callable[..., Env]", factory)


def _check_arguments(name: str, factory: Callable[..., Env], arguments: dict[str, Any]) -> None:
    signature = inspect.signature(factory)
    _check_options(name, signature, arguments)
    try:
        signature.bind(**arguments)
    except TypeError as error:
        raise TypeError(
            f"environment {name!r} cannot be made: {error}; "
            f"its factory is called with the keywords {', '.join(arguments)}"
        ) from error


def _check_options(name: str, signature: inspect.Signature, options: Iterable[str]) -> None:
    parameters = signature.parameters
    if any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values()):
        return  # the factory itself knows which are valid
    valid = [option for option in parameters if option not in ALWAYS_GIVEN]
    for option in options:
        if option not in (*valid, *ALWAYS_GIVEN):
            raise TypeError(
                f"environment {name!r} has no option {option!r}{did_you_mean(option, valid)}; "
                f"choose {', '.join(valid) or 'none, for it has no options'}"
            )
