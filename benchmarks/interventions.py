"""What people who take over are worth, and what else carries the result.

``python -m benchmarks.interventions --seeds 0 1 2``: demonstrations alone, with a scripted person,
RLIF, and without one part of the learner at a time (``--studies``). No pre-training, on a twin
without ROS in between, whose hole and start lie further apart than in training. From five
demonstrations, whose clone succeeds in a quarter of the episodes there. Parts are left out where
nobody helps, for help would make up for them, but for what becomes of takeovers; with
``--demonstrations 10``, or there is little to lose.
Runs lie in ``build/interventions`` and are not repeated; whatever lies there goes into
``build/interventions.json`` and ``build/interventions/curves.png``.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.ablations import Apart, Pooled, as_terminal
from benchmarks.studies import CALM, digest, learn_all, parser_of, setting_of
from benchmarks.table import BUILD, Row, show_rows, write_rows
from hardware.person_env import with_person
from robot_rl.config import SacConfig
from robot_rl.demonstrations import record
from robot_rl.env import Env, Step
from robot_rl.environments import make_env, parse_options
from robot_rl.episodes import Episodes
from robot_rl.evaluation import evaluate
from robot_rl.learner import Learner
from robot_rl.log import Log, read_log
from robot_rl.log import Row as LogRow
from robot_rl.replay import Replay
from robot_rl.rlif import rlif_returns, rlif_rewards, without_rewards
from robot_rl.sac import Sac
from robot_rl.schema import Schema
from robot_rl.statistics import mean_interval, wilson_interval
from robot_rl.takeovers import TakeoverRewards, costs_of, with_takeovers
from robot_rl.train import known_returns, prepare_torch
from robot_rl.transition import Transition, WorldIds, split_step
from sim.task import Box, Start

Seeds = dict[int, list[LogRow]]
"""Rows of a study's runs, by their seeds."""
SUITE = "interventions"
RUNS = BUILD / SUITE
ENV = "twin_peg_insert"
ALONE = "demonstrations"
"""Study that others are compared with."""
INTERVENTION = "intervention"
"""Name of the term that takeovers cost."""
LAST = 3
"""Evaluations at the end whose mean is reported."""
GREEDY_SHARE, EXPLORATION = 0.25, 0.3
_OF_PERSON = ("skill", "late", "patience", "longest")
STARTS = 200
"""Steps before the first update."""


@dataclass(frozen=True)
class Study:
    """Who helps, and what is learned from."""

    name: str
    person: bool = True
    rlif: bool = False
    cost: float = 0.0
    """Of the step before a takeover, beside the task's reward."""
    learner: type[Learner] = Learner
    layer_norm: bool = True
    """Whether critics have it."""
    bootstrap: bool = True
    """Whether the value of what comes after a time-out counts."""

    @property
    def is_whole(self) -> bool:
        """Whether nothing is left out of the learner."""
        return self.learner is Learner and self.layer_norm and self.bootstrap


STUDIES = {
    "demonstrations": Study("demonstrations alone", person=False),
    "person": Study("with a person"),
    "costs": Study("with a person, takeovers cost 0.2", cost=0.2),
    "rlif": Study("RLIF", rlif=True),
    "layer_norm": Study("alone, without LayerNorm", person=False, layer_norm=False),
    "bootstrap": Study("alone, time-outs taken for ends", person=False, bootstrap=False),
    "half": Study("alone, without the half of demonstrations", person=False, learner=Pooled),
    "takeovers": Study("person, takeovers no demonstrations", learner=Apart),
}


