"""How far corrections lift a policy that stays as it is.

``python -m benchmarks.residual``: a diffusion policy that has imitated a few demonstrations of a
peg with half a millimetre to spare, and succeeds in a part of the episodes; then ``--algorithm
residual`` on top of it, with the same demonstrations, three seeds, one core for each run. Greedy
success of 100 episodes: of the base, in the end, and at worst on the way. Bases are not trained
twice. Writes ``build/residual.json``, and curves to ``build/residual/report.html``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.imitation import imitated
from benchmarks.learning import GOAL, Outcome, Study, chosen_of, success_rows, tell, train_all
from benchmarks.table import BUILD, Row
from robot_rl.config import ImitateConfig, TrainConfig
from robot_rl.environments import BASE
from robot_rl.train import DEMONSTRATIONS

SUITE = "residual"
KEPT = 0.05
"""How far below its base it may be on the way, as a share of the episodes."""
PEG = ("clearance=0.0005",)
BASES = ImitateConfig(
    env="peg_insert", options=PEG, demonstrations=20, updates=3_000, evaluate_every=1_000
)
RESIDUAL = TrainConfig(
    algorithm="residual", env="peg_insert", options=PEG, steps=15_000, evaluate_every=1_500
)


@dataclass(frozen=True)
class Corrected(Study):
    """One setting of corrections, each seed on top of a base of its own."""

    base: ImitateConfig = BASES

    def config_of(self, seed: int) -> TrainConfig:
        """Of the run of one seed; its base is there then."""
        usual, base = super().config_of(seed), self._base(seed)
        shown = base / DEMONSTRATIONS
        return replace(usual, options=(*usual.options, f"{BASE}={base}"), dataset=shown)

    def _base(self, seed: int) -> Path:
        folder = BUILD / SUITE / f"base-{seed}"
        return imitated(replace(self.base, seed=seed, folder=folder)).resolve()


STUDIES = (Corrected("peg_insert, residual", RESIDUAL, suite=SUITE),)


def main() -> None:
    """Trains what is asked for, prints the table, writes JSON and report."""
    outcomes = train_all(chosen_of(STUDIES, __doc__))
    rows = [row for outcome in outcomes for row in _rows(outcome)]
    tell(outcomes, rows, SUITE, "Corrections of a policy that stays")


def _rows(outcome: Outcome) -> Iterator[Row]:
    name, seeds = outcome.study.name, outcome.study.seeds
    bases = outcome.first("cloned_success")
    worst = min(
        row["greedy_success"] - base
        for log, base in zip(outcome.logs, bases, strict=True)
        for row in log
    )
    base = sum(bases) / len(bases)
    yield Row(f"{name}: success of its base, mean of seeds", base, "share", None, seeds)
    yield from success_rows(outcome, GOAL)
    yield Row(f"{name}: above its base at its worst evaluation", worst, "share", -KEPT, seeds)


if __name__ == "__main__":
    main()
