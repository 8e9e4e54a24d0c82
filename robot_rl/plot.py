"""Plots as SVG that takes its font and colours, light or dark, from the page it is put into."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Any

from robot_rl.report import Panel

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CURVE_COLORS = 6
"""Distinct colours; the page defines them as the CSS variables ``--curve-0`` and on."""

_INK, _GRID = "#010101", "#020202"
_CURVES = [f"#0301{index:02x}" for index in range(CURVE_COLORS)]
_VARIABLES = {_INK: "var(--muted)", _GRID: "var(--line)"} | {
    color: f"var(--curve-{index})" for index, color in enumerate(_CURVES)
}
"""Placeholders that matplotlib draws with, and the variables of the page that replace them."""
_THOUSAND = 1000


def plot_svg(panel: Panel, width: float = 5.2, height: float = 2.9) -> str:
    """An ``svg`` element of a plot.

    Args:
        panel: What to draw.
        width: Inches, which give the proportions; the page decides the size.
        height: Inches.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    style: dict[Any, Any] = {"svg.fonttype": "none", "svg.hashsalt": panel.title, "font.size": 9}
    with mpl.rc_context(style):
        figure = Figure(figsize=(width, height), layout="constrained")
        _draw(figure.add_subplot(), panel)
        file = io.StringIO()
        figure.savefig(file, format="svg", transparent=True, metadata={"Date": None})
    return _inline(file.getvalue())


def _draw(axes: Axes, panel: Panel) -> None:
    for index, curve in enumerate(panel.curves):
        color = _CURVES[index % CURVE_COLORS]
        axes.plot(curve.x, curve.y, color=color, linewidth=1.8, solid_capstyle="round")
        if curve.low is not None and curve.high is not None:
            axes.fill_between(curve.x, curve.low, curve.high, color=color, alpha=0.16, lw=0)
    axes.set_xlabel(panel.x_label, color=_INK)
    axes.set_ylabel(panel.y_label, color=_INK)
    axes.tick_params(colors=_INK, length=0)
    axes.grid(axis="y", color=_GRID, linewidth=0.8)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(_GRID)
    axes.margins(x=0.01)
    if max(map(abs, axes.get_xlim())) >= _THOUSAND:
        axes.xaxis.set_major_formatter("{x:,.0f}")
    if panel.y_range:
        low, high = panel.y_range
        room = 0.03 * (high - low)  # Else a line along an end would be cut in half.
        axes.set_ylim(low - room, high + room)


def _inline(svg: str) -> str:
    """Only the element, without a size of its own and with the page's font and colours."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r' (width|height)="[^"]*pt"', "", svg, count=2)
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"font: ([\d.]+px)[^;\"]*", r"font-size: \1", svg)
    for placeholder, variable in _VARIABLES.items():
        svg = svg.replace(placeholder, variable)
    return svg
