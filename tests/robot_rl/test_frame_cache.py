"""What is known of a frame is computed once, and is never that of another frame."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from robot_rl.agent import Agent
from robot_rl.batch import Batch
from robot_rl.config import DrqConfig, DrqV2Config
from robot_rl.drq import Drq
from robot_rl.drqv2 import DrqV2
from robot_rl.encoder_file import write_encoder
from robot_rl.encoders import make_encoder
from robot_rl.env import Observation
from robot_rl.frame_cache import FrameCache
from robot_rl.learner import Learner
from robot_rl.replay import Replay
from robot_rl.transition import Transition
from tests.robot_rl.pixel_batches import ACTION, ACTIONS, KEYS, SPEC, batch

CONFIG = DrqConfig(hidden=(16, 16), features=8, batch_size=12, return_range=(0.0, 1.0))
V2 = DrqV2Config(hidden=(16, 16), features=8, batch_size=12, return_range=(0.0, 1.0))

pytestmark = pytest.mark.usefixtures("exact")


class Doubled:
    """Twice what is seen; counts how many it has looked at."""

    looked = 0

    def __call__(self, observation: Observation) -> Observation:
        self.looked += len(observation["state"])
        return {"twice": 2 * observation["state"]}


def test_each_frame_is_looked_at_once() -> None:
    compute = Doubled()
    cache = FrameCache(10, compute)
    frames = np.array([3, 7, 3, 12])
    seen = {"state": frames[:, None].astype(np.float32)}
    for _ in range(2):
        np.testing.assert_array_equal(cache.values(frames, seen)["twice"], 2 * seen["state"])
    assert compute.looked == 3


def test_a_frame_that_took_the_place_of_another_is_looked_at() -> None:
    cache = FrameCache(10, compute := Doubled())
    for number in (4, 14, 4, 24):  # All lie in one slot.
        seen = {"state": np.array([[number]], np.float32)}
        assert cache.values(np.array([number]), seen)["twice"] == 2 * number
    assert compute.looked == 4


def _learner(agent: Agent, capacity: int = 40) -> Learner:
    replays = Replay(SPEC, ACTIONS, capacity), Replay(SPEC, ACTIONS, capacity)
    return Learner(agent, *replays, seed=0)


def _fill(replay: Replay, seed: int, steps: int) -> None:
    """One episode of noise."""
    drawn = batch(seed, steps + 1).observation
    frames = [{key: column[row] for key, column in drawn.items()} for row in range(steps + 1)]
    for step in range(steps):
        replay.append(
            Transition(
                observation=frames[step],
                next_observation=frames[step + 1],
                action=np.zeros(ACTION, np.float32),
                policy_action=np.zeros(ACTION, np.float32),
                reward=0.0,
                terminated=False,
                truncated=step == steps - 1,
                episode=seed,
                step=step,
            )
        )


def _cloned(kind: type[Drq | DrqV2] = Drq, **settings: object) -> Drq | DrqV2:
    config = replace(CONFIG if kind is Drq else V2, **settings)
    agent = kind(SPEC, ACTIONS, config, seed=0)  # pyright: ignore[reportArgumentType]
    agent.keep_clone()
    return agent


def _require_known(drawn: Batch, agent: Agent) -> None:
    for seen in (drawn.observation, drawn.next_observation):
        wanted = agent.act_cloned({key: seen[key] for key in SPEC})
        np.testing.assert_allclose(seen["cloned_action"], wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", [Drq, DrqV2])
def test_batches_bring_what_the_clone_would_do(kind: type[Drq | DrqV2]) -> None:
    agent = _cloned(kind)
    learner = _learner(agent, capacity=20)
    _fill(learner.demonstrations, 0, 15)
    for seed in range(1, 6):  # Twice around the ring, and once more.
        _fill(learner.replay, seed, 11)
        _require_known(learner._sample(), agent)
        _require_known(learner._demonstrated(), agent)


def test_a_new_clone_is_asked_anew() -> None:
    agent = _cloned()
    learner = _learner(agent)
    _fill(learner.demonstrations, 0, 20)
    before = learner._demonstrated()
    rows, known = before.indices.copy(), before.observation["cloned_action"]
    agent.clone(batch())
    agent.keep_clone()
    learner.rng = np.random.default_rng(0)
    after = learner._demonstrated()
    np.testing.assert_array_equal(after.indices, rows)
    assert not np.allclose(after.observation["cloned_action"], known)


def test_another_replay_is_looked_at_anew() -> None:
    learner = _learner(_cloned())
    _fill(learner.demonstrations, 0, 20)
    learner._demonstrated()
    learner.demonstrations = Replay(SPEC, ACTIONS, 40)
    _fill(learner.demonstrations, 1, 20)
    _require_known(learner._demonstrated(), learner.agent)


def test_nothing_is_known_while_there_is_no_clone() -> None:
    learner = _learner(Drq(SPEC, ACTIONS, CONFIG, seed=0))
    _fill(learner.replay, 0, 20)
    assert learner._sample().observation.keys() == SPEC.keys()


@pytest.mark.parametrize("kind", [Drq, DrqV2])
def test_what_a_frozen_encoder_sees_is_kept(kind: type[Drq | DrqV2]) -> None:
    config = replace(CONFIG if kind is Drq else V2, frozen=True, shift=0)
    agent = kind(SPEC, ACTIONS, config, seed=0)  # pyright: ignore[reportArgumentType]
    learner = _learner(agent)
    _fill(learner.replay, 0, 20)
    drawn = learner._sample()
    maps = [drawn.observation[f"maps/{key}"] for key in KEYS]
    plain = {key: drawn.observation[key] for key in SPEC}
    for kept, seen in zip(maps, agent.senses(plain), strict=True):
        np.testing.assert_allclose(kept, seen.numpy(), rtol=1e-2, atol=1e-3)
    blind = {key: np.zeros_like(drawn.observation[key]) for key in KEYS}
    for kept, seen in zip(maps, agent.senses(drawn.observation | blind), strict=True):
        np.testing.assert_array_equal(kept, seen.numpy())
    agent.update(drawn)


@pytest.mark.parametrize("kind", [Drq, DrqV2])
def test_a_clone_acts_by_what_a_frozen_encoder_saw(kind: type[Drq | DrqV2]) -> None:
    torch.set_float32_matmul_precision("medium")
    agent = _cloned(kind, frozen=True, shift=0, critic_warmup=0)
    learner = _learner(agent)
    _fill(learner.replay, 0, 20)
    drawn = learner._sample()
    assert drawn.observation.keys() > {"cloned_action", *(f"maps/{key}" for key in KEYS)}
    wanted = agent.act_cloned({key: drawn.observation[key] for key in SPEC})
    np.testing.assert_allclose(drawn.observation["cloned_action"], wanted, atol=0.05)
    for _ in range(4):
        learner.update()


@pytest.mark.parametrize("kind", [Drq, DrqV2])
def test_who_acts_looks_once_with_a_frozen_encoder(kind: type[Drq | DrqV2]) -> None:
    agent = _cloned(kind, frozen=True, shift=0)
    looks: list[int] = []
    for senses in (agent.senses, agent.cloned_senses):
        for encoder in senses.encoders:
            encoder.register_forward_hook(lambda *seen: looks.append(1))
    agent.act({key: batch().observation[key] for key in SPEC})
    assert len(looks) == len(KEYS)


def test_another_encoder_sees_other_maps(tmp_path: Path) -> None:
    agent = Drq(SPEC, ACTIONS, replace(CONFIG, frozen=True, shift=0), seed=0)
    learner = _learner(agent)
    _fill(learner.replay, 0, 20)
    before = learner._sample().observation[f"maps/{KEYS[0]}"]
    agent.load_encoder(
        write_encoder(tmp_path / "eyes.weights", "small", make_encoder("small", 3), {})
    )
    learner.rng = np.random.default_rng(0)
    assert not np.allclose(learner._sample().observation[f"maps/{KEYS[0]}"], before)


def test_maps_that_no_memory_holds_are_answered() -> None:
    cache = FrameCache(10**6, lambda seen: {"maps": np.zeros((len(seen["state"]), 2**20))})
    with pytest.raises(MemoryError, match="choose a smaller capacity"):
        cache.values(np.array([0]), {"state": np.zeros((1, 1), np.float32)})


def test_a_frozen_encoder_whose_images_move_looks_every_time() -> None:
    learner = _learner(Drq(SPEC, ACTIONS, replace(CONFIG, frozen=True), seed=0))
    _fill(learner.replay, 0, 20)
    assert learner._sample().observation.keys() == SPEC.keys()
