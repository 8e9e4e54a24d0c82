"""What minutes on a robot are worth, from a simulator's policy and from demonstrations alone.

``python -m benchmarks.on_robot --seeds 0 1 2``: the robot is a twin without ROS in between, with a
gap profile that no simulator has trained on. ``simulator``: the peg is learned in MuJoCo, then the
policy goes on there with ``robot-rl finetune``, paid by the task. ``demonstrations``: no simulator;
20 demonstrations on the robot itself, a classifier of success from their pictures and from attempts
beside them, whose word is the reward. At each mark the policy alone acts, greedy, judged by the
truth; in the end in other scenes as well. Runs lie in ``build/on_robot``, go on where they were
interrupted, and are not repeated; whatever lies there goes into ``build/on_robot.json`` and a
figure.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.studies import CALM, digest, learn_all, parser_of, setting_of
from benchmarks.table import BUILD, Row, show_rows, write_rows
from robot_rl.classifier_run import train as train_classifier
from robot_rl.config import ClassifierTrainConfig, FinetuneConfig, SacConfig, TrainConfig
from robot_rl.demonstrations import schema_of
from robot_rl.env import Env
from robot_rl.environments import make_env, parse_options
from robot_rl.episodes import Episodes
from robot_rl.evaluation import evaluate
from robot_rl.finetune import ROBOTS, finetune
from robot_rl.log import Log, read_log
from robot_rl.log import Row as LogRow
from robot_rl.near_misses import record_near_misses
from robot_rl.policy import POLICY, Policy
from robot_rl.statistics import mean_interval
from robot_rl.train import train

SUITE = "on_robot"
RUNS = BUILD / SUITE
TASK, TWIN = "peg_insert", "twin_peg_insert"
PICTURES = ("cameras=front,wrist", "image_size=64", "linger=8")
TOOL = ("action_history=3", "leash=2", "expert_gain=1.4")
"""With that gain an arm that answers late does not swing."""
BAR = 0.95
"""Success that is aimed at."""
REWARDS = "rewards.yaml"
"""File of a run whose reward is not the task's own."""
FRESH, FRESH_SEED = 200, 777_000
"""Episodes in the end in scenes that no evaluation before has seen, and their seed."""


@dataclass(frozen=True)
class Setting:
    """What all seeds have in common; runs of another setting lie in another folder."""

    gap: str
    delay: float
    """More of it than the gap has, as ROS 2 adds [s]."""
    force: float
    """Beyond which an episode has failed, in the simulator and on the robot alike [N]."""
    tool: tuple[str, ...]
    """How actions move the tool, in the simulator and on the robot alike; empty: as in the study.
    """
    randomization: str
    """Of the simulator."""
    steps: int
    """Of the simulator."""
    simulated: int
    """Scripted demonstrations there, which cost nothing."""
    demonstrations: int
    attempts: int
    """Near misses beside each demonstration, for the classifier."""
    reward: str
    """Who pays those who begin with demonstrations: the camera, or the task itself."""
    sac: tuple[str, ...]
    """Settings of their learner."""
    exploration: float
    """Share of a learner's noise with which they practise."""
    episodes: int
    """Of each evaluation."""

    @property
    def options(self) -> tuple[str, ...]:
        """Of the robot."""
        return (*self.robot, *self.tool)

    @property
    def robot(self) -> tuple[str, ...]:
        """What makes it another one than the simulator."""
        return f"gap={self.gap}", f"delay={self.delay:g}", self.limit

    @property
    def limit(self) -> str:
        """The option that says how hard the arm may press."""
        return f"force_limit={self.force:g}"

    def known(self, *names: str) -> str:
        """Name of what runs that agree in these, and in robot and tool, have in common."""
        values = [getattr(self, name) for name in ("delay", "force", "tool", *names)]
        return f"{self.gap}-{digest(*values)}"


@dataclass(frozen=True)
class Study:
    """What learning begins with."""

    name: str
    tool: tuple[str, ...]
    """How actions move the tool, unless somebody says otherwise."""
    marks: Callable[[float], tuple[float, ...]]
    """Minutes of robot time after which the policy is judged, by the time of one step [s]."""
    begin: Callable[[Setting, int, Path], None]
    """Makes what there is to begin with, in a folder."""
    config: Callable[[Setting, int, Path], FinetuneConfig]
    """How it goes on from there."""
    setting: Callable[[Setting], str]
    """What of the setting counts."""


def _simulate(setting: Setting, seed: int, folder: Path) -> None:
    simulated = TrainConfig(
        env=TASK,
        options=(*setting.tool, setting.limit, f"randomization={setting.randomization}"),
        steps=setting.steps,
        demonstrations=setting.simulated,
        evaluate_every=setting.steps,
        seed=seed,
        folder=folder / "simulator",
    )
    train(simulated)


def _from_simulator(setting: Setting, seed: int, folder: Path) -> FinetuneConfig:
    source, options = folder / "simulator", setting.options
    return FinetuneConfig(folder / "robot", source, env=TWIN, options=options, seed=seed)


