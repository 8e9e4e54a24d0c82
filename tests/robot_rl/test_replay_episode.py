"""Recorded actions, sent again from the recorded start, give the recorded episode bit for bit."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from robot_rl.config import ReplayConfig
from robot_rl.demonstrations import record, schema_of
from robot_rl.environments import make_env
from robot_rl.episodes import Episodes
from robot_rl.metadata import Metadata
from robot_rl.replay_episode import replay_episode
from robot_rl.transition import WorldIds, split_step


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("datasets") / "peg_insert"
    options = ["clearance=0.002"]
    with make_env("peg_insert", 1, 3, clearance=0.002) as env:
        record(env, Episodes(folder, schema_of(env, "peg_insert", options)), 2, seed=3)
    return folder


@pytest.mark.parametrize("episode", [0, 1])
def test_a_contact_rich_episode_repeats_bit_for_bit(dataset: Path, episode: int) -> None:
    replayed = replay_episode(ReplayConfig(dataset, episode))
    assert replayed.steps == len(Episodes(dataset)[episode])
    assert replayed.deviation == 0
    assert replayed.success
    assert replayed.as_recorded


def test_other_actions_deviate_and_the_number_says_so(dataset: Path, tmp_path: Path) -> None:
    store = Episodes(dataset)
    changed = Episodes(tmp_path / "changed", store.schema)
    with changed.writer(Metadata(task="peg_insert")) as writer:
        for transition in store[0].transitions():
            writer.add(replace(transition, action=-transition.action))
    replayed = replay_episode(ReplayConfig(changed.path))
    assert replayed.deviation > 0.01
    assert not replayed.as_recorded
    assert "recorded success, now failure" in str(replayed)


def test_it_can_be_filmed(dataset: Path, tmp_path: Path) -> None:
    film = tmp_path / "film.webp"
    replay_episode(ReplayConfig(dataset, video=film))
    assert film.stat().st_size > 1000


def test_an_episode_without_simulator_states_is_answered(tmp_path: Path) -> None:
    with make_env("point", 1, max_steps=3) as env:
        store = Episodes(tmp_path / "point", schema_of(env, "point", ["max_steps=3"]))
        ids, step = WorldIds(1), env.reset(seed=0)
        with store.writer(Metadata(task="point")) as writer:
            done = False
            while not done:
                action = np.zeros((1, 2), np.float32)
                after = env.step(action)
                for transition in split_step(ids, step.observation, action, after):
                    writer.add(transition)
                ids.advance(after.done)
                step, done = after, bool(after.done[0])
    with pytest.raises(TypeError, match="point episodes hold no simulator state to go back to"):
        replay_episode(ReplayConfig(store.path))