@dataclass(frozen=True)
class Setting:
    """What all runs have in common; runs of another setting lie in another folder."""

    gap: str
    tool: tuple[str, ...]
    """How actions move it."""
    clearance: float
    reach: float
    """Half range of where hole and tool start, sideways [m]."""
    turn: float
    """Half range of how they are turned [rad]."""
    demonstrations: int
    skill: float
    late: float
    """Share of an episode after which the person takes over in any case."""
    patience: float
    """Time without progress after which they do [s]."""
    longest: float
    """Time after which they let go anyway [s]: who finishes every episode teaches no policy to."""
    steps: int
    every: int
    episodes: int

    @property
    def options(self) -> dict[str, Any]:
        """Of the environment."""
        sideways = (self.reach, self.reach)
        return {
            **parse_options(self.tool),
            "gap": self.gap,
            "clearance": self.clearance,
            "hole_yaw": self.turn,
            "hole": Box((0.5, 0.0, 0.0), (*sideways, 0.0)),
            "start": Start(Box((0.5, 0.0, 0.14), (*sideways, 0.03)), self.turn),
        }

    @property
    def folder(self) -> Path:
        """Where its runs lie."""
        values = (getattr(self, field.name) for field in fields(self))
        return RUNS / f"{self.gap}-{digest(*values)}"


class Run:
    """One agent that learns beside its twin, in this process.

    Args:
        study: Who helps.
        setting: On what.
        seed: Of everything.
        folder: Where its demonstrations go.
    """

    def __init__(self, study: Study, setting: Setting, seed: int, folder: Path) -> None:
        self._study, self._setting = study, setting
        # Practice and demonstrations of two seeds must not have the same scenes.
        env: Env = make_env(ENV, 1, 1000 * seed + 1, **setting.options)
        specs = env.observation_spec, env.action_spec
        sac = _returns(study, env)
        online, shown = (Replay(*specs, setting.steps + 10_000) for _ in range(2))
        agent = Sac(*specs, replace(sac, layer_norm=study.layer_norm), seed)
        self.learner = study.learner(agent, online, shown, seed)
        self._demonstrate(env, folder, 1000 * seed)
        helped = {name: getattr(setting, name) for name in _OF_PERSON} | {"seed": seed}
        self._env = with_person(env, **helped) if study.person else env
        costs = {**costs_of(env), **({INTERVENTION: study.cost} if study.cost else {})}
        self._reward = rlif_rewards() if study.rlif else TakeoverRewards(costs)
        self._ids, self._greedy = WorldIds(1), False
        self._step = self._env.reset(1000 * seed + 1)
        self._had, self.takeovers, self.interventions = False, 0, 0

    def act(self) -> None:
        """One step, and the updates that it is owed."""
        before = self._step
        action = self.learner.agent.act(before.observation, self._greedy, EXPLORATION)
        after = self._step = self._env.step(action)
        [one] = split_step(self._ids, before.observation, action, after)
        for known in self._reward(one):
            self.learner.take(known if self._study.bootstrap else as_terminal(known))
        self._ids.advance(after.done)
        self._count(one, after)
        if self.learner.replay.appended >= STARTS:
            self.learner.owe(1)
            self.learner.pay()

    def close(self) -> None:
        """Ends the twin."""
        self._env.close()

    def _demonstrate(self, env: Env, folder: Path, seed: int) -> None:
        store = Episodes(folder / "demonstrations", Schema.of(env, ENV))
        record(env, store, self._setting.demonstrations, seed=seed)
        for episode in store:
            transitions = episode.transitions()
            shown = without_rewards(transitions) if self._study.rlif else transitions
            self.learner.demonstrations.extend(shown)
        self.learner.clone()

    def _count(self, one: Transition, after: Step) -> None:
        self.takeovers += one.intervened and not self._had
        self.interventions += one.intervened
        self._had = one.intervened and not after.done[0]
        if after.done[0]:
            self._greedy = bool(self.learner.rng.random() < GREEDY_SHARE)


def _returns(study: Study, env: Env) -> SacConfig:
    """With the range of returns that a study's rewards make."""
    if study.rlif:
        return rlif_returns(SacConfig())
    sac = known_returns(SacConfig(), env)
    assert sac.return_range is not None
    wider = with_takeovers(sac.return_range, study.cost, sac.discount)
    return replace(sac, return_range=wider)


