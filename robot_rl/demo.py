"""The first thing a newcomer sees: an arm learns to insert a peg, then does it behind ROS 2."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path

from rich.console import Console

from robot_rl.config import DemoConfig, DeployConfig, TrainConfig
from robot_rl.deploy_run import deploy_run
from robot_rl.deployment import Deployed
from robot_rl.policy import SUFFIX, Policy
from robot_rl.progress import DeploymentMonitor, Monitor
from robot_rl.run import FACTS, Run
from robot_rl.run_report import ROBOT, write_run_report
from robot_rl.train import train

_INTRODUCTION = (
    "[bold]A simulated arm learns to insert a peg[/] (square, 1 mm of clearance). 20 scripted "
    "demonstrations are recorded and cloned; then the arm practises with a reward of 1 for success "
    "and 0 for everything else. [dim]greedy: the policy's mean action; sampled: as it explores; "
    "episode: steps (20 a second) that a successful episode takes.[/]\n"
)
_ON_ROBOT = (
    "\n[bold]Now behind ROS 2[/]: the policy acts on a robot that it has never seen, the twin: "
    "another physics engine, {gap}, with cameras and a safety node, each a process of its own.\n"
    "[dim]robot-rl up --robot twin --gap {gap}; robot-rl deploy {policy}[/]"
)
_WITHOUT_ROS = (
    "\n[dim]No ROS 2 here: with pip install 'robot-rl\\[ros,twin]' the policy would now act on a "
    "robot behind ROS 2.[/]"
)


def demo(config: DemoConfig, console: Console | None = None) -> Path:
    """Trains, films, deploys and reports; returns the path of the report."""
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
    deployed = _deploy(run, config, console)
    title, robot = "A simulated arm learns to insert a peg", f"on the twin over ROS 2, {config.gap}"
    page = write_run_report(run, title, robot, deployed)
    console.print(f"\nReport with curves and videos: [bold]{page}[/]")
    return page


def _deploy(run: Run, config: DemoConfig, console: Console) -> Deployed | None:
    """The policy on the twin over ROS 2; None if there is no ROS or it is not wanted."""
    path = Policy.of_run(run.folder).save(run.folder / f"peg{SUFFIX}")
    if config.episodes == 0:
        return None
    if any(importlib.util.find_spec(name) is None for name in ("rclpy", "pybullet")):
        console.print(_WITHOUT_ROS)
        return None
    console.print(_ON_ROBOT.format(gap=config.gap, policy=path))
    deployment = DeployConfig(
        policy=path,
        start=True,
        gap=config.gap,
        episodes=config.episodes,
        video=run.folder / "videos" / ROBOT,
    )
    with DeploymentMonitor(config.episodes, console) as monitor:
        deployed = deploy_run(deployment, monitor)
    console.print(str(deployed))
    return deployed


def _make_room(folder: Path) -> None:
    """Deletes an older demo, and nothing else."""
    if (folder / FACTS).exists():
        shutil.rmtree(folder)
    elif folder.exists() and any(folder.iterdir()):
        raise FileExistsError(f"{folder} holds something else than a run; choose another folder")
