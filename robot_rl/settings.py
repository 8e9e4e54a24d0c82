"""Settings to JSON and back: nested frozen dataclasses survive the round trip unchanged.

A file may leave fields out, which then have their defaults; a field that does not exist, or a value
of the wrong kind, is refused by its full name.
"""

from __future__ import annotations

import dataclasses
import json
import math
import types
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from robot_rl import durable
from robot_rl.suggestion import did_you_mean

T = TypeVar("T")


class SettingsError(ValueError):
    """Settings that do not fit their dataclass; the message names the field."""


def to_json(value: Any) -> Any:
    """Plain JSON of a settings dataclass: tuples as lists, paths and infinite floats as strings.

    Raises:
        SettingsError: If a field holds something that is no setting, e.g. an array.
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: to_json(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {str(key): to_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_json(item) for item in value]
    if isinstance(value, Path) or (isinstance(value, float) and not math.isfinite(value)):
        return str(value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise SettingsError(
        f"{value!r} is no setting; use numbers, strings, tuples, dicts and dataclasses of them"
    )


def from_json(kind: type[T], values: Any, name: str = "settings") -> T:
    """Makes a ``kind`` of what ``to_json`` returned.

    Args:
        kind: The dataclass.
        values: A value by the name of each field; missing ones have their default.
        name: What an error calls the whole.

    Raises:
        SettingsError: If a field does not exist, has none of its valid values, or is missing
            without having a default.
    """
    return _read(kind, values, name)


def save_settings(settings: Any, path: str | Path) -> None:
    """Writes a dataclass as JSON; the file is old or new after a crash."""
    text = json.dumps(to_json(settings), indent=2, allow_nan=False)
    durable.replace(Path(path), f"{text}\n".encode())


def load_settings(kind: type[T], path: str | Path) -> T:
    """Reads what ``save_settings`` wrote, or what a person did.

    Raises:
        SettingsError: If the file is no JSON, or does not fit ``kind``.
        FileNotFoundError: If there is no such file.
    """
    try:
        values = json.loads(Path(path).read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise SettingsError(f"{path} is no JSON: {error}; mend that line") from error
    return from_json(kind, values, str(path))


def _read(kind: Any, value: Any, name: str) -> Any:
    origin = get_origin(kind)
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        return _read_dataclass(kind, value, name)
    if origin is Literal:
        return _read_literal(get_args(kind), value, name)
    if origin in (Union, types.UnionType):
        return _read_union(get_args(kind), value, name)
    if origin is tuple:
        return _read_tuple(get_args(kind), value, name)
    if origin is dict:
        _, item_kind = get_args(kind)
        _check(dict, value, name)
        return {key: _read(item_kind, item, f"{name}.{key}") for key, item in value.items()}
    return _read_plain(kind, value, name)


def _read_dataclass(kind: type, value: Any, name: str) -> Any:
    _check(dict, value, name)
    hints = get_type_hints(kind)
    fields = {f.name: f for f in dataclasses.fields(kind) if f.init}
    for key in value.keys() - fields:
        raise SettingsError(_no_such_field(key, list(fields), name))
    read = {key: _read(hints[key], item, f"{name}.{key}") for key, item in value.items()}
    try:
        return kind(**read)
    except (TypeError, ValueError) as error:
        raise SettingsError(f"{name}: {error}") from error


def _read_literal(choices: tuple[Any, ...], value: Any, name: str) -> Any:
    if value not in choices:
        valid = ", ".join(map(repr, choices))
        raise SettingsError(f"{name} is {value!r}{did_you_mean(value, choices)}; choose {valid}")
    return value


def _read_union(kinds: tuple[Any, ...], value: Any, name: str) -> Any:
    """The first kind that fits; dataclasses of a union are told apart by their fields."""
    if value is None and types.NoneType in kinds:
        return None
    errors = []
    for kind in kinds:
        try:
            return _read(kind, value, name)
        except SettingsError as error:
            errors.append(error)
    # A union with None has one meaning left, and its own message is the better one.
    real = [error for kind, error in zip(kinds, errors, strict=True) if kind is not types.NoneType]
    raise SettingsError("; or ".join(map(str, real)))


def _read_tuple(kinds: tuple[Any, ...], value: Any, name: str) -> tuple[Any, ...]:
    _check(list, value, name)
    if len(kinds) == 2 and kinds[1] is Ellipsis:
        kinds = (kinds[0],) * len(value)
    if len(kinds) != len(value):
        raise SettingsError(f"{name} has {len(value)} elements, {value!r}; give {len(kinds)}")
    pairs = enumerate(zip(kinds, value, strict=True))
    return tuple(_read(kind, item, f"{name}[{index}]") for index, (kind, item) in pairs)


def _read_plain(kind: Any, value: Any, name: str) -> Any:
    if kind is Any:
        return value
    if kind is Path:
        _check(str, value, name)
        return Path(value)
    if kind is float:
        return _read_float(value, name)
    _check(kind, value, name)
    return value


def _read_float(value: Any, name: str) -> float:
    if value in ("inf", "-inf", "nan"):
        return float(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    _check(float, value, name)
    return value


_KIND_NAMES: dict[Any, str] = {
    dict: "an object",
    list: "a list",
    str: "a string",
    int: "an integer",
    float: "a number",
    bool: "true or false",
    types.NoneType: "null",
}


def _check(kind: Any, value: Any, name: str) -> None:
    # bool is an int to Python, and no count of anything.
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise SettingsError(f"{name} is {value!r}; give {_KIND_NAMES.get(kind, kind)}")


def _no_such_field(key: str, valid: list[str], name: str) -> str:
    return f"{name} has no field {key!r}{did_you_mean(key, valid)}; valid are {', '.join(valid)}"
