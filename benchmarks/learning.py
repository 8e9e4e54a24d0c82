"""Every claim about learning, trained anew: several seeds, intervals, means of last checkpoints.

``make check-learning`` runs it (about 40 minutes on two cores, one run on each) and writes
``build/learning.json``, and ``build/learning/report.html`` with all curves.
"""

from __future__ import annotations

import argparse
import multiprocessing
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from rich.console import Console

from benchmarks.gripper_toggles import toggles_per_episode
from benchmarks.table import BUILD, Row, show_rows, write_rows
from robot_rl.config import TrainConfig
from robot_rl.log import Row as LogRow
from robot_rl.log import read_log
from robot_rl.machine import usable_cores
from robot_rl.report import Curve, Panel, Report, Table, write_report
from robot_rl.statistics import adastop, mean_interval

SUITE = "learning"
LAST = 3
"""Checkpoints at the end whose mean is reported."""
GOAL, KEPT = 0.95, 0.90
"""Success to reach, and to keep from then on."""
KEEP_STEPS = 10_000
"""Environment steps over which it must be kept."""


@dataclass(frozen=True)
class Study:
    """One setting, trained with several seeds."""

    name: str
    config: TrainConfig
    seeds: tuple[int, ...] = (0, 1, 2)
    suite: str = SUITE

    def folder(self, seed: int) -> Path:
        """Of the run of one seed."""
        name = self.name.replace(", ", "-").replace(" ", "-")
        return BUILD / self.suite / f"{name}-{seed}"

    def config_of(self, seed: int) -> TrainConfig:
        """Of the run of one seed."""
        return replace(self.config, seed=seed, folder=self.folder(seed))


Keep = Callable[[Study, int, Sequence[LogRow]], None]
PEG = TrainConfig(env="peg_insert", steps=16_000, evaluate_every=1_000, threads=1)
PICK = replace(PEG, env="pick_cube", steps=12_000)
DISCRETE = replace(PICK, sac=replace(PICK.sac, gripper="discrete"))
SHORT = replace(PEG, steps=4_000)
STUDIES = (
    Study("peg_insert", PEG),
    Study("peg_insert, no demonstrations", replace(PEG, demonstrations=0, steps=15_000)),
    Study("pick_cube", PICK),
    Study("pick_cube, discrete gripper", DISCRETE),
    Study("bfloat16 products", SHORT, (0, 1, 2, 3, 4)),
    Study("float32 products", replace(SHORT, products="float32"), (0, 1, 2, 3, 4)),
)


@dataclass(frozen=True)
class Outcome:
    """The logs of a study, one per seed."""

    study: Study
    logs: tuple[Sequence[LogRow], ...]

    def last(self, name: str) -> list[float]:
        """Mean of the last checkpoints, per seed."""
        return [float(np.mean([row[name] for row in log[-LAST:]])) for log in self.logs]

    def first(self, name: str) -> list[float]:
        """Value before learning, per seed."""
        return [log[0][name] for log in self.logs]

    def reached(self, quantity: str) -> list[float]:
        """``step`` or ``seconds`` of the first evaluation at the goal, per seed; inf if never."""
        return [next((row[quantity] for row in log if _at_goal(row)), np.inf) for log in self.logs]

    def watched(self) -> float:
        """Steps between the goal and the last evaluation that ``kept`` saw, of the shortest."""
        spans = [[row["step"] for row in _afterwards(log)] for log in self.logs]
        return min(span[-1] - span[0] for span in spans)

    def kept(self) -> float:
        """Worst evaluation, over all seeds, in the steps after the goal was first reached."""
        return min(row["greedy_success"] for log in self.logs for row in _afterwards(log))


def main() -> None:
    """Trains what is asked for, prints the table, writes JSON and report."""
    outcomes = train_all(chosen_of(STUDIES, __doc__))
    rows = [row for outcome in outcomes for row in _rows(outcome)] + _compare_precision(outcomes)
    tell(outcomes, rows, SUITE, "Learning, trained anew")


def chosen_of(studies: Sequence[Study], description: str | None) -> list[Study]:
    """Those that were typed; all if none was."""
    parser = argparse.ArgumentParser(description=description)
    names = [study.name for study in studies]
    parser.add_argument("studies", nargs="*", help=f"some of: {'; '.join(names)}; all if none")
    arguments = parser.parse_args()
    if unknown := set(arguments.studies) - set(names):
        parser.error(f"no study {', '.join(sorted(unknown))}; choose from {'; '.join(names)}")
    return [s for s in studies if not arguments.studies or s.name in arguments.studies]


def tell(outcomes: Sequence[Outcome], rows: Sequence[Row], suite: str, title: str) -> None:
    """Prints the table, writes JSON and report."""
    console = Console()
    show_rows(rows, console)
    console.print(f"{write_rows(rows, suite)}\n{_write_report(outcomes, rows, suite, title)}")


