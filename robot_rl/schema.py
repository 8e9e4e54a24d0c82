"""What recorded arrays look like, and how two descriptions of it differ."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Self

import numpy as np

from robot_rl.env import ArraySpec, Env

Specs = Mapping[str, ArraySpec]


class SchemaError(ValueError):
    """Data of one kind met a store, ring or environment of another; the message lists how."""


@dataclass(frozen=True)
class Schema:
    """What every episode of a store has in common."""

    observation: dict[str, ArraySpec]
    action: ArraySpec
    dt: float
    """Time between two actions [s]."""
    env: str = ""
    """Name of the environment or robot."""
    contract: dict[str, Any] = field(default_factory=dict)
    """The robot's contract or the environment's configuration, as JSON values."""

    @classmethod
    def of(cls, env: Env, name: str = "", contract: dict[str, Any] | None = None) -> Self:
        """The schema of what an environment gives."""
        return cls(dict(env.observation_spec), env.action_spec, env.dt, name, contract or {})

    def expect(self, other: Schema, name: str) -> None:
        """Checks that ``other`` describes the same data; contracts may differ.

        Args:
            other: What is to be added or used.
            name: What this is the schema of, for the message.

        Raises:
            SchemaError: If they differ.
        """
        problem = f"{name} holds other data"
        if self.env != other.env:
            mine, theirs = (env or "an unnamed environment" for env in (self.env, other.env))
            problem = (
                f"{name} does not fit: it holds {mine}, you asked for {theirs}; "
                "choose another folder, or that environment"
            )
        if lines := self.differences(other):
            rest = [f"\n  {line}" for line in lines if not line.startswith("env: ")]
            raise SchemaError(problem + (":" if rest else "") + "".join(rest))

    def differences(self, other: Schema) -> list[str]:
        """One line for each way in which ``other`` describes other data; contracts may differ."""
        mine, theirs = (replace(one, contract={}).to_json() for one in (self, other))
        return differences(mine, theirs)

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        specs = {key: spec_to_json(spec) for key, spec in self.observation.items()}
        return {
            "observation": specs,
            "action": spec_to_json(self.action),
            "dt": self.dt,
            "env": self.env,
            "contract": self.contract,
        }

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Self:
        """Inverse of ``to_json``."""
        specs = {key: spec_from_json(spec) for key, spec in content["observation"].items()}
        fixed = {"observation": specs, "action": spec_from_json(content["action"])}
        return cls(**(content | fixed))


def spec_to_json(spec: ArraySpec) -> dict[str, Any]:
    """As JSON values; a bound at infinity, which JSON lacks, is null."""
    content = asdict(spec)
    for bound in ("low", "high"):
        content[bound] = content[bound] if math.isfinite(content[bound]) else None
    lists = {name: list(content[name]) for name in ("shape", "names", "crop")}
    return content | lists


def spec_from_json(content: dict[str, Any]) -> ArraySpec:
    """Inverse of ``spec_to_json``."""
    return ArraySpec(
        shape=tuple(content["shape"]),
        dtype=content["dtype"],
        low=-math.inf if content["low"] is None else content["low"],
        high=math.inf if content["high"] is None else content["high"],
        names=tuple(content["names"]),
        crop=tuple(content.get("crop", ())),  # Older files have whole pictures.
    )


def differences(expected: Any, found: Any, name: str = "") -> list[str]:
    """One line for each way in which two JSON values differ, e.g. what two ``to_json`` gave."""
    if not (isinstance(expected, dict) and isinstance(found, dict)):
        return [] if expected == found else [f"{name}: expected {expected}, got {found}"]
    lines: list[str] = []
    for key in expected | found:
        path = f"{name}.{key}" if name else key
        if key not in found:
            lines.append(f"{path}: missing")
        elif key not in expected:
            lines.append(f"{path}: unknown, choose from {', '.join(expected) or 'nothing'}")
        else:
            lines += differences(expected[key], found[key], path)
    return lines


def check_arrays(
    specs: Specs, arrays: Mapping[str, np.ndarray], leading: tuple[int, ...] = ()
) -> None:
    """Checks keys, shapes and dtypes of arrays with the given leading axes.

    Raises:
        SchemaError: If they differ from ``specs``.
    """
    if arrays.keys() == specs.keys() and all(
        arrays[key].shape == (*leading, *spec.shape) and arrays[key].dtype == spec.dtype
        for key, spec in specs.items()
    ):
        return
    wanted = {key: f"{spec.dtype} {(*leading, *spec.shape)}" for key, spec in specs.items()}
    given = {key: f"{value.dtype} {value.shape}" for key, value in arrays.items()}
    raise SchemaError("; ".join(differences(wanted, given)))
