"""Measured numbers beside what they are measured against; shown, and kept as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from rich import box
from rich.console import Console
from rich.table import Table

from robot_rl.machine import describe_machine

BUILD = Path("build")


@dataclass(frozen=True)
class Row:
    """One measured number."""

    name: str
    """``<suite>/<what>``."""
    value: float | None
    unit: str
    reference: float | None = None
    """A bar, or a peer measured in the same run; None where there is neither."""
    seeds: Sequence[int] | None = None
    """Seeds behind the value, where it depends on them."""

    @classmethod
    def of(cls, row: Row | Mapping[str, Any]) -> Self:
        """From a mapping of the fields; a ``ratio`` in it is worked out anew."""
        fields = asdict(row) if isinstance(row, Row) else row
        return cls(**{key: value for key, value in fields.items() if key != "ratio"})

    @property
    def ratio(self) -> float | None:
        """Value over reference."""
        if self.value is None or not self.reference:
            return None
        return self.value / self.reference

    def to_json(self) -> dict[str, Any]:
        """All fields and the ratio; ``seeds`` only where there are any."""
        fields = asdict(self) | {"ratio": self.ratio}
        return {key: value for key, value in fields.items() if key != "seeds" or value is not None}


def write_rows(rows: Iterable[Row], name: str, folder: Path = BUILD) -> Path:
    """Writes ``<folder>/<name>.json``: a list of rows, each with the machine it was measured on."""
    folder.mkdir(parents=True, exist_ok=True)
    machine = describe_machine()
    path = folder / f"{name}.json"
    content = [row.to_json() | {"machine": machine} for row in rows]
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    return path


def show_rows(rows: Iterable[Row], console: Console | None = None) -> None:
    """Prints a table; the ratio is value over reference."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("name", overflow="fold")
    table.add_column("value", justify="right")
    table.add_column("unit")
    table.add_column("reference", justify="right")
    table.add_column("ratio", justify="right")
    for row in rows:
        value, reference, ratio = map(_number, (row.value, row.reference, row.ratio))
        table.add_row(row.name, value, row.unit, reference, ratio)
    (console or Console()).print(table)


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
