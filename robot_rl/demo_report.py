"""The page of a demo: what the robot could do before and after it learned, and how it learned."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from robot_rl.classifier import SuccessClassifier
from robot_rl.deployment import Deployed
from robot_rl.finetune import ROBOTS, Finetuned
from robot_rl.log import Row, read_log
from robot_rl.progress import score
from robot_rl.report import Curve, Panel, Report, Table, Video, write_report
from robot_rl.run import Run
from robot_rl.run_report import panels_of

AVERAGED = 10
"""Episodes over which a curve is averaged."""


@dataclass(frozen=True)
class Chapter:
    """One command of the story."""

    title: str
    typed: str
    seconds: float


@dataclass(frozen=True)
class Story:
    """What came of each chapter."""

    simulated: Run
    classifier: SuccessClassifier
    before: Deployed
    """On the robot, with the simulator's policy."""
    finetuned: Finetuned
    after: Deployed
    chapters: list[Chapter]

    @property
    def minutes(self) -> float:
        """For which the robot learned."""
        return self.finetuned.acted.steps * self.finetuned.dt / 60


def write_demo_report(folder: Path, story: Story, config: Any) -> Path:
    """Writes ``report.html`` and ``report.json``.

    Args:
        folder: Where to; holds the films ``before.webp`` and ``after.webp``.
        story: What to tell.
        config: The demo's settings.

    Returns:
        Path of the page.
    """
    [log] = (story.finetuned.run / ROBOTS).iterdir()
    simulated = read_log(story.simulated.folder)
    report = Report(
        title="A robot arm learns to insert a peg",
        summary=_summary(story, simulated[-1]),
        videos=_videos(folder, story),
        curves=[*_robot_panels(read_log(log), story), *panels_of(simulated)[::2]],
        table=_table(story),
        config=config,
    )
    return write_report(folder, report)


def _summary(story: Story, simulated: Row) -> list[tuple[str, str]]:
    held = story.classifier.card["held_out"]
    return [
        ("success on the robot, simulator's policy", _rate(story.before)),
        (f"after {story.minutes:.1f} minutes of learning on it", _rate(story.after)),
        ("steps of an episode there, before", f"{np.mean(story.before.length):.1f}"),
        ("after", f"{np.mean(story.after.length):.1f}"),
        ("success in simulation, greedy", score(simulated, "greedy")),
        (
            "held-out successes that the classifier pays",
            f"{held['paid']:.0f}/{held['succeeded']:.0f}",
        ),
        ("held-out failures that it pays", f"{held['false']:.0f}/{held['failed']:.0f}"),
        ("control rate", f"{story.after.rate:.1f} Hz"),
        ("sensor to command, median", f"{1e3 * story.after.latency_percentile(50):.0f} ms"),
    ]


def _rate(deployed: Deployed) -> str:
    rate = deployed.evaluation.rate
    return f"{rate.estimate:.0%} ({rate.low:.0%} to {rate.high:.0%})"


def _videos(folder: Path, story: Story) -> list[Video]:
    films = sorted((story.simulated.folder / "videos").glob("[0-9]*.webp"))
    return [
        *(Video("In simulation", film) for film in films[-1:]),
        Video("On the robot, before learning there", folder / "before.webp"),
        Video("On the robot, afterwards", folder / "after.webp"),
    ]


def _robot_panels(rows: list[Row], story: Story) -> list[Panel]:
    minutes = np.array([row["step"] for row in rows]) * story.finetuned.dt / 60
    ends = [0.0, story.minutes]
    alone = [deployed.evaluation.rate for deployed in (story.before, story.after)]
    low, high = ([getattr(rate, end) for rate in alone] for end in ("low", "high"))
    success = [
        Curve(f"while it learns, last {AVERAGED} episodes", minutes, _averaged(rows, "success")),
        Curve("without exploration", ends, [rate.estimate for rate in alone], low, high),
    ]
    length = [Curve(f"last {AVERAGED} episodes", minutes, _averaged(rows, "length"))]
    return [
        Panel("Success on the robot", "minutes of robot time", "success rate", success, (0, 1)),
        Panel("Length of its episodes", "minutes of robot time", "steps", length),
    ]


def _averaged(rows: list[Row], name: str) -> list[float]:
    values = [row[name] for row in rows]
    return [float(np.mean(values[max(0, i - AVERAGED) : i])) for i in range(1, len(values) + 1)]


def _table(story: Story) -> Table:
    rows = [(chapter.title, chapter.typed, round(chapter.seconds)) for chapter in story.chapters]
    total = ("together", "", round(sum(chapter.seconds for chapter in story.chapters)))
    return Table(("chapter", "command", "seconds"), [*rows, total])
