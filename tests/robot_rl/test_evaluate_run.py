"""A run can be measured, filmed, reported and compared after the fact."""

from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from robot_rl.config import EvaluateConfig, SacConfig, TrainConfig
from robot_rl.evaluate_run import evaluate_run
from robot_rl.log import read_log
from robot_rl.run import Run
from robot_rl.run_report import write_run_report
from robot_rl.train import train

SHORT = TrainConfig(
    env="reach",
    demonstrations=12,
    steps=16,
    evaluation_episodes=10,
    evaluation_envs=5,
    threads=1,
    videos=True,
    sac=SacConfig(hidden=(64, 64), cloning_steps=600, learning_rate=1e-3),
)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return train(replace(SHORT, folder=tmp_path_factory.mktemp("runs") / "cloned"))


def test_a_saved_policy_does_what_it_did_when_it_was_saved(run: Run) -> None:
    measured = evaluate_run(EvaluateConfig(run=run.folder, episodes=10)).outcomes
    greedy = measured[f"{run.folder} greedy"]
    assert greedy.rate.estimate == read_log(run.folder)[-1]["greedy_success"]
    assert "95 % interval" in str(evaluate_run(EvaluateConfig(run=run.folder, episodes=5)))


def test_a_good_and_a_bad_policy_are_told_apart(run: Run, tmp_path: Path) -> None:
    lost = replace(SHORT, demonstrations=0, videos=False, folder=tmp_path / "lost")
    other = train(lost)
    config = EvaluateConfig(run=run.folder, against=other.folder, episodes=20)
    measured = evaluate_run(config)
    assert f"{run.folder} greedy is better than {other.folder} greedy" in measured.verdict


def test_a_film_can_be_watched(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "film.webp"
    evaluate_run(EvaluateConfig(run=run.folder, episodes=5, video=path))
    with Image.open(path) as film:
        assert film.size == (320, 240)
        assert getattr(film, "n_frames", 1) > 10


def test_the_report_shows_curves_films_and_the_floor(run: Run) -> None:
    page = write_run_report(run, "Reach").read_text(encoding="utf-8")
    assert (run.folder / "report.json").exists()
    for text in ("Reach", "behaviour cloning", "success, untrained", "image/webp", "minutes"):
        assert text in page
    films = [page.index(f"{title}</") for title in ("Untrained", "After 0 environment steps")]
    assert films == sorted(films)


def test_the_log_says_what_demonstrations_brought(run: Run) -> None:
    first = read_log(run.folder)[0]
    assert first["untrained_success"] < first["cloned_success"]
