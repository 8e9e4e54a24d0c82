"""The one table of environments: a name becomes an environment, and its engine loads only then."""

from __future__ import annotations

import ast
import difflib
import importlib
import inspect
from collections.abc import Callable, Iterable
from typing import Any

from robot_rl.env import Env

ENVIRONMENTS: dict[str, str] = {
    "point": "robot_rl.toy:PointEnv",
    "reach": "sim.environments:make_reach",
    "pick_cube": "sim.environments:make_pick_cube",
    "peg_insert": "sim.environments:make_peg_insert",
    "push": "sim.environments:make_push",
    "twin_reach": "sim.environments:make_twin_reach",
    "twin_pick_cube": "sim.environments:make_twin_pick_cube",
    "twin_peg_insert": "sim.environments:make_twin_peg_insert",
    "twin_push": "sim.environments:make_twin_push",
}
"""``module:factory`` by name; a factory takes ``num_envs``, ``seed`` and options of its own."""

GYMNASIUM_PREFIX = "gym:"
"""``gym:<id>`` is the Gymnasium environment of that id, e.g. ``gym:Pendulum-v1``."""


def make_env(name: str, num_envs: int = 1, seed: int = 0, **options: Any) -> Env:
    """Makes the environment of a name.

    Args:
        name: A key of ``ENVIRONMENTS``, or ``gym:<id>``.
        num_envs: Number of worlds.
        seed: Seed of everything the environment draws.
        **options: Passed to the factory, or to ``gymnasium.make``.

    Raises:
        ValueError: If the name is unknown.
        TypeError: If the factory has no such option.
    """
    if name.startswith(GYMNASIUM_PREFIX):
        from robot_rl.gymnasium_env import from_gymnasium

        return from_gymnasium(name.removeprefix(GYMNASIUM_PREFIX), num_envs, seed, **options)
    if name not in ENVIRONMENTS:
        choices = f"{', '.join(ENVIRONMENTS)}, or {GYMNASIUM_PREFIX}<id of a Gymnasium environment>"
        raise ValueError(f"no environment {name!r}{_hint(name, ENVIRONMENTS)}; choose {choices}")
    factory = _load(ENVIRONMENTS[name])
    _check_options(name, factory, options)
    return factory(num_envs=num_envs, seed=seed, **options)


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


def _parse(value: str) -> Any:
    try:
        return ast.literal_eval(value)
    except (ValueError, SyntaxError):
        named = {"true": True, "false": False, "none": None}
        if "," in value:
            return tuple(_parse(part) for part in value.split(",") if part)
        return named.get(value.lower(), value)


def _load(address: str) -> Callable[..., Env]:
    module, _, attribute = address.partition(":")
    return getattr(importlib.import_module(module), attribute)


def _check_options(name: str, factory: Callable[..., Env], options: Iterable[str]) -> None:
    parameters = inspect.signature(factory).parameters
    if any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values()):
        return  # the factory itself knows which are valid
    valid = [option for option in parameters if option not in ("num_envs", "seed")]
    for option in options:
        if option not in valid:
            raise TypeError(
                f"environment {name!r} has no option {option!r}{_hint(option, valid)}; "
                f"choose {', '.join(valid) or 'none, for it has no options'}"
            )


def _hint(value: str, choices: Iterable[str]) -> str:
    close = difflib.get_close_matches(value, choices)
    return f" (did you mean {' or '.join(map(repr, close))}?)" if close else ""
