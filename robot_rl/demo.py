"""The whole story in one command: shown, seen, simulated, then learned on the robot itself.

The robot is the twin behind ROS 2: another physics engine, with a gap that no simulator has trained
on, its cameras, its safety node and its page, each a process of its own.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from robot_rl.command_line import words_of
from robot_rl.config import (
    ClassifierTrainConfig,
    DemoConfig,
    DeployConfig,
    FinetuneConfig,
    RecordConfig,
    TrainConfig,
    UpConfig,
)
from robot_rl.demo_report import Story, write_demo_report
from robot_rl.deploy_run import deploy_run
from robot_rl.deployment import Deployed
from robot_rl.finetune import Finetuned, finetune
from robot_rl.free_port import free_port
from robot_rl.policy import POLICY, SUFFIX, Policy
from robot_rl.progress import ActorMonitor, DeploymentMonitor, Monitor
from robot_rl.robot_processes import running, with_us
from robot_rl.robot_recording import record_on_robot
from robot_rl.run import Run
from robot_rl.run_report import write_run_report
from robot_rl.settings import save_settings
from robot_rl.train import train

TASK, ROBOT = "peg_insert", "twin_light"
SEEN = ("action_history=3", "leash=2")
"""How policies see and move an arm that answers late."""
_SIMULATED = (*SEEN, "randomization=robot", "expert_gain=1.4")
"""The simulator does as well; how late differs from episode to episode."""
_SIMULATED_DEMONSTRATIONS = 100
"""There they cost nothing."""
_PICTURES = ("cameras=front,wrist", "apart=True", "linger=8")
_PATIENCE = ("horizon=120", "timeout=30")
"""A robot that answers late takes longer than the simulator, and one that comes up its time."""
_RATE = 20
"""Steps of the robot a second."""
_MARK = "demo.json"
"""By this file a folder is known as a demo's, which the next one may replace."""
_WITHOUT_ROS = (
    "\n[dim]No ROS 2 here: with pip install 'robot-rl\\[ros,twin]' the arm would now go on "
    "learning on a robot behind ROS 2.[/]"
)


def demo(config: DemoConfig, console: Console | None = None) -> Path:
    """Runs the whole story, or without ROS its part in simulation; returns the path of the report.

    Raises:
        FileExistsError: The folder holds something else than a demo.
    """
    console = console or Console()
    _make_room(config)
    if any(importlib.util.find_spec(name) is None for name in ("rclpy", "pybullet")):
        run = _simulate(config, console)
        console.print(_WITHOUT_ROS)
        return _told(console, write_run_report(run, "A simulated arm learns to insert a peg"))
    return _told(console, write_demo_report(_Demo(config, console).tell()))


def _told(console: Console, page: Path) -> Path:
    console.print(f"\nReport with curves and films: [bold]{page}[/]")
    return page


