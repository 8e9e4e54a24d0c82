"""What a robot has recorded is imitated where there is no world of it, and judged by the rest."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from robot_rl.chunk_config import RegressionConfig
from robot_rl.cli import main
from robot_rl.config import EvaluateConfig, ImitateConfig
from robot_rl.demonstrations import record, schema_of
from robot_rl.detour import DetourEnv
from robot_rl.episodes import Episodes
from robot_rl.evaluate_run import evaluate_run
from robot_rl.held_out import HeldOut, hold_out
from robot_rl.imitation import imitate, reported, resume_imitation
from robot_rl.log import read_log
from robot_rl.policy import Policy
from robot_rl.ranges import RangeError
from robot_rl.run import Run
from tests.robot_rl.remembers import Remembers

CONFIG = ImitateConfig(
    env="robot",
    dataset=Path("none"),
    policy="regression",
    updates=120,
    evaluate_every=20,
    products="float32",
    regression=RegressionConfig(horizon=8, steps=4, hidden=(64, 64), batch_size=64, warmup=5),
)

pytestmark = pytest.mark.usefixtures("exact")


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Episodes:
    """A dataset that says of itself that it is a robot's."""
    with DetourEnv() as env:
        schema = replace(schema_of(env, "robot", ()), contract={"options": ["task=detour"]})
        store = Episodes(tmp_path_factory.mktemp("data") / "data", schema)
        record(env, store, 12)
    return store


@pytest.fixture(scope="module")
def run(recorded: Episodes, tmp_path_factory: pytest.TempPathFactory) -> Run:
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("run") / "run"
    return imitate(replace(CONFIG, dataset=recorded.path, folder=folder))


def test_its_error_where_it_has_not_learned_falls(run: Run) -> None:
    errors = [row["greedy_error"] for row in read_log(run.folder)]
    assert len(errors) == 6
    assert errors[-1] < 0.7 * errors[0]
    assert "greedy_success" not in read_log(run.folder)[-1]


def test_its_policy_is_one_for_a_robot_and_goes_on(run: Run, recorded: Episodes) -> None:
    policy = Policy.of_run(run.folder)
    assert (policy.schema.env, policy.task) == ("robot", "detour")
    seen = {"state": recorded[0].observation["state"][:1]}
    assert policy.act(seen).shape == (1, 2)
    resume_imitation(run.folder, 140)
    assert read_log(run.folder)[-1]["step"] == 140


def test_one_in_ten_is_held_out(recorded: Episodes) -> None:
    episodes = list(recorded)
    learned, held = hold_out(episodes)
    assert [len(learned), len(held)] == [10, 2]
    assert not {e.metadata.uuid for e in learned} & {e.metadata.uuid for e in held}
    assert hold_out(episodes[:1]) == (episodes[:1], episodes[:1])


def test_the_error_is_that_of_every_action_and_a_takeover_begins_anew(recorded: Episodes) -> None:
    episode = replace(recorded[0], intervened=np.arange(len(recorded[0])) == 1)
    still = Remembers()
    with HeldOut([episode]) as judge:
        found = judge.measure("greedy", still)
    assert found == {"greedy_error": pytest.approx(np.sqrt((episode.action**2).mean()))}
    assert still.told[:4] == [[True], [False], [True], [False]]


def test_what_there_is_no_world_for_is_refused(run: Run, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="let it act there: robot-rl deploy"):
        evaluate_run(EvaluateConfig(run.folder))
    with pytest.raises(RangeError, match="give --dataset DATASET with what was recorded there"):
        ImitateConfig(env="robot")
    with pytest.raises(RangeError, match="options is of simulated worlds"):
        ImitateConfig(env="robot", dataset=tmp_path, options=("leash=2",))
    with pytest.raises(RangeError, match="videos is of simulated"):
        ImitateConfig(env="robot", dataset=tmp_path, videos=True)
    with pytest.raises(RangeError, match="evaluation_episodes is of simulated"):
        ImitateConfig(env="robot", dataset=tmp_path, evaluation_episodes=7)
    with pytest.raises(RangeError, match="evaluation_envs is of simulated"):
        ImitateConfig(env="robot", dataset=tmp_path, evaluation_envs=7)


def test_from_the_command_line(
    recorded: Episodes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["imitate", "--env", "robot", "--dataset", str(recorded.path)]
    words += ["--folder", str(tmp_path / "run"), "--updates", "2", "--policy", "regression"]
    assert main(words) == 0
    said = capsys.readouterr().out
    error = reported(read_log(tmp_path / "run"), "greedy_error")
    assert f"error of the actions in episodes that were held out {error:.4g}" in said