def _demonstrate(setting: Setting, seed: int, folder: Path) -> None:
    options = (*setting.options, *(PICTURES if setting.reward == "camera" else ()))
    with make_env(TWIN, 1, seed, **parse_options(options)) as env:
        shown = Episodes(folder / "shown", schema_of(env, TWIN, options))
        record_near_misses(env, shown, setting.demonstrations, setting.attempts, seed=1000 * seed)
    if setting.reward == "task":
        return
    classifier = ClassifierTrainConfig((shown.path,), folder / "peg.classifier", seed=seed)
    print(train_classifier(classifier, lambda update, loss: None), flush=True)
    text = "- kind: classifier\n  file: peg.classifier\n"
    (folder / REWARDS).write_text(text, encoding="utf-8")


def _from_demonstrations(setting: Setting, seed: int, folder: Path) -> FinetuneConfig:
    return FinetuneConfig(
        folder / "robot",
        demonstrations=folder / "shown",
        env=TWIN,
        options=(*setting.options, *_judged(folder)),
        exploration=setting.exploration,
        seed=seed,
        sac=SacConfig(**parse_options(setting.sac)),
    )


def _judged(folder: Path) -> tuple[str, ...]:
    """Options of a robot whose rewards are those of a run, if it has a list of them."""
    rewards = folder / REWARDS
    return ("image_size=64", f"rewards={rewards}") if rewards.exists() else ()


STUDIES = {
    "simulator": Study(
        "from the simulator's policy",
        TOOL,
        lambda dt: (0, 2, 5, 10),
        _simulate,
        _from_simulator,
        lambda s: s.known("randomization", "steps", "simulated"),
    ),
    "demonstrations": Study(
        "from demonstrations alone",
        CALM,
        lambda dt: tuple(steps * dt / 60 for steps in (60, *range(3_000, 15_001, 3_000))),
        _demonstrate,
        _from_demonstrations,
        lambda s: s.known("demonstrations", "attempts", "reward", "sac", "exploration"),
    ),
}
"""The first mark of the second is before the first update: the clone alone."""


def folder_of(name: str, setting: Setting) -> Path:
    """Where the runs of a study lie."""
    return RUNS / f"{name}-{STUDIES[name].setting(_moved(name, setting))}"


def _moved(name: str, setting: Setting) -> Setting:
    """With the tool of the study, unless somebody says otherwise."""
    return replace(setting, tool=setting.tool or STUDIES[name].tool)


def learn(name: str, setting: Setting, seed: int) -> Path:
    """One seed, as far as it is not there already; returns its folder."""
    study, folder = STUDIES[name], folder_of(name, setting) / f"{seed}"
    setting = _moved(name, setting)
    if _is_whole(read_log(folder)):
        return folder
    if not (folder / "robot").exists():
        shutil.rmtree(folder, ignore_errors=True)
        study.begin(setting, seed, folder)
    config, marks = study.config(setting, seed, folder), read_log(folder)
    known = round(marks[-1]["step"]) if marks else -1
    with make_env(TWIN, 1, 0, **parse_options(setting.options)) as env, Log(folder, known) as log:
        for minutes in study.marks(env.dt)[len(marks) :]:
            steps, done = round(60 * minutes / env.dt), acted(config)
            if steps > done:
                done += finetune(replace(config, steps=steps - done)).acted.steps
            minutes = done * env.dt / 60
            log.write(done, _measure(config, setting, folder, env) | {"minutes": minutes})
            print(f"{name}, seed {seed}: {read_log(folder)[-1]}", flush=True)
        fresh = evaluate(env, _policy(config), FRESH, FRESH_SEED).scalars("fresh")
        log.write(acted(config) + 1, fresh)
    return folder


def _is_whole(rows: Sequence[LogRow]) -> bool:
    return bool(rows) and "fresh_success" in rows[-1]


def acted(config: FinetuneConfig) -> int:
    """Steps of the robot so far."""
    rows = read_log(config.run / ROBOTS / Path(config.robot).stem)
    return round(rows[-1]["step"]) if rows else 0


def _measure(config: FinetuneConfig, setting: Setting, folder: Path, env: Env) -> dict[str, float]:
    """The policy alone: by the truth, and what the judge of its practice would pay for nothing."""
    act = _policy(config)
    found = evaluate(env, act, setting.episodes).scalars("greedy")
    if not (options := _judged(folder)):
        return found
    with make_env(TWIN, 1, 0, **parse_options((*setting.options, *options))) as judged:
        paid = evaluate(judged, act, setting.episodes)
    assert paid.success is not None
    wrongly = (paid.episode_return > 0) & ~paid.success
    return found | {"paid_wrongly": float(wrongly.mean())}


def _policy(config: FinetuneConfig) -> Policy:
    """As far as it is: the simulator's, before anything was learned on the robot."""
    path = config.run / POLICY
    if path.exists() or config.source is None:
        return Policy.load(path)
    return Policy.of_run(config.source)


