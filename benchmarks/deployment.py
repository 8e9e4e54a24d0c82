"""A policy trained in MuJoCo acts on each twin over ROS 2, beside the same twin without ROS.

``python -m benchmarks.deployment RUN_OR_POLICY [--episodes 50]``: about 20 minutes, for the twin
runs in real time. Writes ``build/deployment.json`` and one film per gap profile.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.table import BUILD, Row, write_rows
from robot_rl.config import DeployConfig
from robot_rl.deploy_run import deploy_run
from robot_rl.deployment import Deployed
from robot_rl.environments import make_env
from robot_rl.evaluation import Evaluation, evaluate
from robot_rl.policy import Policy
from robot_rl.progress import DeploymentMonitor

GAPS = ("none", "lab-1", "lab-2")
SUITE = "deployment"


def main(arguments: list[str]) -> int:
    """Measures, shows a table and writes it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("policy", type=Path)
    parser.add_argument("--episodes", type=int, default=50)
    asked = parser.parse_args(arguments)
    console, rows = Console(), []
    table = Table("gap", "without ROS", "over ROS 2", "95 % interval", "steps", "rate [Hz]")
    table.add_column("sensor to command, median and 99 % [ms]")
    for gap in GAPS:
        alone = _without_ros(asked.policy, gap, asked.episodes)
        with DeploymentMonitor(asked.episodes, console) as monitor:
            film = BUILD / SUITE / f"{gap}.webp"
            config = DeployConfig(
                asked.policy, start=True, gap=gap, episodes=asked.episodes, video=film
            )
            deployed = deploy_run(config, monitor)
        console.print(f"{gap}: {deployed}")
        table.add_row(gap, *_cells(alone, deployed))
        rows += _rows(gap, alone, deployed)
    console.print(table)
    console.print(f"written to {write_rows(rows, SUITE)}")
    return 0


def _without_ros(path: Path, gap: str, episodes: int) -> Evaluation:
    policy = Policy.load(path)
    with make_env(f"twin_{policy.schema.env}", gap=gap) as env:
        return evaluate(env, policy, episodes)


def _cells(alone: Evaluation, deployed: Deployed) -> Iterator[str]:
    rate = deployed.evaluation.rate
    yield f"{alone.rate.estimate:.0%}"
    yield f"{rate.estimate:.0%}"
    yield f"{rate.low:.0%} to {rate.high:.0%}"
    yield f"{deployed.evaluation.success_length:.1f}"
    yield f"{deployed.rate:.2f}"
    yield " ".join(f"{1e3 * deployed.latency_percentile(p):.0f}" for p in (50, 99))


def _rows(gap: str, alone: Evaluation, deployed: Deployed) -> Iterator[Row]:
    name = f"{SUITE}/{gap}"
    rate = deployed.evaluation.rate
    yield Row(f"{name}: success over ROS 2", rate.estimate, "share", alone.rate.estimate)
    yield Row(f"{name}: control rate", deployed.rate, "Hz", 20.0)
    for percent in (50, 99):
        latency = 1e3 * deployed.latency_percentile(percent)
        yield Row(f"{name}: sensor to command, {percent} %", latency, "ms")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
