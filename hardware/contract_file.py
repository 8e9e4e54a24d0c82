"""Contracts as YAML: the presets in ``robots/``, and files of one's own.

A file has the keys of ``hardware.contract.Contract``, or ``extends``, which names another robot,
and those that differ. What does not fit is refused with the file, the key and the choices; a key
given twice as well, which YAML itself lets pass.
"""

from __future__ import annotations

import difflib
import math
import types
from collections.abc import Iterable
from dataclasses import MISSING, Field, fields, is_dataclass
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import numpy as np
import yaml

from hardware.contract import Contract

_ROBOTS = Path(__file__).with_name("robots")
_KINDS = {str: "a string", int: "a whole number", float: "a number", dict: "keys", list: "a list"}


class ContractError(ValueError):
    """A contract that does not hold; the message names file, key and choices."""


def robots() -> tuple[str, ...]:
    """Names of the presets."""
    return tuple(sorted(path.stem for path in _ROBOTS.glob("*.yaml")))


def load_contract(name_or_path: str | Path) -> Contract:
    """Reads a preset by its name, or a file of one's own.

    Raises:
        ContractError: There is no such robot, or the file does not fit.
    """
    path = _find(name_or_path, Path())
    return from_values(_values(path, ()), path.name)


def from_values(values: Any, name: str = "contract") -> Contract:
    """Makes a contract of what ``to_values`` returned, or of what a file holds.

    Args:
        values: Plain values by key.
        name: What an error calls the whole.

    Raises:
        ContractError: A key is unknown or missing, or a value does not fit.
    """
    try:
        return _read(Contract, values, "")
    except ContractError as error:
        raise ContractError(f"{name}: {error}") from error


def to_values(part: Any) -> Any:
    """Plain values of a contract, for JSON and YAML; ``from_values`` reads them back."""
    if is_dataclass(part) and not isinstance(part, type):
        return {f.name: to_values(getattr(part, f.name)) for f in fields(part)}
    if isinstance(part, np.ndarray):
        return part.tolist()
    return [to_values(item) for item in part] if isinstance(part, tuple) else part


def _find(name_or_path: str | Path, beside: Path) -> Path:
    """The file of a preset, or one of one's own in the folder ``beside``."""
    name = str(name_or_path)
    path = _ROBOTS / f"{name}.yaml" if name in robots() else beside / name
    if not path.is_file():
        raise ContractError(
            f"no robot and no file {name!r}{_hint(name, robots())}; choose from "
            f"{', '.join(robots())}, or give the path of a contract (YAML)"
        )
    return path


def _values(path: Path, extending: tuple[Path, ...]) -> Any:
    """What a file holds, over what it extends; a model's file is looked up beside its own."""
    values = _parse(path)
    if not isinstance(values, dict):
        return values
    model = values.get("model")
    if isinstance(model, dict) and isinstance(file := model.get("file"), str) and ":" not in file:
        values["model"] = model | {"file": str(path.parent / file)}
    if (base := values.pop("extends", None)) is None:
        return values
    if path in extending:
        raise ContractError(f"{path.name} extends itself; name another robot, or leave it out")
    try:
        found = _find(_require(str, base, "extends"), path.parent)
    except ContractError as error:
        raise ContractError(f"{path.name}: extends: {error}") from error
    return _over(_values(found, (*extending, path)), values)


def _over(base: Any, values: Any) -> Any:
    """Values over those of a base, key by key; lists are replaced whole."""
    if not (isinstance(base, dict) and isinstance(values, dict)):
        return values
    return base | {key: _over(base.get(key), value) for key, value in values.items()}


class _Loader(yaml.SafeLoader):
    """Safe, and refuses a key that is given twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
            if key.value in seen:
                raise yaml.constructor.ConstructorError(
                    problem=f"the key {key.value!r} is given twice", problem_mark=key.start_mark
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def _parse(path: Path) -> Any:
    try:
        return yaml.load(path.read_text(encoding="utf-8"), _Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f"line {mark.line + 1}, column {mark.column + 1}" if mark else "somewhere"
        told = f"{place}: {error.problem}"
        raise ContractError(f"{path.name} is no YAML that can be read: {told}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ContractError(f"{path.name} is no YAML that can be read: {error}") from error


def _read(kind: Any, value: Any, key: str) -> Any:
    origin, choices = get_origin(kind), get_args(kind)
    if is_dataclass(kind) and isinstance(kind, type):
        return _read_dataclass(kind, value, key)
    if origin in (Union, types.UnionType):
        return None if value is None else _read(choices[0], value, key)
    if origin is Literal:
        return _read_choice(choices, value, key)
    if origin is tuple or kind is np.ndarray:
        _require(list, value, key)
        item_kind = choices[0] if choices else float
        items = tuple(_read(item_kind, item, f"{key}[{i}]") for i, item in enumerate(value))
        return np.array(items) if kind is np.ndarray else items
    return _read_number(value, key) if kind is float else _require(kind, value, key)


def _read_dataclass(kind: type, value: Any, key: str) -> Any:
    _require(dict, value, key)
    known = {f.name: f for f in fields(kind)}
    if unknown := [name for name in value if name not in known]:
        name = unknown[0]
        raise ContractError(
            f"{_named(key)} has no key {name!r}{_hint(str(name), known)}; "
            f"valid are {', '.join(known)}"
        )
    if missing := [name for name, f in known.items() if name not in value and _needed(f)]:
        raise ContractError(
            f"{_named(key)} lacks {', '.join(missing)}; needed are "
            f"{', '.join(name for name, f in known.items() if _needed(f))}"
        )
    hints = get_type_hints(kind)
    parts = {name: _read(hints[name], item, _join(key, name)) for name, item in value.items()}
    try:
        return kind(**parts)
    except ValueError as error:
        raise ContractError(_join(key, str(error).removeprefix(f"{kind.__name__}."))) from error


def _needed(field: Field[Any]) -> bool:
    return field.default is MISSING and field.default_factory is MISSING


def _read_choice(choices: tuple[Any, ...], value: Any, key: str) -> Any:
    if value not in choices:
        raise ContractError(
            f"{key} is {value!r}{_hint(str(value), choices)}; choose from {', '.join(choices)}"
        )
    return value


def _read_number(value: Any, key: str) -> float:
    if isinstance(value, str):
        raise ContractError(f"{key} is the text {value!r}; give a number, with point: 1.0e-3")
    if isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not math.isfinite(_require(float, value, key)):
        raise ContractError(f"{key} is {value}; give a finite number")
    return value


def _require(kind: Any, value: Any, key: str) -> Any:
    # bool is an int to Python, and no count of anything.
    if not isinstance(value, kind) or isinstance(value, bool):
        raise ContractError(f"{_named(key)} is {value!r}; give {_KINDS[kind]}")
    return value


def _join(key: str, name: str) -> str:
    return f"{key}.{name}" if key else name


def _named(key: str) -> str:
    return key or "the contract"


def _hint(value: str, choices: Iterable[str]) -> str:
    close = difflib.get_close_matches(value, choices)
    return f" (did you mean {' or '.join(map(repr, close))}?)" if close else ""
