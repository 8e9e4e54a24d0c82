"""The page of a report: HTML with its styles, plots and videos inside."""

from __future__ import annotations

import base64
import math
from collections.abc import Iterator, Mapping
from datetime import datetime
from html import escape
from typing import Any

from robot_rl.plot import CURVE_COLORS, plot_svg
from robot_rl.report import PICTURES, Cell, Panel, Report, Table, Video
from robot_rl.settings import to_json

_STYLE = """
:root {
  color-scheme: light dark;
  --paper: #fbfbfa; --card: #ffffff; --ink: #1c1e21; --muted: #676d76; --line: #e6e6e3;
  --curve-0: #2563eb; --curve-1: #d9730d; --curve-2: #0e9f6e;
  --curve-3: #c026a3; --curve-4: #7c5cf0; --curve-5: #64748b;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #131417; --card: #1b1d21; --ink: #e9eaec; --muted: #9aa1ab; --line: #2c2f35;
    --curve-0: #6ea0ff; --curve-1: #f5a04c; --curve-2: #3fcf9b;
    --curve-3: #ef74d5; --curve-4: #a996ff; --curve-5: #94a3b8;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; padding: 3.5rem 1.5rem 5rem; max-width: 66rem;
  background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif;
  font-variant-numeric: tabular-nums;
}
h1 { font-size: 2.1rem; line-height: 1.2; letter-spacing: -0.02em; margin: 0; }
h2 { font-size: 1.15rem; letter-spacing: -0.01em; margin: 3rem 0 1rem; }
header p { color: var(--muted); margin: 0.5rem 0 0; }
dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(10.5rem, 1fr)); gap: 1rem;
     margin: 2.25rem 0 0; }
dl div, figure, .table { background: var(--card); border: 1px solid var(--line);
                         border-radius: 12px; }
dl div { padding: 1rem 1.2rem; display: flex; flex-direction: column-reverse; }
dt { color: var(--muted); font-size: 0.86rem; }
dd { margin: 0; font-size: 1.7rem; font-weight: 620; letter-spacing: -0.02em; line-height: 1.3; }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(26rem, 100%), 1fr));
         gap: 1rem; }
.videos { display: grid; grid-template-columns: repeat(auto-fit, minmax(14rem, 1fr)); gap: 1rem; }
figure { margin: 0; padding: 1.1rem 1.2rem 0.9rem; overflow: hidden; display: flex;
         flex-direction: column; }
figcaption { font-weight: 600; }
figure svg { display: block; width: 100%; height: auto; margin-top: auto;
             padding-top: 0.5rem; }
.videos figure { padding: 0; max-width: 26rem; }
.videos figcaption { padding: 0.6rem 1rem 0.7rem; font-size: 0.92rem; }
.videos img { display: block; width: 100%; }
.legend { display: flex; flex-wrap: wrap; gap: 0.1rem 1.1rem; margin: 0.25rem 0 0; padding: 0;
          list-style: none; color: var(--muted); font-size: 0.86rem; }
.legend li::before { content: ""; display: inline-block; width: 0.9em; height: 0.22em;
                     margin-right: 0.45em; border-radius: 1em; vertical-align: 0.24em;
                     background: var(--color); }
.table { overflow-x: auto; padding: 0.3rem 1.2rem; }
table { border-collapse: collapse; width: 100%; font-size: 0.93rem; }
th, td { text-align: left; padding: 0.5rem 2.2rem 0.5rem 0; border-top: 1px solid var(--line); }
thead th, tbody:first-child tr:first-child > * { border-top: 0; }
th { color: var(--muted); font-weight: 500; }
td.number, th.number { text-align: right; }
td:last-child, th:last-child { padding-right: 0; }
details { margin-top: 1rem; }
details.first { margin-top: 3rem; }
summary { cursor: pointer; color: var(--muted); }
details .table { margin-top: 0.7rem; }
details th { width: 40%; }
details td { overflow-wrap: anywhere; }
@media print { body { padding: 0; } figure, .table, dl div { break-inside: avoid; } }
"""


