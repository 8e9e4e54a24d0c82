"""Learning from two cameras and proprioception, without the state of any object.

``python -m benchmarks.from_cameras``: the parts of the pictures where something happens, drawn with
48 x 48 pixels, 50 scripted demonstrations whose script strays, sparse reward; DrQ and DrQ-v2, three
seeds, one core for each run; and what becomes of it without moving the images, and without
demonstrations. Greedy success of 100 episodes, means of the last three evaluations. Writes
``build/from_cameras.json``, and curves to ``build/from_cameras/report.html``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from benchmarks.learning import Outcome, Study, chosen_of, success_rows, tell, train_all
from benchmarks.table import Row
from robot_rl.config import DrqConfig, DrqV2Config, TrainConfig

SUITE = "from_cameras"
GOAL, MINUTES = 0.9, 45.0
"""Success that is aimed at, and the time that it may take."""
SEEN = ("cameras=front,wrist", "image_size=48", "privileged=False", "relative_frame=True")
PEG_CROP = "crop=front:0.28:0.31:0.78:0.81,wrist:0.36:0.46:0.64:0.74"
"""The wrist's is narrow: the hole is half a millimetre wider than the peg on each side."""
PICK_CROP = "crop=front:0.28:0.27:0.78:0.77,wrist:0.25:0.36:0.75:0.86"
DRQ = DrqConfig(batch_size=64, shift=2)
V2 = DrqV2Config(
    batch_size=64, shift=2, utd_ratio=1.0, encoder="small", head="categorical", layer_norm=True
)
"""With what made DrQ-v2 good with demonstrations besides; its encoder would take all the time."""
PEG = TrainConfig(
    algorithm="drq",
    env="peg_insert",
    options=(*SEEN, PEG_CROP),
    steps=8_000,
    demonstrations=50,
    demonstration_noise=0.3,
    capacity=20_000,
    evaluate_every=1_000,
    drq=DRQ,
)
PICK = replace(PEG, env="pick_cube", options=(*SEEN, PICK_CROP))


def _by_v2(config: TrainConfig) -> TrainConfig:
    return replace(config, algorithm="drqv2", drq=DrqConfig(), drqv2=V2)


STUDIES = (
    Study("peg_insert, DrQ", PEG, suite=SUITE),
    Study(
        "peg_insert, DrQ-v2",
        replace(PEG, algorithm="drqv2", drq=DrqConfig(), drqv2=V2),
        suite=SUITE,
    ),
    Study("pick_cube, DrQ", PICK, suite=SUITE),
    Study(
        "pick_cube, DrQ-v2",
        replace(PICK, algorithm="drqv2", drq=DrqConfig(), drqv2=V2),
        suite=SUITE,
    ),
    Study("peg_insert, DrQ, images stay", replace(PEG, drq=replace(DRQ, shift=0)), suite=SUITE),
    Study("peg_insert, DrQ, no demonstrations", replace(PEG, demonstrations=0), suite=SUITE),
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
