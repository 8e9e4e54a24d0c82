"""The fields of a message type as ``ros2msg`` text, from the Python class alone."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from typing import Any

_NAMES = {"double": "float64", "float": "float32", "boolean": "bool", "octet": "byte"}
"""Names of IDL that are others in ``.msg`` files."""
_SEPARATOR = f"\n{'=' * 80}\n"


def definition(kind: type[Any]) -> str:
    """The definition of a message class, with those of the types within it below.

    Constants are left out: no decoder needs them.
    """
    texts = [f"MSG: {name}\n{_fields(within)}" for name, within in _within(kind, set())]
    return _SEPARATOR.join([_fields(kind), *texts])


def type_name(kind: type[Any]) -> str:
    """Full name of a message class, e.g. ``sensor_msgs/msg/JointState``."""
    return f"{kind.__module__.split('.')[0]}/msg/{kind.__name__}"


def _fields(kind: type[Any]) -> str:
    fields = kind.get_fields_and_field_types()
    return "".join(f"{_type(text)} {name}\n" for name, text in fields.items())


def _type(text: str) -> str:
    """A field's type as ``.msg`` files have it: ``sequence<double, 3>`` is ``float64[<=3]``."""
    if match := re.fullmatch(r"sequence<(.+?)(?:, (\d+))?>", text):
        item, most = match.groups()
        return f"{_type(item)}[{f'<={most}' if most else ''}]"
    if match := re.fullmatch(r"(.+)(\[\d+\])", text):
        return _type(match[1]) + match[2]
    if match := re.fullmatch(r"(w?string)<(\d+)>", text):
        return f"{match[1]}<={match[2]}"
    return _NAMES.get(text, text)


def _within(kind: type[Any], seen: set[str]) -> Iterator[tuple[str, type[Any]]]:
    """Name and class of each message type within, each once."""
    for text in kind.get_fields_and_field_types().values():
        for name in re.findall(r"\w+/\w+", text):
            if name not in seen:
                seen.add(name)
                package, _, short = name.partition("/")
                found = getattr(importlib.import_module(f"{package}.msg"), short)
                yield name, found
                yield from _within(found, seen)