def learn(name: str, setting: Setting, seed: int) -> Path:
    """One run, unless it is there already; returns its folder."""
    folder = setting.folder / f"{name}-{seed}"
    if (rows := read_log(folder)) and rows[-1]["step"] >= setting.steps:
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    prepare_torch(1, "bfloat16")
    run = Run(STUDIES[name], setting, seed, folder)
    judge = make_env(ENV, 1, seed, **setting.options)
    with Log(folder) as log:
        for step in range(setting.steps + 1):
            if step % setting.every == 0:
                log.write(step, _measure(run, judge, setting))
                print(f"{folder.name}: {read_log(folder)[-1]}", flush=True)
            run.act()
    run.close()
    judge.close()
    return folder


def _measure(run: Run, judge: Env, setting: Setting) -> dict[str, float]:
    """The policy alone, and how often it was helped since the last time."""
    agent = run.learner.agent
    found = evaluate(judge, lambda seen: agent.act(seen, greedy=True), setting.episodes)
    rates = {
        "takeovers_per_1000": 1000 * run.takeovers / setting.every,
        "intervened_share": run.interventions / setting.every,
    }
    run.takeovers = run.interventions = 0
    return found.scalars("greedy") | rates


def person_alone(setting: Setting, episodes: int) -> float:
    """Share of episodes that the person does from the first step to the last."""
    env = make_env(ENV, 1, 0, **setting.options)
    forever = {"late": 0.0, "enough": 1e6, "longest": 1e6}
    with with_person(env, setting.skill, seed=1, **forever) as person:
        still = np.zeros((1, *env.action_spec.shape), np.float32)
        success = evaluate(person, lambda seen: still, episodes).success
    assert success is not None
    return float(success.mean())


def _seeds(setting: Setting, name: str) -> Seeds:
    folders = sorted(setting.folder.glob(f"{name}-[0-9]*"))
    logs = {int(f.name.rpartition("-")[2]): read_log(f) for f in folders}
    return {n: log for n, log in logs.items() if log and log[-1]["step"] >= setting.steps}


def _rows(setting: Setting, logs: dict[str, Seeds], alone: float) -> Iterator[Row]:
    interval = wilson_interval(round(alone * 100), 100)
    yield Row(f"{SUITE}: the person alone (skill {setting.skill:g})", alone, "share")
    yield Row(f"{SUITE}: its 95 % interval, low end", interval.low, "share")
    for name, known in logs.items():
        numbers, seeds = list(known), list(known.values())
        of = f"{SUITE}: {STUDIES[name].name}"
        last = [_mean(log[-LAST:], "greedy_success") for log in seeds]
        whole = mean_interval([_mean(log[1:], "greedy_success") for log in seeds])
        yield Row(f"{of}, success before learning", _first(seeds), "share", None, numbers)
        interval = mean_interval(last)
        yield Row(f"{of}, success", interval.estimate, "share", alone, numbers)
        low = max(interval.low, 0.0)
        yield Row(f"{of}, low end of its 95 % interval", low, "share", None, numbers)
        yield Row(f"{of}, success while learning", whole.estimate, "share", None, numbers)
        yield Row(f"{of}, success of the worst seed", min(last), "share", alone, numbers)
        if STUDIES[name].person:
            for part, row in (("at first", 1), ("in the end", -1)):
                rate = float(np.mean([log[row]["takeovers_per_1000"] for log in seeds]))
                yield Row(f"{of}, takeovers {part}", rate, "per 1,000 steps", None, numbers)
        yield from _gained(of, known, logs.get(ALONE, {}) if name != ALONE else {})


def _gained(of: str, known: Seeds, alone: Seeds) -> Iterator[Row]:
    """By how much it is better than with demonstrations alone, of the same seeds."""
    if len(both := sorted(known.keys() & alone.keys())) < 2:
        return
    last = {n: [_mean(one[n][-LAST:], "greedy_success") for one in (known, alone)] for n in both}
    gain = mean_interval([own - without for own, without in last.values()])
    yield Row(f"{of}, more than alone", gain.estimate, "share", None, both)
    yield Row(f"{of}, low end of that gain's 95 % interval", gain.low, "share", None, both)


