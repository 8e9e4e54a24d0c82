"""A policy that learned to see in a simulator acts on a robot over ROS 2, and goes on learning.

``python -m benchmarks.cameras_over_ros [--seeds 0 1 2]``: the cube is learned in MuJoCo by DrQ,
with late and moved cameras. The robot is a twin with a gap profile that no simulator has trained
on; its pictures come from its camera nodes. There 20 demonstrations and as many near misses are
recorded, a classifier learns from them what success is, and its word is the reward of the practice.
Before and after, the policy alone acts in the same scenes, judged by the truth. Parts lie in
``build/cameras_over_ros`` and are not repeated, but for one that was interrupted; whatever lies
there goes into ``build/cameras_over_ros.json``. It runs in real time, so nothing else should run.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from benchmarks.from_cameras import PICK, PICK_CROP, SEEN
from benchmarks.on_robot import acted
from benchmarks.table import BUILD, Row, show_rows, write_rows
from robot_rl.classifier_run import train as train_classifier
from robot_rl.config import (
    ClassifierTrainConfig,
    DeployConfig,
    FinetuneConfig,
    RecordConfig,
    TrainConfig,
    UpConfig,
)
from robot_rl.deploy_run import deploy_run
from robot_rl.finetune import finetune
from robot_rl.policy import POLICY
from robot_rl.progress import ActorMonitor, DeploymentMonitor, Monitor
from robot_rl.robot_processes import running
from robot_rl.robot_recording import record_on_robot
from robot_rl.statistics import wilson_interval
from robot_rl.train import train

SUITE = "cameras_over_ros"
TASK, ROBOT, GAP = "pick_cube", "twin_sharp", "lab-2"
TOOL = (*SEEN, PICK_CROP, "action_history=3", "leash=2")
"""How it sees and moves an arm that answers late, in the simulator and on the robot alike."""
SIMULATED = replace(
    PICK,
    options=(*TOOL, "randomization=robot", "force_limit=80"),
    demonstrations=100,
    demonstration_noise=0.2,
    steps=2_000,
)
PATIENCE = ("horizon=120", "timeout=30")
DEMONSTRATIONS, RATE = 20, 20
BEFORE, AFTER, PRACTICE = "before.json", "after.json", "practice.json"


def main(arguments: list[str]) -> int:
    """Learns what is missing, shows a table and writes it."""
    asked = _parse(arguments)
    for seed in asked.seeds:
        _Telling(BUILD / SUITE / str(seed), seed, asked).tell()
    rows = list(_rows(BUILD / SUITE))
    show_rows(rows)
    print(f"written to {write_rows(rows, SUITE)}")
    return 0


class _Telling:
    """One seed, from the simulator to the robot."""

    def __init__(self, folder: Path, seed: int, asked: argparse.Namespace) -> None:
        self._folder, self._seed, self._asked = folder, seed, asked
        self._simulator, self._robot = folder / "simulator", folder / "robot"
        self._recorded, self._classifier = folder / "recorded", folder / "cube.classifier"
        self._console = Console()

    def tell(self) -> None:
        """All that is not there yet."""
        self._once(self._simulator, self._simulate)
        with running(UpConfig(ROBOT, task=TASK, gap=GAP)):
            self._once(self._recorded, lambda: print(record_on_robot(self._recording())))
            self._once(self._classifier, self._classify)
            self._deploy(self._simulator, BEFORE)
            self._practise()
            self._deploy(self._robot / POLICY, AFTER)

    def _once(self, path: Path, make: Callable[[], object]) -> None:
        done = path.with_name(f"{path.name}.done")
        if not done.exists():
            shutil.rmtree(path, ignore_errors=True)
            make()
            done.touch()

    def _classify(self) -> None:
        wanted = ClassifierTrainConfig(
            (self._recorded,), self._classifier, size=48, updates=400, seed=self._seed
        )
        print(train_classifier(wanted, lambda update, loss: None))

    def _simulate(self) -> None:
        wanted: TrainConfig = replace(SIMULATED, seed=self._seed, folder=self._simulator)
        with Monitor(self._console) as monitor:
            train(wanted, monitor)

    def _recording(self) -> RecordConfig:
        return RecordConfig(
            self._recorded,
            TASK,
            options=(*TOOL, "linger=8", *PATIENCE),
            seed=self._seed,
            robot=ROBOT,
            scripted=DEMONSTRATIONS,
            near_misses=1,
        )

    def _deploy(self, policy: Path, name: str) -> None:
        if (self._folder / name).exists():
            return
        episodes = self._asked.episodes
        film = self._folder / f"{Path(name).stem}.webp"
        wanted = DeployConfig(policy, ROBOT, episodes=episodes, options=PATIENCE, video=film)
        with DeploymentMonitor(episodes, self._console) as monitor:
            deployed = deploy_run(wanted, monitor)
        self._console.print(str(deployed))
        length = float(np.mean(deployed.length))
        self._write(name, success=deployed.success, length=length, rate=deployed.rate)

    def _practise(self) -> None:
        if (self._folder / PRACTICE).exists():
            return
        rewards = self._folder / "rewards.yaml"
        rewards.write_text(f"- kind: classifier\n  file: {self._classifier.name}\n", "utf-8")
        wanted = FinetuneConfig(
            self._robot,
            self._simulator,
            self._recorded,
            robot=ROBOT,
            options=(*PATIENCE, f"rewards={rewards}"),
            seed=self._seed,
        )
        steps = round(60 * RATE * self._asked.minutes) - acted(wanted)
        wanted = replace(wanted, steps=max(1, steps))
        with ActorMonitor(wanted.steps, self._console) as monitor:
            done = finetune(wanted, monitor)
        self._console.print(str(done))
        robot = acted(wanted) / (60 * RATE)
        self._write(PRACTICE, robot=robot, elapsed=done.elapsed / 60)

    def _write(self, name: str, **values: Any) -> None:
        (self._folder / name).write_text(json.dumps(values) + "\n", "utf-8")


def _rows(folder: Path) -> Iterator[Row]:
    done = sorted(path.parent for path in folder.glob(f"*/{AFTER}"))
    seeds = [int(path.name) for path in done]
    for name in (BEFORE, AFTER):
        told, what = _read(done, name), f"{SUITE}/{Path(name).stem} practice"
        success = [flag for one in told for flag in one["success"]]
        interval = wilson_interval(sum(success), len(success))
        yield Row(f"{what}: success", interval.estimate, "share", None, seeds)
        yield Row(f"{what}: lower end of 95 %", interval.low, "share", None, seeds)
        yield Row(f"{what}: worst seed", min(np.mean(o["success"]) for o in told), "share")
        yield Row(f"{what}: steps", float(np.mean([o["length"] for o in told])), "steps")
        yield Row(f"{what}: rate", float(np.mean([o["rate"] for o in told])), "Hz", RATE)
    practised = _read(done, PRACTICE)
    for name in ("robot", "elapsed"):
        minutes = float(np.mean([one[name] for one in practised]))
        yield Row(f"{SUITE}/practice: minutes, {name}", minutes, "min", None, seeds)


def _read(folders: Sequence[Path], name: str) -> list[dict[str, Any]]:
    return [json.loads((folder / name).read_text("utf-8")) for folder in folders]


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--episodes", type=int, default=50, help="before, and after")
    parser.add_argument("--minutes", type=float, default=5, help="of practice, in robot time")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
