"""The page of one training run: how success rose, how fast the policy became, how it looks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from robot_rl.config import TrainConfig
from robot_rl.log import Row, read_log
from robot_rl.report import Curve, Panel, Report, Table, Video, write_report
from robot_rl.run import Run

POLICIES = {"greedy": "policy, greedy", "sampled": "policy, sampled", "cloned": "behaviour cloning"}


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
        videos=_videos(run.folder / "videos", rows),
        curves=_panels(rows),
        table=_table(rows),
        config=config,
    )
    return write_report(run.folder, report)


def _summary(rows: Sequence[Row]) -> list[tuple[str, str]]:
    first, last = rows[0], rows[-1]
    numbers = [
        ("success untrained", _percent, first.get("untrained_success")),
        ("success of cloning", _percent, first.get("cloned_success")),
        ("success, greedy", _percent, last["greedy_success"]),
        ("success, sampled", _percent, last["sampled_success"]),
        ("steps of a demonstration", "{:.0f}".format, first.get("demonstration_length")),
        ("steps of an episode", "{:.0f}".format, last["greedy_length"]),
        ("environment steps", "{:,.0f}".format, last["step"]),
        ("minutes", "{:.1f}".format, last["seconds"] / 60),
    ]
    return [(label, write(number)) for label, write, number in numbers if number is not None]


def _panels(rows: Sequence[Row]) -> list[Panel]:
    steps = [row["step"] for row in rows]
    minutes = [row["seconds"] / 60 for row in rows]
    length = [_curve(rows, name, "length", steps) for name in ("greedy", "sampled")]
    level = rows[0].get("demonstration_length")
    if level is not None:
        length.append(Curve("demonstrations", [steps[0], steps[-1]], [level, level]))
    return [
        Panel(
            "Success over steps", "environment steps", "success rate", _success(rows, steps), (0, 1)
        ),
        Panel("Success over time", "minutes", "success rate", _success(rows, minutes), (0, 1)),
        Panel("Length of successful episodes", "environment steps", "steps", length),
        Panel("Value", "environment steps", "Q and target", _scalars(rows, ("q", "target_mean"))),
    ]


def _success(rows: Sequence[Row], x: list[float]) -> list[Curve]:
    curves = [_curve(rows, name, "success", x) for name in ("greedy", "sampled")]
    if "cloned_success" in rows[0]:
        floor = rows[0]["cloned_success"]
        curves.append(Curve(POLICIES["cloned"], [x[0], x[-1]], [floor, floor]))
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
    low, high = _percent(row["greedy_success_low"]), _percent(row["greedy_success_high"])
    return (
        row["step"],
        round(row["seconds"] / 60, 2),
        _percent(row["greedy_success"]),
        f"{low} to {high}",
        _percent(row["sampled_success"]),
        "" if math.isnan(row["greedy_length"]) else round(row["greedy_length"], 1),
    )


def _videos(folder: Path, rows: Sequence[Row]) -> list[Video]:
    """Before learning, after cloning, and in the end."""
    films = sorted(folder.glob("[0-9]*.webp"))
    chosen = sorted({films[0], films[-1]}) if films else []
    shown = [Video(f"After {int(path.stem):,} environment steps", path) for path in chosen]
    untrained = folder / "untrained.webp"
    return [Video("Untrained", untrained), *shown] if untrained.exists() else shown


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
