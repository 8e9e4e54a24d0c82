"""The first thing a newcomer sees: the whole loop of SERL on a simulated robot behind ROS 2.

Each chapter is a command that anybody can type: it is shown, parsed as if typed, and carried out.
"""

from __future__ import annotations

import importlib.util
import shlex
import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console

from robot_rl.classifier import SuccessClassifier
from robot_rl.classifier_run import train as train_classifier
from robot_rl.cli import parse
from robot_rl.config import DemoConfig
from robot_rl.demo_report import Chapter, Story, write_demo_report
from robot_rl.deploy_run import deploy_run
from robot_rl.deployment import Deployed
from robot_rl.finetune import Finetuned, finetune
from robot_rl.progress import ActorMonitor, ClassifierMonitor, DeploymentMonitor, Monitor
from robot_rl.robot_processes import running
from robot_rl.robot_recording import record_on_robot
from robot_rl.run import Run
from robot_rl.run_report import write_run_report
from robot_rl.train import train

COMMANDS = {
    "A policy learns in simulation": (
        "train --env peg_insert --options action_history=2 --steps {steps} --evaluate-every 500 "
        "--evaluation-episodes 50 --seed {seed} --videos --folder {folder}/simulator"
    ),
    "The robot comes up": (
        "up --robot twin_light --gap {gap} --seed {seed} --page --page-port {port}"
    ),
    "Demonstrations, and beside each an attempt that nearly was one": (
        "record {folder}/recorded --robot twin_light --scripted {demonstrations} --near-misses 1 "
        "--seed {seed} --options cameras=front,wrist linger=8 action_history=2 timeout=60"
    ),
    "A classifier of success learns from their pictures": (
        "classifier train {folder}/recorded --output {folder}/peg.classifier --updates 400 "
        "--seed {seed}"
    ),
    "The policy acts on the robot, which it has never seen": (
        "deploy {folder}/simulator --robot twin_light --episodes {episodes} "
        "--video {folder}/before.webp"
    ),
    "It learns on the robot, from what the classifier says": (
        "finetune {folder}/robot --from {folder}/simulator --demonstrations {folder}/recorded "
        "--robot twin_light --steps {robot_steps} --seed {seed} "
        "--options rewards={folder}/rewards.yaml"
    ),
    "It acts again, with what it has learned there": (
        "deploy {folder}/robot/finetuned.policy --robot twin_light --episodes {episodes} "
        "--video {folder}/after.webp"
    ),
}
"""By chapter, what is typed after ``robot-rl``; ``folder`` and the like are the demo's settings."""
RATE = 20
"""Steps of the robot per second."""
MARK = "demo"
"""File by which a folder is known for a demo's, so that the next may replace it."""
_TRAIN, _UP, _RECORD, _CLASSIFIER, _BEFORE, _FINETUNE, _AFTER = COMMANDS

_INTRODUCTION = (
    "[bold]A robot arm learns to insert a peg[/] (square, 1 mm of clearance). The arm is "
    "simulated, all else as on a real one: driver, cameras and safety node are processes on ROS 2. "
    "What stands in grey is the command of each chapter, for your own robot."
)
_WITHOUT_ROS = (
    "[dim]No ROS 2 here, so it learns in simulation alone; with pip install 'robot-rl\\[ros,twin]' "
    "it goes on behind ROS 2.[/]"
)
_PORT = 8080


def demo(config: DemoConfig, console: Console | None = None) -> Path:
    """Tells the story; returns the path of the report."""
    teller = Teller(config, console or Console(highlight=False))
    make_room(config.folder)
    teller.console.print(_INTRODUCTION)
    if any(importlib.util.find_spec(name) is None for name in ("rclpy", "pybullet")):
        teller.console.print(_WITHOUT_ROS)
        page = write_run_report(teller.train(), "A simulated arm learns to insert a peg")
    else:
        page = write_demo_report(config.folder, teller.tell(), config)
    teller.console.print(f"\nReport with curves and videos: [bold]{page}[/]")
    return page


class Teller:
    """Carries out one chapter after the other.

    Args:
        config: Of the demo.
        console: Shows what goes on.

    Attributes:
        chapters: Those that are done.
    """

    def __init__(self, config: DemoConfig, console: Console) -> None:
        self.console = console
        self.chapters: list[Chapter] = []
        self._folder, self._episodes = config.folder, config.episodes
        steps = round(60 * RATE * config.minutes)
        self._values = {**vars(config), "robot_steps": steps, "port": free_port(_PORT)}

    def tell(self) -> Story:
        """The whole story; the robot is up all the while."""
        run = self.train()
        with self._chapter(_UP) as up:
            self.console.print(f"Watch it, stop it, take over: http://127.0.0.1:{up.page_port}")
        with running(up):
            self.record()
            classifier = self.train_classifier()
            before = self.deploy(_BEFORE)
            finetuned = self.finetune()
            after = self.deploy(_AFTER)
        return Story(run, classifier, before, finetuned, after, self.chapters)

    def record(self) -> None:
        """Demonstrations on the robot."""
        with self._chapter(_RECORD) as config:
            self.console.print(record_on_robot(config))

    def train_classifier(self) -> SuccessClassifier:
        """By the pictures of those, and makes it the robot's reward."""
        with (
            self._chapter(_CLASSIFIER) as config,
            ClassifierMonitor(config.updates, self.console) as monitor,
        ):
            self.console.print(train_classifier(config, monitor))
        rewards = f"- kind: classifier\n  file: {config.output.name}\n"
        (self._folder / "rewards.yaml").write_text(rewards, encoding="utf-8")
        return SuccessClassifier.load(config.output)

    def train(self) -> Run:
        """In simulation."""
        with self._chapter(_TRAIN) as config, Monitor(self.console) as monitor:
            return train(config, monitor)

    def deploy(self, title: str) -> Deployed:
        """The policy as it is."""
        with (
            self._chapter(title) as config,
            DeploymentMonitor(config.episodes, self.console) as monitor,
        ):
            deployed = deploy_run(config, monitor)
            self.console.print(str(deployed))
            return deployed

    def finetune(self) -> Finetuned:
        """On the robot."""
        with (
            self._chapter(_FINETUNE) as config,
            ActorMonitor(config.steps, self.console) as monitor,
        ):
            finetuned = finetune(config, monitor)
            self.console.print(str(finetuned))
            return finetuned

    @contextmanager
    def _chapter(self, title: str) -> Iterator[Any]:
        """Shows title and command, gives the command's settings, and keeps how long it took."""
        typed = COMMANDS[title].format(**self._values)
        self.console.print(f"\n[bold]{len(self.chapters) + 1}. {title}[/]")
        self.console.print(f"robot-rl {typed}", style="dim", soft_wrap=True)
        began = time.monotonic()
        yield parse(shlex.split(typed))
        self.chapters.append(Chapter(title, f"robot-rl {typed}", time.monotonic() - began))


def make_room(folder: Path) -> None:
    """Deletes an older demo, and nothing else.

    Raises:
        FileExistsError: The folder holds something else.
    """
    if (folder / MARK).exists():
        shutil.rmtree(folder)
    elif folder.exists() and any(folder.iterdir()):
        raise FileExistsError(f"{folder} holds something else than a demo; choose another --folder")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARK).touch()


def free_port(wanted: int) -> int:
    """This port of the machine itself or, if somebody listens there, another."""
    try:
        with socket.create_server(("127.0.0.1", wanted)) as server:
            return server.getsockname()[1]
    except OSError:
        return free_port(0)