class _Demo:
    """One telling."""

    def __init__(self, config: DemoConfig, console: Console) -> None:
        self._config, self._console = config, console
        self._parts: dict[str, float] = {}
        """How long each part has taken [min]."""
        self._recorded = config.folder / "recorded"
        self._classifier = config.folder / "peg.classifier"
        self._plots = config.folder / "peg-plots"
        self._learned = config.folder / "robot"

    def tell(self) -> Story:
        """From an arm that knows nothing to one that has practised."""
        config, folder = self._config, self._config.folder
        shown = f"{config.demonstrations} demonstrations on the robot, and as many near misses"
        with self._robot(), self._part(shown):
            self._record()
        with self._part("a camera learns what success is; the arm learns in simulation"):
            simulated = self._prepare()
        simulator = Policy.of_run(simulated.folder).save(folder / f"simulator{SUFFIX}")
        with self._robot():
            with self._part("the simulator's policy acts on the robot"):
                before = self._deploy(simulator, "before")
            with self._part("it goes on learning there"):
                finetuned = self._finetune(simulated)
            with self._part("what it has learned acts on the robot"):
                after = self._deploy(self._learned / POLICY, "after")
        return Story(config, simulated, self._plots, before, finetuned, after, self._parts)

    @contextmanager
    def _robot(self) -> Iterator[None]:
        """The robot's processes, and its page in the browser."""
        port = free_port()
        up = UpConfig(ROBOT, task=TASK, gap=self._config.gap, page=True, page_port=port)
        with running(up):
            self._console.print(f"[dim]robot-rl up: watch it at[/] http://127.0.0.1:{port}")
            yield

    @contextmanager
    def _part(self, title: str) -> Iterator[None]:
        self._console.print(f"\n[bold]{len(self._parts) + 1}. {title}[/]")
        began = time.monotonic()
        yield
        self._parts[title] = (time.monotonic() - began) / 60
        self._console.print(f"[dim]{self._parts[title]:.1f} minutes[/]")

    def _record(self) -> None:
        wanted = RecordConfig(
            self._recorded,
            TASK,
            options=(*SEEN, *_PICTURES),
            seed=self._config.seed,
            robot=ROBOT,
            scripted=self._config.demonstrations,
            near_misses=1,
        )
        with _passing("recording"):
            said = record_on_robot(wanted)
        self._console.print(said, highlight=False)

    def _prepare(self) -> Run:
        """Both at once, for the robot rests; the run in simulation."""
        wanted = ClassifierTrainConfig(
            (self._recorded,), self._classifier, updates=300, seed=self._config.seed
        )
        words = ["classifier", "train", str(self._recorded)]
        words += words_of(wanted, ClassifierTrainConfig(wanted.datasets))
        command = [sys.executable, "-m", "robot_rl.cli", *words]
        learning = subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, preexec_fn=with_us()
        )
        run = _simulate(self._config, self._console)
        said, _ = learning.communicate()
        if learning.returncode:
            raise RuntimeError("the classifier has not learned; see what it says above")
        self._console.print(said.strip(), highlight=False)
        return run

    def _deploy(self, policy: Path, film: str) -> Deployed:
        config = self._config
        wanted = DeployConfig(
            policy,
            ROBOT,
            episodes=config.episodes,
            options=_PATIENCE,
            video=config.folder / "films" / f"{film}.webp",
        )
        with DeploymentMonitor(config.episodes, self._console) as monitor:
            deployed = deploy_run(wanted, monitor)
        self._console.print(str(deployed))
        return deployed

    def _finetune(self, simulated: Run) -> Finetuned:
        rewards = self._config.folder / "rewards.yaml"
        rewards.write_text(f"- kind: classifier\n  file: {self._classifier.name}\n", "utf-8")
        wanted = FinetuneConfig(
            self._learned,
            simulated.folder,
            self._recorded,
            robot=ROBOT,
            options=(*_PATIENCE, f"rewards={rewards}"),
            steps=round(60 * _RATE * self._config.minutes),
            seed=self._config.seed,
        )
        with ActorMonitor(wanted.steps, self._console) as monitor:
            done = finetune(wanted, monitor)
        self._console.print(str(done))
        return done


@contextmanager
def _passing(doing: str) -> Iterator[None]:
    """Shows what is printed meanwhile, one line at a time in the place of the last."""
    console = Console(file=sys.stdout)  # Or it would be shown to itself.
    with console.status(doing) as status, contextlib.redirect_stdout(_Lines(status.update)):
        yield


class _Lines(io.TextIOBase):
    """Hands whole lines on."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell, self._begun = tell, ""

    def write(self, text: str) -> int:
        """Takes a piece of a line."""
        *whole, self._begun = (self._begun + text).split("\n")
        for line in whole:
            self._tell(line)
        return len(text)


def _simulate(config: DemoConfig, console: Console) -> Run:
    training = TrainConfig(
        env=TASK,
        options=_SIMULATED,
        steps=config.steps,
        demonstrations=_SIMULATED_DEMONSTRATIONS,
        seed=config.seed,
        evaluate_every=config.steps,
        evaluation_episodes=50,
        folder=config.folder / "simulator",
        videos=True,
    )
    with Monitor(console) as monitor:
        return train(training, monitor)


def _make_room(config: DemoConfig) -> None:
    """Deletes an older demo, and nothing else.

    Raises:
        FileExistsError: The folder holds something else.
    """
    folder = config.folder
    if (folder / _MARK).exists():
        shutil.rmtree(folder)
    elif folder.exists() and any(folder.iterdir()):
        raise FileExistsError(f"{folder} holds something else than a demo; choose another folder")
    folder.mkdir(parents=True, exist_ok=True)
    save_settings(config, folder / _MARK)
