"""Parameters of a node are the fields of a dataclass; the string under a field describes it."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import textwrap
from typing import Any, TypeVar

from rcl_interfaces.msg import ParameterDescriptor
from rclpy.node import Node

T = TypeVar("T")


def declare(node: Node, settings: type[T]) -> T:
    """Declares one read-only parameter per field and returns the dataclass as it was launched.

    Fields are strings, numbers, flags or tuples of strings.

    Raises:
        ValueError: If the dataclass refuses a value.
    """
    meanings = strings_under_fields(settings)
    values: dict[str, Any] = {}
    for field in dataclasses.fields(settings):  # pyright: ignore[reportArgumentType]
        descriptor = ParameterDescriptor(description=meanings.get(field.name, ""), read_only=True)
        default: Any = field.default
        default = list(default) if isinstance(default, tuple) else default
        given = node.declare_parameter(field.name, default, descriptor).value
        values[field.name] = tuple(given) if isinstance(field.default, tuple) else given
    return settings(**values)


def strings_under_fields(settings: type) -> dict[str, str]:
    """What each field of a dataclass means, by its name."""
    (definition,) = ast.parse(textwrap.dedent(inspect.getsource(settings))).body
    assert isinstance(definition, ast.ClassDef)
    return {
        field.target.id: inspect.cleandoc(str(below.value.value))
        for field, below in zip(definition.body, definition.body[1:], strict=False)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(below, ast.Expr)
        and isinstance(below.value, ast.Constant)
    }
