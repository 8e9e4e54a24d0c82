"""The page of the whole story: a simulator's policy, and what practice on the robot made of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from robot_rl.actor import RECENT
from robot_rl.config import DemoConfig
from robot_rl.deployment import Deployed
from robot_rl.finetune import Finetuned
from robot_rl.log import read_log
from robot_rl.report import Curve, Panel, Report, Table, Video, write_report
from robot_rl.run import Run
from robot_rl.run_report import run_panels
from robot_rl.statistics import Interval, wilson_interval


@dataclass(frozen=True)
class Story:
    """What came of each part."""

    config: DemoConfig
    simulated: Run
    classifier: Path
    """Folder of its plots."""
    before: Deployed
    """The simulator's policy on the robot."""
    finetuned: Finetuned
    after: Deployed
    """What has practised there."""
    minutes: Mapping[str, float]
    """How long each part has taken, by its title."""


def write_demo_report(story: Story) -> Path:
    """Writes ``report.html`` and ``report.json`` into the demo's folder; returns the page."""
    practice = story.finetuned
    acted = practice.acted
    robot = f"the robot ({story.config.gap})"
    report = Report(
        title="An arm learns to insert a peg: in simulation first, then on the robot",
        summary=[
            (f"success on {robot}, before", str(story.before.evaluation.rate)),
            (f"success on {robot}, after", str(story.after.evaluation.rate)),
            ("minutes of practice there", f"{practice.minutes:.1f}"),
            ("with all between its episodes", f"{practice.elapsed / 60:.1f}"),
            ("episodes of practice", f"{len(acted.success)}"),
            ("steps of an episode, before", f"{np.mean(story.before.length):.0f}"),
            ("steps of an episode, after", f"{np.mean(story.after.length):.0f}"),
            ("sensor to command", f"{1e3 * story.after.latency_percentile(50):.0f} ms"),
            ("minutes in all", f"{sum(story.minutes.values()):.1f}"),
        ],
        videos=_films(story, robot),
        curves=[*_practice(story), _in_simulation(story)],
        table=Table(("part", "minutes"), list(story.minutes.items())),
        config=story.config,
    )
    return write_report(story.config.folder, report)


def _practice(story: Story) -> list[Panel]:
    """Success and length of episodes while it practised, beside those before and after."""
    acted = story.finetuned.acted
    minutes = np.cumsum(acted.length) * story.finetuned.dt / 60
    rates = [_recent(acted.success[: i + 1]) for i in range(len(acted.success))]
    title = f"last {RECENT} episodes, by the camera"
    success = Curve(
        title, minutes, *([getattr(r, n) for r in rates] for n in ("estimate", "low", "high"))
    )
    length = [
        float(np.mean(acted.length[max(0, i + 1 - RECENT) : i + 1])) for i in range(len(rates))
    ]
    return [
        Panel(
            "Success while it practises on the robot",
            "minutes of practice",
            "success rate",
            [success, *_alone(story, minutes, lambda d: d.evaluation.rate.estimate)],
            (0, 1),
        ),
        Panel(
            "Length of its episodes",
            "minutes of practice",
            "steps",
            [
                Curve(f"last {RECENT} episodes", minutes, length),
                *_alone(story, minutes, lambda d: float(np.mean(d.length))),
            ],
        ),
    ]


def _alone(story: Story, x: np.ndarray, number: Callable[[Deployed], float]) -> list[Curve]:
    """A level for what the policy did by itself before practice, and one for after."""
    return [
        Curve(f"policy alone, {when}", [0.0, float(x[-1])], [number(deployed)] * 2)
        for when, deployed in (("before", story.before), ("after", story.after))
    ]


def _in_simulation(story: Story) -> Panel:
    return replace(run_panels(read_log(story.simulated.folder))[0], title="Success in simulation")


def _recent(success: Sequence[bool]) -> Interval:
    last = success[-RECENT:]
    return wilson_interval(sum(last), len(last))


def _films(story: Story, robot: str) -> list[Video]:
    films = story.config.folder / "films"
    simulated = sorted((story.simulated.folder / "videos").glob("[0-9]*.webp"))
    shown = {
        "In simulation": simulated[-1],
        f"The same policy on {robot}": films / "before.webp",
        "After practice there": films / "after.webp",
        "The camera that judges: false and true alarms": story.classifier / "roc.png",
        "Its worst errors on episodes held out": story.classifier / "worst.png",
    }
    return [Video(title, path) for title, path in shown.items()]