def train_all(
    studies: Sequence[Study], keep: Keep = lambda study, seed, log: None
) -> list[Outcome]:
    """One process per core; every run has a core of its own. ``keep`` is called as each ends."""
    context, console = multiprocessing.get_context("spawn"), Console()
    with ProcessPoolExecutor(usable_cores(), mp_context=context) as pool:
        jobs = {pool.submit(_train, s, seed): (s, seed) for s in studies for seed in s.seeds}
        for job in as_completed(jobs):
            study, seed = jobs[job]
            last = job.result()[-1]
            keep(study, seed, job.result())
            console.print(
                f"{study.name}, seed {seed}: {last['greedy_success']:.0%} after "
                f"{last['step']:,.0f} steps and {last['seconds'] / 60:.1f} minutes"
            )
    logs = {(s.name, seed): job.result() for job, (s, seed) in jobs.items()}
    return [Outcome(s, tuple(logs[s.name, seed] for seed in s.seeds)) for s in studies]


def _train(study: Study, seed: int) -> list[LogRow]:
    from robot_rl.train import train

    folder = study.folder(seed)
    shutil.rmtree(folder, ignore_errors=True)
    train(study.config_of(seed))
    return read_log(folder)


def _rows(outcome: Outcome) -> Iterator[Row]:
    """What is claimed of one study; rates are the worst seed's unless the name says otherwise."""
    seeds, name = outcome.study.seeds, outcome.study.name

    def row(what: str, value: float, unit: str, reference: float | None = None) -> Row:
        return Row(f"{name}: {what}", value, unit, reference, seeds)

    greedy, sampled = outcome.last("greedy_success"), outcome.last("sampled_success")
    if not outcome.study.config.demonstrations:
        yield row(
            "success, median of seeds (below the bar is the claim)", _median(greedy), "share", 0.5
        )
        return
    interval = mean_interval(greedy)
    yield row("success, greedy, worst seed", min(greedy), "share", GOAL)
    yield row("success, greedy, mean of seeds", interval.estimate, "share")
    yield row("its 95 % interval, low end", max(interval.low, 0.0), "share")
    yield row("success, sampled, worst seed", min(sampled), "share", GOAL)
    yield row("success of cloning alone, mean", _mean(outcome.first("cloned_success")), "share")
    yield row("steps to 95 %, slowest seed", max(outcome.reached("step")), "steps", 15_000)
    yield row("seconds to 95 %, slowest seed", max(outcome.reached("seconds")), "s", 360)
    yield row(f"worst evaluation in the {KEEP_STEPS:,} steps after", outcome.kept(), "share", KEPT)
    yield row("steps over which that was watched, shortest", outcome.watched(), "steps")
    lengths = _mean(outcome.first("demonstration_length"))
    yield row("episode length, mean", _mean(outcome.last("greedy_length")), "steps", lengths)
    if outcome.study.config.env == PICK.env:  # The task whose gripper moves.
        toggles = [toggles_per_episode(outcome.study.folder(seed)) for seed in seeds]
        yield row("gripper toggles per episode, mean", _mean(toggles), "toggles", 1)


def _compare_precision(outcomes: Sequence[Outcome]) -> list[Row]:
    """Whether bfloat16 products learn as well as float32: final return over five seeds."""
    found = {o.study.name: o for o in outcomes if "products" in o.study.name}
    if len(found) < 2:
        return []
    scores = {name: np.array(outcome.last("greedy_return")) for name, outcome in found.items()}
    comparison = adastop(scores, group_size=5, interims=1)[0]
    half, full = (_mean(list(values)) for values in scores.values())
    name = f"return, bfloat16 beside float32 (AdaStop: {comparison.decision})"
    return [Row(name, half, "return", full, found["float32 products"].study.seeds)]


def success_rows(outcome: Outcome, goal: float) -> Iterator[Row]:
    """Greedy success of the last checkpoints: of the worst seed, and the mean of all."""
    name, seeds = outcome.study.name, outcome.study.seeds
    greedy = outcome.last("greedy_success")
    interval = mean_interval(greedy)
    yield Row(f"{name}: success, worst seed", min(greedy), "share", goal, seeds)
    yield Row(f"{name}: success, mean of seeds", interval.estimate, "share", None, seeds)
    if len(seeds) > 1:
        yield Row(f"{name}: its 95 % interval, low end", interval.low, "share", None, seeds)


def _write_report(outcomes: Sequence[Outcome], rows: Sequence[Row], suite: str, title: str) -> Path:
    columns = ("claim", "value", "unit", "reference")
    table = Table(columns, [(r.name, r.value, r.unit, r.reference or "") for r in rows])
    panels = [_panel(outcome) for outcome in outcomes]
    return write_report(BUILD / suite, Report(title, curves=panels, table=table))


def _panel(outcome: Outcome) -> Panel:
    curves = [
        Curve(
            f"seed {seed}",
            [row["step"] for row in log],
            [row["greedy_success"] for row in log],
            [row["greedy_success_low"] for row in log],
            [row["greedy_success_high"] for row in log],
        )
        for seed, log in zip(outcome.study.seeds, outcome.logs, strict=True)
    ]
    return Panel(outcome.study.name, "environment steps", "success, greedy", curves, (0, 1))


def _at_goal(row: LogRow) -> bool:
    return row["step"] > 0 and row["greedy_success"] >= GOAL


def _afterwards(log: Sequence[LogRow]) -> list[LogRow]:
    """Evaluations from the first at the goal, for as long as it must be kept."""
    start = next((row["step"] for row in log if _at_goal(row)), np.inf)
    return [row for row in log if start <= row["step"] <= start + KEEP_STEPS] or list(log[-1:])


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values))


def _median(values: Sequence[float]) -> float:
    return float(np.median(values))


if __name__ == "__main__":
    main()
