"""The page of one training run: how success rose, how fast the policy became, how it looks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from robot_rl.config import TrainConfig
from robot_rl.log import Row, read_log
from robot_rl.progress import score
from robot_rl.report import Curve, Panel, Report, Table, Video, write_report
from robot_rl.run import Run

Quantity = Literal["success", "return"]
POLICIES = {"greedy": "policy, greedy", "sampled": "policy, sampled", "cloned": "behaviour cloning"}

UNTRAINED = "untrained.webp"
"""Film beside those of the evaluations."""

_JUDGED = ("untrained", "behaviour cloning", "greedy", "sampled")


def write_run_report(run: Run, title: str) -> Path:
    """Writes ``report.html`` and ``report.json`` into the run's folder.

    Args:
        run: A run with at least one evaluation.
        title: Heading of the page.

    Returns:
        Path of the page.
    """
    rows = read_log(run.folder)
    config = run.config(TrainConfig)
    report = Report(
        title=title,
        summary=_summary(rows),
        videos=_videos(run.folder / "videos"),
        curves=run_panels(rows),
        table=_table(rows),
        config=config,
    )
    return write_report(run.folder, report)


def _summary(rows: Sequence[Row]) -> list[tuple[str, str]]:
    first, last = rows[0], rows[-1]
    numbers = [
        ("untrained", score(first, "untrained")),
        ("behaviour cloning", score(first, "cloned")),
        ("greedy", score(last, "greedy")),
        ("sampled", score(last, "sampled")),
        ("steps of a demonstration", _number(first.get("demonstration_length", math.nan))),
        ("steps of an episode", _number(last["greedy_length"])),
        ("environment steps", f"{last['step']:,.0f}"),
        ("minutes", f"{last['seconds'] / 60:.1f}"),
    ]
    quantity = _quantity(rows)
    return [
        (f"{quantity}, {label}" if label in _JUDGED else label, text)
        for label, text in numbers
        if text
    ]


def _quantity(rows: Sequence[Row]) -> Quantity:
    """What policies are judged by: success, or the return of a task that knows none."""
    return "return" if math.isnan(rows[0]["greedy_success"]) else "success"


def run_panels(rows: Sequence[Row]) -> list[Panel]:
    """Curves of a run's evaluations; what it is judged by comes first, over steps."""
    steps = [row["step"] for row in rows]
    minutes = [row["seconds"] / 60 for row in rows]
    quantity, span = _quantity(rows), None
    label = quantity
    if quantity == "success":
        label, span = "success rate", (0, 1)
    title = quantity.capitalize()
    panels = [
        Panel(f"{title} over steps", "environment steps", label, _judged(rows, steps), span),
        Panel(f"{title} over time", "minutes", label, _judged(rows, minutes), span),
        Panel("Length of successful episodes", "environment steps", "steps", _length(rows, steps)),
        Panel("Value", "environment steps", "Q and target", _scalars(rows, ("q", "target_mean"))),
    ]
    return panels if quantity == "success" else [panels[0], panels[1], panels[3]]


def _judged(rows: Sequence[Row], x: list[float]) -> list[Curve]:
    quantity = _quantity(rows)
    curves = [_curve(rows, name, quantity, x) for name in ("greedy", "sampled")]
    floor = rows[0].get(f"cloned_{quantity}")
    if floor is not None:
        curves.append(Curve(POLICIES["cloned"], [x[0], x[-1]], [floor, floor]))
    return curves


def _length(rows: Sequence[Row], steps: list[float]) -> list[Curve]:
    curves = [_curve(rows, name, "length", steps) for name in ("greedy", "sampled")]
    level = rows[0].get("demonstration_length")
    if level is not None:
        curves.append(Curve("demonstrations", [steps[0], steps[-1]], [level, level]))
    return curves


def _curve(rows: Sequence[Row], policy: str, quantity: str, x: list[float]) -> Curve:
    name = f"{policy}_{quantity}"
    y = [row[name] for row in rows]
    if f"{name}_low" not in rows[0]:
        return Curve(POLICIES[policy], x, y)
    low, high = ([row[f"{name}_{end}"] for row in rows] for end in ("low", "high"))
    return Curve(POLICIES[policy], x, y, low, high)


def _scalars(rows: Sequence[Row], names: Sequence[str]) -> list[Curve]:
    present = [(name, [row for row in rows if name in row]) for name in names]
    return [
        Curve(name.replace("_", " "), [row["step"] for row in found], [row[name] for row in found])
        for name, found in present
        if found
    ]


def _table(rows: Sequence[Row]) -> Table:
    columns = (
        "environment steps",
        "minutes",
        "greedy",
        "95 % interval",
        "sampled",
        "episode [steps]",
    )
    return Table(columns, [_row(row) for row in rows])


def _row(row: Row) -> tuple[float | str, ...]:
    low, high = (row[f"greedy_success_{end}"] for end in ("low", "high"))
    return (
        row["step"],
        round(row["seconds"] / 60, 2),
        score(row, "greedy"),
        "" if math.isnan(low) else f"{low:.0%} to {high:.0%}",
        score(row, "sampled"),
        _number(row["greedy_length"]),
    )


def _videos(folder: Path) -> list[Video]:
    """Before learning, after cloning, and in the end."""
    films = sorted(folder.glob("[0-9]*.webp"))
    chosen = sorted({films[0], films[-1]}) if films else []
    shown = [Video(f"After {int(path.stem):,} environment steps", path) for path in chosen]
    untrained = folder / UNTRAINED
    return [*([Video("Untrained", untrained)] if untrained.exists() else []), *shown]


def _number(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.1f}"