def render_page(report: Report, machine: Mapping[str, Any]) -> str:
    """The whole page as one string that refers to nothing outside."""
    title = escape(report.title)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        f"{''.join(_sections(report, machine))}</body>\n</html>\n"
    )


def _sections(report: Report, machine: Mapping[str, Any]) -> Iterator[str]:
    yield _header(report, machine)
    if report.videos:
        yield _section("Episodes", "videos", "".join(map(_video, report.videos)))
    if report.curves:
        yield _section("Curves", "plots", "".join(map(_plot, report.curves)))
    if report.table:
        yield _section("Results", "table", _table(report.table))
    if report.config is not None:
        yield _folded("Configuration", dict(_flat(to_json(report.config))), "first")
    yield _folded("Machine", machine, "first" if report.config is None else "")


def _header(report: Report, machine: Mapping[str, Any]) -> str:
    made = datetime.now().astimezone().strftime("%d %B %Y, %H:%M").lstrip("0")
    tiles = "".join(
        f"<div><dt>{escape(label)}</dt><dd>{escape(value)}</dd></div>"
        for label, value in report.summary
    )
    where = f"{made} · {machine['cpu']}, {machine['cores']} cores"
    return (
        f"<header><h1>{escape(report.title)}</h1><p>{escape(where)}</p></header>\n"
        f"<dl>{tiles}</dl>\n"
    )


def _section(title: str, kind: str, content: str) -> str:
    return f'<section><h2>{title}</h2><div class="{kind}">{content}</div></section>\n'


def _video(video: Video) -> str:
    title = escape(video.title)
    content = base64.b64encode(video.path.read_bytes()).decode()
    image = f'<img alt="{title}" src="data:{PICTURES[video.path.suffix]};base64,{content}">'
    return f"<figure>{image}<figcaption>{title}</figcaption></figure>"


def _plot(panel: Panel) -> str:
    legend = "".join(
        f'<li style="--color: var(--curve-{index % CURVE_COLORS})">{escape(curve.name)}</li>'
        for index, curve in enumerate(panel.curves)
    )
    return (
        f"<figure><figcaption>{escape(panel.title)}</figcaption>"
        f'<ul class="legend">{legend}</ul>{plot_svg(panel)}</figure>'
    )


def _table(table: Table) -> str:
    numeric = [
        any(isinstance(row[column], int | float) for row in table.rows)
        for column in range(len(table.columns))
    ]
    kinds = [' class="number"' if is_number else "" for is_number in numeric]
    head = _row("th", table.columns, kinds)
    body = "".join(_row("td", row, kinds) for row in table.rows)
    return f"<table><thead>{head}</thead><tbody>{body}</tbody></table>"


def _row(tag: str, cells: Any, kinds: list[str]) -> str:
    inside = "".join(
        f"<{tag}{kind}>{escape(_text(cell))}</{tag}>"
        for cell, kind in zip(cells, kinds, strict=True)
    )
    return f"<tr>{inside}</tr>"


def _text(cell: Cell) -> str:
    """Numbers with three significant digits, and thousands apart."""
    if isinstance(cell, str | bool):
        return str(cell)
    if cell is None or math.isnan(cell):
        return "-"
    return f"{cell:,.3g}" if abs(cell) < 1000 else f"{cell:,.0f}"


def _folded(title: str, values: Mapping[str, Any], kind: str) -> str:
    rows = "".join(
        f"<tr><th>{escape(name)}</th><td>{escape(str(value))}</td></tr>"
        for name, value in values.items()
    )
    table = f'<div class="table"><table><tbody>{rows}</tbody></table></div>'
    return f'<details class="{kind}"><summary>{title}</summary>{table}</details>\n'


def _flat(values: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Nested settings by their full names."""
    if not isinstance(values, dict):
        yield name, values
        return
    for key, value in values.items():
        yield from _flat(value, f"{name}.{key}" if name else key)
