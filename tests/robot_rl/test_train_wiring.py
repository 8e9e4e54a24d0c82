"""What a training makes of its parts: who acts, from where, on which data, and what a resume keeps.

Each run is as short as the property allows, and the data it leaves behind is looked at.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from robot_rl.batch import Batch
from robot_rl.config import SacConfig, TrainConfig
from robot_rl.replay import Replay
from robot_rl.run import Run
from robot_rl.sac import Metrics, Sac
from robot_rl.train import Training

POINT = TrainConfig(
    env="point",
    demonstrations=0,
    random_steps=0,
    learning_starts=0,
    evaluate_every=10_000,
    evaluation_episodes=1,
    evaluation_envs=1,
    products="float32",
    sac=SacConfig(hidden=(16, 16), batch_size=8),
)
REACH = replace(
    POINT,
    env="reach",
    demonstrations=1,
    sac=replace(POINT.sac, cloning_steps=50, learning_rate=3e-3),
)


@contextmanager
def _started(config: TrainConfig, folder: Path) -> Iterator[Training]:
    with Training(config, lambda progress: None) as training:
        training.start(Run.create(folder, config, config.seed))
        yield training


@contextmanager
def _resumed(config: TrainConfig, folder: Path) -> Iterator[Training]:
    with Training(config, lambda progress: None) as training:
        training.resume(Run.open(folder))
        yield training


def _everything(replay: Replay) -> Batch:
    return replay.gather(np.array(replay.indices))


def _are_among(rows: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Which rows are close to one of the others. Shape (rows,), bool."""
    close = np.abs(rows[:, None] - others).max(axis=-1) < 1e-6
    return close.any(axis=1)


WORLDS, EPISODE, EPISODES = 8, 4, 10


def _acted_greedily(share: float, folder: Path) -> np.ndarray:
    """Whether each action is the greedy one. Shape (EPISODES, EPISODE, WORLDS)."""
    config = replace(
        POINT,
        num_envs=WORLDS,
        options=(f"max_steps={EPISODE}", "tolerance=0"),  # No episode ends early.
        steps=WORLDS * EPISODE * EPISODES,
        learning_starts=10_000,  # The policy stays the same.
        greedy_share=share,
    )
    with _started(config, folder) as training:
        training.learn()
        done = _everything(training.learner.replay)
        greedy = training.learner.agent.act(done.observation, greedy=True)
    return np.isclose(done.action, greedy, atol=1e-5).all(1).reshape(EPISODES, EPISODE, WORLDS)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_none_or_all_of_the_episodes_are_greedy_when_asked_for(
    share: float, tmp_path: Path
) -> None:
    assert (_acted_greedily(share, tmp_path) == share).all()


def test_a_share_of_the_episodes_is_greedy_from_first_to_last_step(tmp_path: Path) -> None:
    greedy = _acted_greedily(0.5, tmp_path)
    first = greedy[:, 0]
    assert (greedy == first[:, None]).all()
    assert 0.25 < first.mean() < 0.75
    assert 0 < first.mean(0).min() <= first.mean(0).max() < 1  # No world keeps its lot.


class Remembering(Sac):
    """Keeps every batch that it learns from."""

    batches: list[Batch]

    def update(self, batch: Batch) -> Metrics:
        self.batches.append(copy.deepcopy(batch))
        return super().update(batch)


def _learned_from(config: TrainConfig, folder: Path) -> tuple[list[Batch], np.ndarray, np.ndarray]:
    """All batches of a training, and the states of what was demonstrated and done online."""
    with Training(config, lambda progress: None) as training:
        specs = training.env.observation_spec, training.env.action_spec
        training.learner.agent = agent = Remembering(*specs, config.sac)
        agent.batches = []
        training.start(Run.create(folder, config, config.seed))
        training.learn()
        both = training.learner.demonstrations, training.learner.replay
        demonstrated, online = (_everything(replay).observation["state"] for replay in both)
    return agent.batches, demonstrated, online


def test_half_of_every_batch_is_demonstrated_and_half_is_online(tmp_path: Path) -> None:
    config = replace(REACH, num_envs=4, steps=16, sac=replace(REACH.sac, cloning_steps=1))
    batches, demonstrated, online = _learned_from(config, tmp_path)
    assert len(batches) == 16 * config.sac.utd_ratio
    for batch in batches:
        state = batch.observation["state"]
        assert batch.is_demonstration.sum() == config.sac.batch_size / 2
        assert np.array_equal(_are_among(state, demonstrated), batch.is_demonstration)
        assert np.array_equal(_are_among(state, online), ~batch.is_demonstration)


