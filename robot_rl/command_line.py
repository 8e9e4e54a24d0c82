"""Settings as the words of a command line, for a process that shall have the same ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any


def words_of(settings: Any, usual: Any, prefix: str = "--") -> Iterator[str]:
    """The flags of what differs from the usual, as ``robot-rl`` reads them.

    Args:
        settings: A dataclass of values, tuples of values, or further such dataclasses.
        usual: The same with what holds without a flag.
        prefix: Stands before each name.
    """
    for each in fields(settings):
        value, other = getattr(settings, each.name), getattr(usual, each.name)
        name = each.name.replace("_", "-")
        if is_dataclass(value):
            yield from words_of(value, other, f"{prefix}{name}.")
        elif value != other:
            yield from _flag(prefix, name, value)


def _flag(prefix: str, name: str, value: Any) -> list[str]:
    if isinstance(value, bool):
        return [f"{prefix}{'' if value else 'no-'}{name}"]
    values = value if isinstance(value, tuple) else (value,)
    return [f"{prefix}{name}", *map(str, values)]
