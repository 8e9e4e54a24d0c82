"""The page of a run is whole in itself, says what it was given, and follows light and dark."""

import json
import math
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from robot_rl.plot import CURVE_COLORS, plot_svg
from robot_rl.report import Curve, Panel, Report, Table, Video, write_report


@dataclass(frozen=True)
class Inner:
    rate: float = 3e-4


@dataclass(frozen=True)
class Config:
    inner: Inner = field(default_factory=Inner)
    steps: int = 15_000


STEPS = np.arange(0, 3000, 1000)
PANEL = Panel(
    "Success & more",
    "environment steps",
    "success",
    [
        Curve("<with> demonstrations", STEPS, [0.0, 0.5, 1.0], [0.0, 0.4, 0.9], [0.1, 0.6, 1.0]),
        Curve("without", STEPS, [0.0, math.nan, 0.2]),
    ],
    (0, 1),
)
TABLE = Table(("policy", "success", "steps"), [("sac", 0.98765, 15_000), ("clone", math.nan, None)])


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "film.webp"
    frames = [Image.new("RGB", (32, 24), color) for color in ("red", "green")]
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=50)
    return path


@pytest.fixture
def page(tmp_path: Path, picture: Path) -> str:
    report = Report(
        'Peg <in> & "out"',
        [("success", "98 %")],
        [Video("after 1,000 steps", picture)],
        [PANEL],
        TABLE,
        Config(),
    )
    return write_report(tmp_path / "run", report).read_text(encoding="utf-8")


class _Page(HTMLParser):
    """Text and attributes of a page; fails on tags that are not closed in order."""

    VOID = ("meta", "img")

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.texts: list[str] = []
        self.references: list[str] = []
        self.feed(page)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in self.VOID:
            self.open.append(tag)
        self.references += [v or "" for k, v in attrs if k in ("src", "href", "xlink:href")]

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.references += [v or "" for k, v in attrs if k in ("src", "href", "xlink:href")]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_the_page_refers_to_nothing_outside_itself(page: str) -> None:
    references = _Page(page).references
    assert any(reference.startswith("data:image/webp;base64,") for reference in references)
    assert all(reference.startswith(("data:", "#")) for reference in references)
    assert "url(http" not in page
    assert "@import" not in page


def test_everything_given_is_on_the_page_as_written(page: str) -> None:
    texts = _Page(page).texts
    for text in ('Peg <in> & "out"', "98 %", "after 1,000 steps", "<with> demonstrations"):
        assert text in texts
    assert "Success & more" in texts
    assert {"0.988", "15,000", "-", "inner.rate", "0.0003"} <= set(texts)


def test_plots_take_every_colour_from_the_page(page: str) -> None:
    curves = [Curve(str(index), [0, 1], [0, index]) for index in range(2 * CURVE_COLORS)]
    svg = plot_svg(Panel("many", "x", "y", curves))
    used = set(re.findall(r"var\((--[\w-]+)\)", svg))
    style = page[page.index("<style>") : page.index("</style>")]
    assert {f"--curve-{index}" for index in range(CURVE_COLORS)} <= used
    assert used <= set(re.findall(r"(--[\w-]+):", style))
    assert not re.search(r"#(?!0{6})[0-9a-f]{6}", svg)


def test_a_plot_is_one_svg_element_with_selectable_text_and_no_size() -> None:
    svg = plot_svg(PANEL)
    element = ElementTree.fromstring(svg)
    assert element.tag.endswith("svg")
    assert {"width", "height"}.isdisjoint(element.attrib)
    assert "environment steps" in "".join(element.itertext())


def test_the_same_panel_gives_the_same_svg() -> None:
    assert plot_svg(PANEL) == plot_svg(PANEL)


def test_the_json_holds_the_numbers_and_is_strict(tmp_path: Path) -> None:
    write_report(tmp_path, Report("title", [("success", "98 %")], (), [PANEL], TABLE, Config()))
    content = json.loads((tmp_path / "report.json").read_text(), parse_constant=pytest.fail)
    assert content["summary"] == {"success": "98 %"}
    assert content["curves"][0]["curves"][1] == {
        "name": "without",
        "x": [0, 1000, 2000],
        "y": [0, None, 0.2],
    }
    assert content["table"][1] == {"policy": "clone", "success": None, "steps": None}
    assert content["config"] == {"inner": {"rate": 3e-4}, "steps": 15_000}
    assert content["machine"]["cores"] >= 1


def test_a_report_with_a_title_alone_is_a_whole_page(tmp_path: Path) -> None:
    page = write_report(tmp_path, Report("nothing yet")).read_text()
    assert "nothing yet" in _Page(page).texts


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Curve("a", [1, 2], [1]), r"curve 'a' has \[2, 1\] values"),
        (lambda: Curve("a", [1], [1], low=[0]), "one edge of its band"),
        (lambda: Table(("a", "b"), [(1,)]), r"row \(1,\) does not fit"),
        (lambda: Video("v", Path("film.mp4")), r"film.mp4; write it as \.webp, \.gif, \.png"),
    ],
)
def test_input_that_makes_no_report_is_named(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
