"""The first thing a newcomer sees: a peg, a hole, 20 demonstrations, and an arm that learns."""

from __future__ import annotations

import shutil
from pathlib import Path

from rich.console import Console

from robot_rl.config import DemoConfig, TrainConfig
from robot_rl.progress import Monitor
from robot_rl.run import FACTS
from robot_rl.run_report import write_run_report
from robot_rl.train import train

_INTRODUCTION = (
    "[bold]A simulated arm learns to insert a peg[/] (square, 1 mm of clearance). 20 scripted "
    "demonstrations are recorded and cloned; then the arm practises with a reward of 1 for success "
    "and 0 for everything else. [dim]greedy: the policy's mean action; sampled: as it explores; "
    "episode: steps (20 a second) that a successful episode takes.[/]\n"
)


def demo(config: DemoConfig, console: Console | None = None) -> Path:
    """Trains, films and reports; returns the path of the report."""
    console = console or Console()
    _make_room(config.folder)
    console.print(_INTRODUCTION)
    training = TrainConfig(
        env="peg_insert",
        steps=config.steps,
        seed=config.seed,
        folder=config.folder,
        videos=True,
    )
    with Monitor(console) as monitor:
        run = train(training, monitor)
    page = write_run_report(run, "A simulated arm learns to insert a peg")
    console.print(f"\nReport with curves and videos: [bold]{page}[/]")
    return page


def _make_room(folder: Path) -> None:
    """Deletes an older demo, and nothing else."""
    if (folder / FACTS).exists():
        shutil.rmtree(folder)
    elif folder.exists() and any(folder.iterdir()):
        raise FileExistsError(f"{folder} holds something else than a run; choose another folder")
