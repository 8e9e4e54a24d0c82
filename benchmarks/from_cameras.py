"""Learning from two cameras and proprioception, without the state of any object.

``python -m benchmarks.from_cameras``: the parts of the pictures where something happens, drawn with
48 x 48 pixels, 50 demonstrations of a script that strays, sparse reward; DrQ and DrQ-v2, three
seeds, one core for each run; and what becomes of it without moving the images, and without
demonstrations. Greedy success, means of the last three evaluations, of 50 episodes each. The curves
are kept in ``docs/from_cameras.csv``: what stands there with the same settings is not learned again
(``--again`` does), so it can be measured in parts. Draws ``docs/from_cameras.png`` and writes
``build/from_cameras.json``.
"""

from __future__ import annotations

import argparse
import csv
import io
import sys
from collections.abc import Iterator, Sequence
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.learning import Outcome, Study, success_rows, train_all
from benchmarks.studies import digest
from benchmarks.table import BUILD, Row, show_rows, write_rows
from robot_rl import durable
from robot_rl.config import DrqConfig, DrqV2Config, TrainConfig
from robot_rl.lock import alone_in
from robot_rl.log import Row as LogRow

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SUITE = "from_cameras"
GOAL, MINUTES = 0.9, 45.0
"""Success that is aimed at, and the time that it may take."""
SEEN = ("cameras=front,wrist", "image_size=48", "privileged=False", "relative_frame=True")
PEG_CROP = "crop=front:0.28:0.31:0.78:0.81,wrist:0.36:0.46:0.64:0.74"
"""The wrist's is narrow: the hole is half a millimetre wider than the peg on each side."""
PICK_CROP = "crop=front:0.28:0.27:0.78:0.77,wrist:0.25:0.36:0.75:0.86"
DRQ = DrqConfig(batch_size=64, shift=2)
V2 = DrqV2Config(
    batch_size=64,
    shift=2,
    utd_ratio=1.0,
    encoder="small",
    head="categorical",
    layer_norm=True,
    cloning_steps=2_000,
)
"""With what made DrQ-v2 good with demonstrations besides; its encoder would take all the time."""
PEG = TrainConfig(
    algorithm="drq",
    env="peg_insert",
    options=(*SEEN, PEG_CROP),
    steps=10_000,
    demonstrations=50,
    demonstration_noise=0.3,
    capacity=20_000,
    evaluate_every=2_000,
    evaluation_episodes=50,
    drq=DRQ,
)
PICK = replace(PEG, env="pick_cube", options=(*SEEN, PICK_CROP), steps=4_000, evaluate_every=1_000)


def _by_v2(config: TrainConfig) -> TrainConfig:
    return replace(config, algorithm="drqv2", drq=DrqConfig(), drqv2=V2)


STUDIES = (
    Study("peg_insert, DrQ", PEG, suite=SUITE),
    Study("peg_insert, DrQ-v2", _by_v2(PEG), suite=SUITE),
    Study("pick_cube, DrQ", PICK, suite=SUITE),
    Study("pick_cube, DrQ-v2", _by_v2(PICK), suite=SUITE),
    Study(
        "peg_insert, DrQ, images stay",
        replace(PEG, drq=replace(DRQ, shift=0), steps=6_000),
        suite=SUITE,
    ),
    Study(
        "peg_insert, DrQ, no demonstrations",
        replace(PEG, demonstrations=0, steps=5_000),
        suite=SUITE,
    ),
)
VERSION = 1
"""Goes up when a learner, or a default of it, changes: what was measured before counts no more."""
DOCS = Path(__file__).parents[1] / "docs"
CURVES, PLOT = DOCS / f"{SUITE}.csv", DOCS / f"{SUITE}.png"
_NUMBERS = ("step", "greedy_success", "sampled_success", "greedy_length", "seconds")
_COLUMNS = ("study", "setting", "seed", *_NUMBERS)
Curves = dict[tuple[str, int], list[LogRow]]
"""Logs by study and seed."""
_PANELS = {
    "peg_insert": STUDIES[:2],
    "pick_cube": STUDIES[2:4],
    "peg_insert, DrQ, without": (STUDIES[0], *STUDIES[4:]),
}


