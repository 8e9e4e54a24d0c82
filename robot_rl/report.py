"""What a run has to show for itself: one page that needs no other file, and the same as JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from robot_rl import durable
from robot_rl.machine import describe_machine
from robot_rl.settings import to_json

Numbers = Sequence[float] | np.ndarray
Cell = str | int | float | None

PAGE, DATA = "report.html", "report.json"
PICTURES = {".webp": "image/webp", ".gif": "image/gif", ".png": "image/png"}
"""Media type by suffix."""


@dataclass(frozen=True)
class Curve:
    """One line of a plot, with the band between ``low`` and ``high`` where it is known."""

    name: str
    x: Numbers
    y: Numbers
    low: Numbers | None = None
    high: Numbers | None = None

    def __post_init__(self) -> None:
        if (self.low is None) != (self.high is None):
            raise ValueError(f"curve {self.name!r} has one edge of its band; give both, or none")
        band = [] if self.low is None or self.high is None else [self.low, self.high]
        lengths = [len(values) for values in (self.x, self.y, *band)]
        if len(set(lengths)) > 1:
            raise ValueError(
                f"curve {self.name!r} has {lengths} values as x, y, low, high; give equally many"
            )


@dataclass(frozen=True)
class Panel:
    """One plot."""

    title: str
    x_label: str
    y_label: str
    curves: Sequence[Curve]
    y_range: tuple[float, float] | None = None
    """Ends of the vertical axis; None lets the curves choose."""


@dataclass(frozen=True)
class Table:
    """Results, a row each; numbers are shown with three significant digits."""

    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"row {row!r} does not fit the columns {list(self.columns)}")


@dataclass(frozen=True)
class Video:
    """A picture that a browser shows: an animated WebP or GIF, or a strip of frames."""

    title: str
    path: Path

    def __post_init__(self) -> None:
        if self.path.suffix not in PICTURES:
            raise ValueError(f"no picture: {self.path}; write it as {', '.join(PICTURES)}")


@dataclass(frozen=True)
class Report:
    """All that goes onto the page, in its order."""

    title: str
    summary: Sequence[tuple[str, str]] = ()
    """Label and value of the few numbers that matter; they are shown large."""
    videos: Sequence[Video] = ()
    curves: Sequence[Panel] = ()
    table: Table | None = None
    config: Any = None
    """The settings of the run, a dataclass."""


def write_report(folder: str | Path, report: Report) -> Path:
    """Writes ``report.html``, whole in itself, and ``report.json``, without the videos.

    Args:
        folder: Where to; made if missing.
        report: What to show.

    Returns:
        Path of the page.

    Raises:
        FileNotFoundError: If a video does not exist.
    """
    from robot_rl.report_page import render_page

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    machine = describe_machine()
    with durable.replacing(folder / DATA) as file:
        file.write(json.dumps(_as_json(report, machine), indent=2, allow_nan=False).encode())
    with durable.replacing(folder / PAGE) as file:
        file.write(render_page(report, machine).encode())
    return folder / PAGE


def _as_json(report: Report, machine: Mapping[str, Any]) -> dict[str, Any]:
    table = report.table
    return {
        "title": report.title,
        "summary": dict(report.summary),
        "curves": [_panel(panel) for panel in report.curves],
        "table": [dict(zip(table.columns, map(_finite, row), strict=True)) for row in table.rows]
        if table
        else [],
        "config": to_json(report.config),
        "machine": machine,
    }


def _panel(panel: Panel) -> dict[str, Any]:
    curves = [
        {"name": curve.name}
        | {
            key: [_finite(float(number)) for number in values]
            for key in ("x", "y", "low", "high")
            if (values := getattr(curve, key)) is not None
        }
        for curve in panel.curves
    ]
    labels = {"title": panel.title, "x_label": panel.x_label, "y_label": panel.y_label}
    return labels | {"curves": curves}


def _finite(cell: Cell) -> Cell:
    """JSON has no NaN and no infinity."""
    return None if isinstance(cell, float) and not math.isfinite(cell) else cell
