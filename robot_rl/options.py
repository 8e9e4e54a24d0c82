"""``robot-rl options``: what can be set about an environment, read from its own sources."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import re
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from robot_rl.environments import (
    ALWAYS_GIVEN,
    BASE,
    FRAMES,
    GYMNASIUM_PREFIX,
    HISTORY,
    find_factory,
)

SHORT = 90
"""Longest default that is printed in full [characters]."""


@runtime_checkable
class HasSettings(Protocol):
    """A factory whose options are the fields of dataclasses."""

    @property
    def settings(self) -> tuple[type, ...]:
        """The dataclasses."""
        ...


@dataclass(frozen=True)
class Option:
    """One setting of an environment."""

    name: str
    kind: str
    """Its type, as it stands in the source; empty if there is none."""
    default: str
    """As Python writes it; empty if there is none."""
    meaning: str

    def __str__(self) -> str:
        kind = f": {self.kind}" if self.kind else ""
        default = f" = {self.default}" if self.default else ""
        return f"{self.name}{kind}{default}" + (f"\n    {self.meaning}" if self.meaning else "")


_HISTORY = Option(
    HISTORY,
    "int",
    "0",
    "How many of the last actions ``state`` ends with; for robots that answer late.",
)
_FRAMES = Option(
    FRAMES, "int", "0", "How many of the last frames images hold, in their channels; 0: the newest."
)
_BASE = Option(BASE, "str", "", "Policy file, or run, that says at every step what it would do.")
"""All three of every environment."""


def options_of(name: str) -> list[Option]:
    """The options of an environment: those of its dataclasses, or else of its factory.

    Raises:
        ValueError: If there is no such environment, or it is Gymnasium's.
    """
    if name.startswith(GYMNASIUM_PREFIX):
        raise ValueError(
            f"the options of {name} are those of gymnasium.make; "
            "look them up in that environment's own documentation"
        )
    factory = find_factory(name)
    if isinstance(factory, HasSettings):
        own = [option for settings in factory.settings for option in _fields(settings)]
    else:
        own = list(_parameters(factory))
    return [*own, _HISTORY, _FRAMES, _BASE]


def _fields(settings: type) -> Iterator[Option]:
    """The fields of a dataclass; the string under a field is its meaning."""
    meanings = _strings_under_fields(settings)
    for field in dataclasses.fields(settings):
        default = field.default
        if field.default_factory is not dataclasses.MISSING:
            default = field.default_factory()
        shown = "" if default is dataclasses.MISSING else _short(default)
        yield Option(field.name, _kind(field.type), shown, meanings.get(field.name, ""))


def _strings_under_fields(settings: type) -> dict[str, str]:
    meanings: dict[str, str] = {}
    for base in settings.__bases__:
        meanings |= _strings_under_fields(base) if dataclasses.is_dataclass(base) else {}
    (definition,) = ast.parse(textwrap.dedent(inspect.getsource(settings))).body
    assert isinstance(definition, ast.ClassDef)
    for field, below in zip(definition.body, definition.body[1:], strict=False):
        match field, below:
            case ast.AnnAssign(ast.Name(name)), ast.Expr(ast.Constant(str(meaning))):
                meanings[name] = inspect.cleandoc(meaning)
    return meanings


def _parameters(factory: Callable[..., Any]) -> Iterator[Option]:
    """The parameters of a function or class; the ``Args`` of its docstring are their meanings."""
    meanings = dict(re.findall(r"^ +(\w+): (.+)$", inspect.getdoc(factory) or "", re.MULTILINE))
    for name, parameter in inspect.signature(factory).parameters.items():
        if name not in ALWAYS_GIVEN:
            empty = parameter.default is parameter.empty
            default = "" if empty else _short(parameter.default)
            kind = "" if parameter.annotation is parameter.empty else _kind(parameter.annotation)
            yield Option(name, kind, default, meanings.get(name, ""))


def _kind(annotation: Any) -> str:
    return annotation.__name__ if isinstance(annotation, type) else str(annotation)


def _short(default: object) -> str:
    shown = repr(default)
    return shown if len(shown) <= SHORT else f"{type(default).__name__}(...)"
