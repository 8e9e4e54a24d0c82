"""Which numbers the settings of tasks and environments may have.

Each function raises ValueError for the first field that has another value, and names both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import inf
from numbers import Real
from typing import Any


def require_positive(settings: object, *names: str) -> None:
    """Fields that must be numbers above 0."""
    _require(settings, names, "a number above 0", lambda v: _is_number(v) and 0 < v < inf)


def require_not_negative(settings: object, *names: str) -> None:
    """Fields that must be numbers from 0 on."""
    allowed = "0 or a number above it"
    _require(settings, names, allowed, lambda v: _is_number(v) and 0 <= v < inf)


def require_count(settings: object, name: str, at_least: int) -> None:
    """A field that must be an integer from ``at_least`` on."""
    allowed = f"an integer, at least {at_least}"
    _require(settings, [name], allowed, lambda v: isinstance(v, int) and v >= at_least)


def _is_number(value: object) -> bool:
    return isinstance(value, Real)


def _require(
    settings: object, names: Iterable[str], allowed: str, holds: Callable[[Any], bool]
) -> None:
    for name in names:
        value = getattr(settings, name)
        if not holds(value):
            raise ValueError(f"{name} is {value!r}; give {allowed}")