def _logs(name: str, setting: Setting) -> tuple[list[int], list[list[LogRow]]]:
    """Seeds that are done, and their rows."""
    found = {
        int(folder.name): rows
        for folder in sorted(folder_of(name, setting).glob("[0-9]*"))
        if _is_whole(rows := read_log(folder))
    }
    return list(found), list(found.values())


def _rows(name: str, seeds: Sequence[int], logs: Sequence[Sequence[LogRow]]) -> Iterator[Row]:
    for i, mark in enumerate(logs[0][:-1]):
        found = [log[i]["greedy_success"] for log in logs]
        length = float(np.nanmean([log[i]["greedy_length"] for log in logs]))
        of = f"{SUITE}/{STUDIES[name].name}, {mark['minutes']:.3g} minutes"
        interval = mean_interval(found)
        yield Row(f"{of}: success", interval.estimate, "share", BAR, seeds)
        yield Row(f"{of}: low end of its 95 % interval", interval.low, "share", None, seeds)
        yield Row(f"{of}: success of the worst seed", min(found), "share", None, seeds)
        yield Row(f"{of}: steps of an episode", length, "steps", None, seeds)
        if "paid_wrongly" in mark:
            wrongly = float(np.mean([log[i]["paid_wrongly"] for log in logs]))
            yield Row(f"{of}: paid without success", wrongly, "share", None, seeds)
    fresh = mean_interval([log[-1]["fresh_success"] for log in logs])
    of = f"{SUITE}/{STUDIES[name].name}, in the end, {FRESH} other scenes"
    yield Row(f"{of}: success", fresh.estimate, "share", BAR, seeds)
    yield Row(f"{of}: low end of its 95 % interval", fresh.low, "share", None, seeds)
    mean = np.mean([[row["greedy_success"] for row in log[:-1]] for log in logs], axis=0)
    of = f"{SUITE}/{STUDIES[name].name}: lowest success less the first"
    yield Row(of, float((mean - mean[0]).min()), "share", -0.1, seeds)


def _draw(setting: Setting) -> Path:
    """The seeds of each study, and their mean."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5, 3.4), layout="constrained")
    axes = figure.subplots()
    for number, (name, study) in enumerate(STUDIES.items()):
        seeds, logs = _logs(name, setting)
        if seeds:
            values = np.array([[row["greedy_success"] for row in log[:-1]] for log in logs])
            minutes = [row["minutes"] for row in logs[0][:-1]]
            axes.plot(minutes, values.T, color=f"C{number}", alpha=0.35, lw=1)
            label = f"{study.name} ({len(seeds)})"
            axes.plot(minutes, values.mean(0), "o-", color=f"C{number}", lw=2, label=label)
    axes.axhline(BAR, color="grey", ls=":", label=f"{BAR:.0%}")
    axes.set(xlabel="minutes of robot time", ylabel=f"success on {setting.gap}", ylim=(-0.02, 1.02))
    axes.legend(frameon=False, loc="lower right")
    path = RUNS / f"curves-{setting.gap}-{setting.delay:g}-{setting.force:g}.png"
    figure.savefig(path, dpi=150)
    return path


def main(arguments: list[str]) -> int:
    """Learns what is missing, shows a table, writes JSON and curves."""
    asked, setting = _parse(arguments)
    learn_all(learn, setting, asked)
    done = {name: known for name in STUDIES if (known := _logs(name, setting))[0]}
    rows = [row for name, known in done.items() for row in _rows(name, *known)]
    show_rows(rows)
    print(f"written to {write_rows(rows, SUITE)} and {_draw(setting)}")
    return 0


def _parse(arguments: list[str]) -> tuple[argparse.Namespace, Setting]:
    parser = parser_of(__doc__, STUDIES, "seeds side by side, a core each")
    pairs: Any = {"nargs": "*", "metavar": "NAME=VALUE"}
    parser.add_argument("--delay", type=float, default=0.08, help="as ROS 2 adds [s]")
    parser.add_argument(
        "--force", type=float, default=80.0, help="that fails an episode, 0 for none [N]"
    )
    parser.add_argument("--tool", **pairs, default=(), help="options of simulator and robot")
    parser.add_argument("--randomization", default="robot", help="of the simulator: none, robot")
    parser.add_argument("--steps", type=int, default=600, help="of the simulator")
    parser.add_argument("--simulated", type=int, default=100, help="demonstrations there")
    parser.add_argument("--demonstrations", type=int, default=20, help="on the robot")
    parser.add_argument("--attempts", type=int, default=3, help="near misses beside each")
    parser.add_argument("--reward", choices=["camera", "task"], default="camera")
    parser.add_argument("--sac", **pairs, default=(), help="settings of who begins with them")
    parser.add_argument("--exploration", type=float, default=0.3, help="share of the noise")
    asked = parser.parse_args(arguments)
    asked.tool, asked.sac = tuple(asked.tool), tuple(asked.sac)
    return asked, setting_of(Setting, asked)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
