"""Which values a setting may have; a dataclass checks its fields when it is made."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import inf
from typing import Any, NamedTuple


class RangeError(ValueError):
    """A setting has a value that makes no sense; the message names both and what is allowed."""


class Range(NamedTuple):
    """A condition on a value, and how to say it."""

    allowed: str
    """What an error tells to give."""
    holds: Callable[[Any], bool]


def at_least(low: float, reason: str = "") -> Range:
    """From ``low`` on; ``reason`` says where a bound comes from that other settings decide."""
    allowed = f"at least {low}{f', {reason}' if reason else ''}"
    return Range(allowed, lambda value: low <= value < inf)


def above(low: float, up_to: float = inf) -> Range:
    """Above ``low``, and not above ``up_to``."""
    allowed = f"a number above {low}{f', at most {up_to}' if up_to < inf else ''}"
    return Range(allowed, lambda value: low < value <= up_to and value < inf)


def within(low: float, high: float, reason: str = "") -> Range:
    """From ``low`` to ``high``, both included; ``reason`` as for ``at_least``."""
    allowed = f"a number from {low} to {high}{f', {reason}' if reason else ''}"
    return Range(allowed, lambda value: low <= value <= high)


def multiple_of(number: int) -> Range:
    """``number`` and its multiples."""
    return Range(f"a multiple of {number}", lambda value: value >= number and value % number == 0)


def each(of_one: Range) -> Range:
    """A tuple that is not empty, and whose elements fulfil ``of_one``."""
    allowed = f"one or more, each {of_one.allowed}"
    return Range(allowed, lambda values: len(values) > 0 and all(map(of_one.holds, values)))


def _ascends(pair: Sequence[float]) -> bool:
    return -inf < pair[0] < pair[1] < inf


ASCENDING = Range("the lower number first, then the higher", _ascends)


def check(settings: object, **ranges: Range) -> None:
    """Checks the fields that ``ranges`` names; None, where a field may be that, is no value yet.

    Raises:
        RangeError: If a field has another value.
    """
    for name, (allowed, holds) in ranges.items():
        value = getattr(settings, name)
        if value is not None and not holds(value):
            raise RangeError(f"{name} is {value!r}; give {allowed}")
