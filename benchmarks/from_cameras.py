"""Learning from two cameras and proprioception, without the state of any object.

``python -m benchmarks.from_cameras``: images of 64 x 64 pixels, 50 scripted demonstrations, sparse
reward; DrQ and DrQ-v2, three seeds, one core for each run; and what becomes of it without moving
the images, and without demonstrations. Greedy success of 100 episodes, means of the last three
evaluations. Writes ``build/from_cameras.json``, and curves to ``build/from_cameras/report.html``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from benchmarks.learning import Outcome, Study, chosen_of, success_rows, tell, train_all
from benchmarks.table import Row
from robot_rl.config import DrqV2Config, TrainConfig

SUITE = "from_cameras"
GOAL, MINUTES = 0.9, 45.0
"""Success that is aimed at, and the time that it may take."""
DRQ = TrainConfig(
    algorithm="drq",
    env="peg_insert",
    options=("cameras=front,wrist", "image_size=64", "privileged=False"),
    steps=15_000,
    demonstrations=50,
    capacity=40_000,
    evaluate_every=1_500,
)
V2 = replace(DRQ, algorithm="drqv2", drqv2=DrqV2Config(utd_ratio=1.0))
STUDIES = (
    Study("peg_insert, DrQ", DRQ, suite=SUITE),
    Study("peg_insert, DrQ-v2", V2, suite=SUITE),
    Study("pick_cube, DrQ", replace(DRQ, env="pick_cube"), suite=SUITE),
    Study("pick_cube, DrQ-v2", replace(V2, env="pick_cube"), suite=SUITE),
    Study("peg_insert, DrQ, images stay", replace(DRQ, drq=replace(DRQ.drq, shift=0)), suite=SUITE),
    Study("peg_insert, DrQ, no demonstrations", replace(DRQ, demonstrations=0), suite=SUITE),
)


def main() -> None:
    """Trains what is asked for, prints the table, writes JSON and report."""
    outcomes = train_all(chosen_of(STUDIES, __doc__))
    rows = [row for outcome in outcomes for row in _rows(outcome)]
    tell(outcomes, rows, SUITE, "Learning from cameras")


def _rows(outcome: Outcome) -> Iterator[Row]:
    study = outcome.study
    minutes = max(log[-1]["seconds"] for log in outcome.logs) / 60
    yield from success_rows(outcome, GOAL)
    yield Row(f"{study.name}: minutes, slowest seed", minutes, "min", MINUTES, study.seeds)


if __name__ == "__main__":
    main()