def test_batches_are_of_as_many_steps_as_are_asked_for(tmp_path: Path) -> None:
    sac = replace(REACH.sac, cloning_steps=1, n_step=3)
    batches, *_ = _learned_from(replace(REACH, num_envs=4, steps=16, sac=sac), tmp_path)
    steps = np.concatenate([batch.steps[batch.is_demonstration] for batch in batches])
    assert set(steps.tolist()) <= {1, 2, 3}
    assert (steps == 3).mean() > 0.5


def test_episodes_in_which_it_succeeds_count_among_the_demonstrations(tmp_path: Path) -> None:
    config = replace(
        POINT,
        options=("max_steps=20", "tolerance=0.5"),  # Some succeed by chance, and some do not.
        num_envs=4,
        steps=400,
        learning_starts=1000,
        random_steps=1000,
        keep_successes=True,
    )
    with _started(config, tmp_path) as training:
        training.learn()
        assert training._explores  # A success by chance is nobody's demonstration.
        online, kept = map(_everything, (training.learner.replay, training.learner.demonstrations))
    with _resumed(config, tmp_path) as training:
        again = _everything(training.learner.demonstrations)
    won = online.reward > 0
    assert 0 < kept.terminated.sum() == (won & online.terminated).sum()
    assert len(kept.action) < len(online.action)
    assert kept.terminated[-1]
    np.testing.assert_array_equal(again.observation["state"], kept.observation["state"])
    assert _are_among(kept.observation["state"], online.observation["state"]).all()


@pytest.mark.parametrize(("share", "low", "high"), [(0.0, 0, 0), (0.5, 0.2, 0.8), (1.0, 1, 1)])
def test_the_asked_share_of_episodes_starts_in_demonstrated_states(
    share: float, low: float, high: float, tmp_path: Path
) -> None:
    config = replace(
        REACH, num_envs=32, steps=32, snapshot_share=share, sac=replace(POINT.sac, cloning_steps=0)
    )
    with _started(config, tmp_path) as training:
        training.learn()
        demonstrated = _everything(training.learner.demonstrations).observation["state"]
        starts = _everything(training.learner.replay).observation["state"]
    assert len(starts) == 32
    assert low <= _are_among(starts, demonstrated).mean() <= high


def test_a_resumed_run_still_starts_in_demonstrated_states(tmp_path: Path) -> None:
    config = replace(REACH, num_envs=8, steps=8, snapshot_share=1.0)
    with _started(config, tmp_path) as training:
        training.learn()
    with _resumed(replace(config, steps=16), tmp_path) as training:
        training.learn()
        demonstrated = _everything(training.learner.demonstrations).observation["state"]
        starts = _everything(training.learner.replay).observation["state"][8:]
    assert len(starts) == 8
    assert _are_among(starts, demonstrated).all()


def test_a_resumed_run_keeps_its_online_data_and_the_updates_it_owes(tmp_path: Path) -> None:
    # Two and a half updates per step of all worlds: an odd number of those leaves half a one.
    config = replace(POINT, num_envs=8, steps=24, sac=replace(POINT.sac, utd_ratio=2.5 / 8))
    longer = replace(config, steps=32)
    with _started(config, tmp_path / "interrupted") as training:
        training.learn()
        before = _everything(training.learner.replay)
        assert training.learner.agent.updates == 7
    with _resumed(longer, tmp_path / "interrupted") as training:
        after = _everything(training.learner.replay)
        assert len(training.learner.replay) == 24
        assert np.array_equal(after.action, before.action)
        assert np.array_equal(after.observation["state"], before.observation["state"])
        training.learn()
        resumed = len(training.learner.replay), training.learner.agent.updates
    with _started(longer, tmp_path / "uninterrupted") as training:
        training.learn()
        assert resumed == (len(training.learner.replay), training.learner.agent.updates) == (32, 10)


def test_a_cloned_policy_acts_like_the_demonstrations_before_it_learns(tmp_path: Path) -> None:
    with _started(REACH, tmp_path) as training:
        demonstrated = _everything(training.learner.demonstrations)
        specs = training.env.observation_spec, training.env.action_spec
        untrained = Sac(*specs, REACH.sac, REACH.seed)
        untrained.observe(demonstrated.observation)
        agent = training.learner.agent
    assert agent.has_clone

    def error(action: np.ndarray) -> float:
        return float(np.square(action - demonstrated.action).mean())

    far = error(untrained.act(demonstrated.observation, greedy=True))
    assert error(agent.act(demonstrated.observation, greedy=True)) < 0.5 * far
    assert error(agent.act_cloned(demonstrated.observation)) < 0.5 * far


def test_without_cloning_the_policy_starts_from_noise(tmp_path: Path) -> None:
    config = replace(REACH, sac=replace(REACH.sac, cloning_steps=0))
    with _started(config, tmp_path) as training:
        demonstrated = _everything(training.learner.demonstrations).observation
        assert not training.learner.agent.has_clone
        assert np.abs(training.learner.agent.act(demonstrated, greedy=True)).max() < 0.05
