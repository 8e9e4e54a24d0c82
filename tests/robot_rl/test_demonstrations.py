"""Scripted demonstrations succeed, are durable, and can be started from."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from robot_rl.config import TrainConfig
from robot_rl.demonstrations import (
    load_or_record,
    record,
    schema_of,
    start_from_demonstrations,
    summarise,
)
from robot_rl.environments import make_env
from robot_rl.episodes import Episodes
from robot_rl.schema import SchemaError
from robot_rl.transition import SIMULATOR_STATE

REACH = TrainConfig(env="reach", demonstrations=3)


def test_it_records_what_was_asked_for(tmp_path: Path) -> None:
    with make_env("reach", 1) as env:
        store = Episodes(tmp_path / "reach", schema_of(env, "reach", ()))
        recorded = record(env, store, 3, operator="nobody")
    assert recorded.successes == len(store) == 3
    for episode in store:
        assert episode.metadata.success
        assert episode.metadata.operator == "nobody"
        assert len(episode.extra[SIMULATOR_STATE]) == len(episode)
        assert episode.reward.sum() == 1
        assert {t.source for t in episode.transitions()} == {"demo"}


def test_the_same_seed_records_the_same(tmp_path: Path) -> None:
    first, second = (load_or_record(REACH, tmp_path / name) for name in ("a", "b"))
    for one, other in zip(first, second, strict=True):
        assert np.array_equal(one.action, other.action)


def test_a_second_call_takes_what_is_there(tmp_path: Path) -> None:
    load_or_record(REACH, tmp_path)
    before = Episodes(tmp_path).paths
    more = load_or_record(replace(REACH, demonstrations=4), tmp_path)
    assert len(more) == 4
    assert Episodes(tmp_path).paths[:3] == before


def _actions(store: Episodes) -> set[bytes]:
    return {episode.action.tobytes() for episode in store}


def test_recording_again_with_the_same_seed_records_others(tmp_path: Path) -> None:
    with make_env("reach", 1) as env:
        store = Episodes(tmp_path, schema_of(env, "reach", ()))
        for _ in range(3):
            record(env, store, 2, seed=5)
    starts = {episode.observation["state"][0].tobytes() for episode in store}
    assert len(store) == len(starts) == len(_actions(store)) == 6


def test_more_demonstrations_repeat_none_of_those_that_are_there(tmp_path: Path) -> None:
    for wanted in (2, 4):
        load_or_record(replace(REACH, demonstrations=wanted), tmp_path)
    assert len(_actions(Episodes(tmp_path))) == 4


def test_the_first_recording_does_not_depend_on_what_comes_later(tmp_path: Path) -> None:
    for name, numbers in (("once", (2,)), ("twice", (2, 1))):
        with make_env("reach", 1) as env:
            store = Episodes(tmp_path / name, schema_of(env, "reach", ()))
            for number in numbers:
                record(env, store, number, seed=5)
    assert _actions(Episodes(tmp_path / "once")) < _actions(Episodes(tmp_path / "twice"))


def test_it_trembles_as_much_as_it_was_asked_to(tmp_path: Path) -> None:
    def jerks(noise: float) -> float:
        config = replace(REACH, demonstration_noise=noise)
        episodes = load_or_record(config, tmp_path / f"{noise}")
        assert {episode.metadata.config["noise"] for episode in episodes} == {noise}
        return float(np.mean([np.abs(np.diff(e.action, axis=0)).mean() for e in episodes]))

    assert jerks(0.3) > 2 * jerks(0.0)


def test_an_episode_says_how_it_was_recorded(tmp_path: Path) -> None:
    options = ("dense=True",)
    with make_env("reach", 1, dense=True) as env:
        store = Episodes(tmp_path, schema_of(env, "reach", options))
        record(env, store, 1, seed=5, noise=0.05)
    [metadata] = store.metadata()
    assert metadata.config == {"options": ["dense=True"], "seed": 5, "noise": 0.05}
    assert metadata.robot_serial == "simulated"


@pytest.mark.parametrize(
    ("num_envs", "successes", "noise", "answer"),
    [
        (1, 0, 0.1, "successes is 0; give at least 1"),
        (1, -2, 0.1, "successes is -2; give at least 1"),
        (1, 1, -1.0, "noise is -1.0; give at least 0"),
        (1, 1, np.nan, "noise is nan; give at least 0"),
        (2, 1, 0.1, "num_envs is 2; give 1"),
    ],
)
def test_numbers_without_sense_are_refused(
    tmp_path: Path, num_envs: int, successes: int, noise: float, answer: str
) -> None:
    with make_env("reach", num_envs) as env:
        store = Episodes(tmp_path, schema_of(env, "reach", ()))
        with pytest.raises(ValueError, match=answer):
            record(env, store, successes, noise)


def test_a_dataset_of_another_task_is_refused_with_the_difference(tmp_path: Path) -> None:
    load_or_record(REACH, tmp_path)
    with pytest.raises(SchemaError, match=r"holds reach, you asked for peg_insert(.|\n)*state"):
        load_or_record(TrainConfig(env="peg_insert", dataset=tmp_path), tmp_path / "unused")


def test_a_dataset_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no episode store"):
        load_or_record(replace(REACH, dataset=tmp_path / "nothing"), tmp_path)
    assert not (tmp_path / "nothing").exists()


def test_an_environment_without_an_expert_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=r"^point has no scripted expert; add --demonstrations 0 "):
        load_or_record(TrainConfig(env="point"), tmp_path / "new")
    assert not (tmp_path / "new").exists()
    with make_env("point", 1) as env:
        store = Episodes(tmp_path, schema_of(env, "point", ()))
        with pytest.raises(
            TypeError, match=r"^point has no scripted expert; choose reach, .* push"
        ):
            record(env, store, 1)


def test_an_expert_that_always_fails_is_given_up(tmp_path: Path) -> None:
    with make_env("peg_insert", 1, insertion_depth=0.2) as env:
        store = Episodes(tmp_path, schema_of(env, "peg_insert", ()))
        with pytest.raises(RuntimeError, match="failed in 21 of 21 episodes; lower the noise"):
            record(env, store, 1, noise=0.0)


def test_episodes_can_start_in_demonstrated_states(tmp_path: Path) -> None:
    episodes = load_or_record(REACH, tmp_path)
    states = np.concatenate([episode.observation["state"][:-1] for episode in episodes])
    with make_env("reach", 4) as env:
        start_from_demonstrations(env, episodes, share=1.0)
        starts = env.reset(seed=5).observation["state"]
    nearest = np.abs(states[:, :3][None] - starts[:, None, :3]).max(-1).min(-1)
    assert nearest.max() < 1e-6


def test_an_environment_without_states_cannot_start_from_them() -> None:
    with make_env("point", 1) as env, pytest.raises(TypeError, match="snapshot_share to 0"):
        start_from_demonstrations(env, [], 0.5)


def test_the_summary_counts_and_averages(tmp_path: Path) -> None:
    episodes = load_or_record(REACH, tmp_path)
    mean = float(np.mean([len(episode) for episode in episodes]))
    assert summarise(episodes) == {"demonstrations": 3, "demonstration_length": mean}