def main(arguments: list[str]) -> int:
    """Learns what is missing, keeps its curves, shows a table, writes JSON and the figure."""
    asked = _parse(arguments)
    known = {} if asked.again else read_curves()
    missing = [
        replace(study, seeds=(seed,))
        for seed in asked.seeds
        for study in STUDIES
        if study.name in asked.studies and (study.name, seed) not in known
    ]
    with alone_in(BUILD / SUITE):
        train_all(missing, _keep)
    outcomes = _outcomes(read_curves())
    rows = [row for outcome in outcomes for row in _rows(outcome)]
    show_rows(rows)
    print(f"written to {write_rows(rows, SUITE)} and {draw(outcomes)}")
    return 0


def read_curves() -> Curves:
    """What is kept of the settings of today."""
    logs: Curves = {}
    settings = {study.name: _setting(study) for study in STUDIES}
    if CURVES.exists():
        for row in csv.DictReader(CURVES.read_text(encoding="utf-8").splitlines()):
            if settings.get(row["study"]) == row["setting"]:
                log = logs.setdefault((row["study"], int(row["seed"])), [])
                log.append({name: float(row[name]) for name in _NUMBERS})
    return logs


def _keep(study: Study, seed: int, log: Sequence[LogRow]) -> None:
    """Writes the file anew with this log, and without those of other settings."""
    logs = read_curves() | {(study.name, seed): list(log)}
    settings = {study.name: _setting(study) for study in STUDIES}
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for (name, seed), log in sorted(logs.items()):
        for row in log:
            numbers = (f"{row[number]:g}" for number in _NUMBERS)
            writer.writerow((name, settings[name], seed, *numbers))
    durable.replace(CURVES, file.getvalue().encode())


def draw(outcomes: Sequence[Outcome]) -> Path:
    """Mean of the seeds of each study, and each seed, by environment steps."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 3.4), layout="constrained")
    axes = figure.subplots(1, len(_PANELS), sharey=True)
    found = {outcome.study.name: outcome for outcome in outcomes}
    for panel, (title, studies) in zip(axes, _PANELS.items(), strict=True):
        for number, study in enumerate(study for study in studies if study.name in found):
            _draw_study(panel, found[study.name], f"C{number}")
        panel.axhline(GOAL, color="grey", ls=":")
        panel.set(title=title, xlabel="environment steps", ylim=(-0.02, 1.02))
        if panel.get_legend_handles_labels()[0]:
            panel.legend(frameon=False, loc="lower right")
    axes[0].set_ylabel("success, greedy")
    figure.savefig(PLOT, dpi=150)
    return PLOT


def _draw_study(axes: Axes, outcome: Outcome, color: str) -> None:
    values = np.array([[row["greedy_success"] for row in log] for log in outcome.logs])
    steps = [row["step"] for row in outcome.logs[0]]
    label = f"{outcome.study.name.partition(', ')[2]} ({len(values)})"
    axes.plot(steps, values.T, color=color, alpha=0.35, lw=1)
    axes.plot(steps, values.mean(0), "o-", ms=3, color=color, lw=2, label=label)


def _outcomes(known: Curves) -> list[Outcome]:
    outcomes: list[Outcome] = []
    for study in STUDIES:
        logs = {seed: log for (name, seed), log in sorted(known.items()) if name == study.name}
        if logs:
            outcomes.append(Outcome(replace(study, seeds=tuple(logs)), tuple(logs.values())))
    return outcomes


def _setting(study: Study) -> str:
    return digest(VERSION, _typed(study.config))


def _typed(config: Any) -> dict[str, Any]:
    """What is not as it is by default: what comes new with a version changes no study."""
    usual = type(config)()
    pairs = ((field.name, getattr(config, field.name)) for field in fields(config))
    return {
        name: _typed(value) if is_dataclass(value) else value
        for name, value in pairs
        if value != getattr(usual, name)
    }


def _rows(outcome: Outcome) -> Iterator[Row]:
    study = outcome.study
    minutes = max(log[-1]["seconds"] for log in outcome.logs) / 60
    yield from success_rows(outcome, GOAL)
    first = float(np.mean(outcome.first("greedy_success")))
    yield Row(f"{study.name}: success before practice, mean", first, "share", None, study.seeds)
    yield Row(f"{study.name}: minutes, slowest seed", minutes, "min", MINUTES, study.seeds)


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser, names = argparse.ArgumentParser(description=__doc__), [s.name for s in STUDIES]
    parser.add_argument("--studies", nargs="+", choices=names, default=names)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--again", action="store_true", help="what is known already, too")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