def _first(logs: Sequence[Sequence[LogRow]]) -> float:
    return float(np.mean([log[0]["greedy_success"] for log in logs]))


def _mean(rows: Sequence[LogRow], name: str) -> float:
    return float(np.mean([row[name] for row in rows]))


def _draw(setting: Setting, logs: dict[str, Seeds], alone: float) -> Path:
    """Both curves of each study: the mean of its seeds, and the range between them."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.6), layout="constrained")
    panels = figure.subplots(1, 2)
    whole = {name: known for name, known in logs.items() if STUDIES[name].is_whole}
    for number, (name, known) in enumerate(whole.items()):
        seeds = list(known.values())
        label, colour = f"{STUDIES[name].name} ({len(seeds)})", f"C{number}"
        _curve(panels[0], seeds, "greedy_success", label, colour)
        if STUDIES[name].person:
            _curve(panels[1], [log[1:] for log in seeds], "takeovers_per_1000", label, colour)
    for axes in panels:
        axes.set_xlabel("steps of the robot")
    panels[0].axhline(alone, color="grey", ls=":", label="the person alone")
    panels[0].set_ylim(-0.02, 1.02)
    panels[0].set_ylabel("success, greedy, nobody helps")
    panels[1].set_ylim(0)
    panels[1].set_ylabel("takeovers per 1,000 steps")
    for axes in panels:
        axes.legend(frameon=False, fontsize=8)
    path = setting.folder / "curves.png"
    figure.savefig(path, dpi=150)
    return path


def _curve(
    axes: Any, logs: Sequence[Sequence[LogRow]], quantity: str, label: str, colour: str
) -> None:
    """Mean of some seeds, and the range between them."""
    length = min(map(len, logs))
    values = np.array([[row[quantity] for row in log[:length]] for log in logs])
    steps = [row["step"] for row in logs[0][:length]]
    axes.plot(steps, values.mean(0), label=label, color=colour)
    axes.fill_between(steps, values.min(0), values.max(0), color=colour, alpha=0.15, lw=0)


def main(arguments: list[str]) -> int:
    """Learns what is missing, shows a table, writes JSON and curves."""
    asked, setting = _parse(arguments)
    learn_all(learn, setting, asked)
    alone = person_alone(setting, 100)
    logs = {name: seeds for name in STUDIES if (seeds := _seeds(setting, name))}
    rows = list(_rows(setting, logs, alone))
    show_rows(rows)
    print(f"written to {write_rows(rows, SUITE)} and {_draw(setting, logs, alone)}")
    return 0


def _parse(arguments: list[str]) -> tuple[argparse.Namespace, Setting]:
    parser = parser_of(__doc__, STUDIES, "runs side by side, a core each")
    parser.add_argument("--tool", nargs="*", metavar="NAME=VALUE", default=CALM, help="its options")
    parser.add_argument("--clearance", type=float, default=0.001)
    parser.add_argument("--reach", type=float, default=0.08, help="half range sideways [m]")
    parser.add_argument("--turn", type=float, default=0.5, help="half range of turns [rad]")
    parser.add_argument("--demonstrations", type=int, default=5)
    parser.add_argument("--skill", type=float, default=0.8)
    parser.add_argument("--late", type=float, default=0.8, help="share after which they help")
    parser.add_argument("--patience", type=float, default=2.0, help="without progress [s]")
    parser.add_argument("--longest", type=float, default=1.5, help="time of a takeover [s]")
    parser.add_argument("--steps", type=int, default=6_000)
    parser.add_argument("--every", type=int, default=1_500)
    asked = parser.parse_args(arguments)
    asked.tool = tuple(asked.tool)
    return asked, setting_of(Setting, asked)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
