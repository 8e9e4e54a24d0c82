"""The rules of learning from cameras: who trains what sees, what moves, what the clone keeps."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from robot_rl.agent import Metrics
from robot_rl.batch import Batch
from robot_rl.config import DrqConfig
from robot_rl.drq import Drq
from robot_rl.env import ArraySpec
from robot_rl.ranges import RangeError
from tests.robot_rl.pixel_batches import (
    ACTION,
    ACTIONS,
    IMAGE,
    KEYS,
    ROWS,
    SIZE,
    SPEC,
    VECTOR,
    batch,
    parameters,
    pointing,
    tried,
)

CONFIG = DrqConfig(hidden=(32, 32), features=16, batch_size=ROWS, return_range=(0.0, 1.0))


pytestmark = pytest.mark.usefixtures("exact")


def _agent(spec: dict[str, ArraySpec] = SPEC, **settings: Any) -> Drq:
    return Drq(spec, ACTIONS, replace(CONFIG, **settings), seed=0)


def _cloned(**settings: Any) -> Drq:
    agent = _agent(**settings)
    for seed in range(3):
        agent.clone(batch(seed))
    agent.keep_clone()
    return agent


def test_the_critics_train_what_sees() -> None:
    agent = _agent()
    for part in (agent.senses, agent.heads):
        before = parameters(part)
        agent.update(batch())
        assert not torch.equal(parameters(part), before)
        assert all(p.grad is not None and p.grad.isfinite().all() for p in part.parameters())


class Spying(Drq):
    """Notes whether the actor's loss could reach what sees."""

    reaches: bool

    def _update_actor(self, state: torch.Tensor, batch: Batch) -> Metrics:
        self.reaches = state.requires_grad
        return super()._update_actor(state, batch)


def test_the_actor_does_not() -> None:
    spying = Spying(SPEC, ACTIONS, CONFIG)
    for _ in range(CONFIG.critic_updates_per_actor_update):
        spying.update(batch())
    assert not spying.reaches
    agent = _agent()
    before = parameters(agent.senses, agent.heads, agent.critics)
    state = agent._state(batch().observation).detach()
    agent._update_actor(state, batch())
    assert torch.equal(parameters(agent.senses, agent.heads, agent.critics), before)
    assert all(p.grad is None for p in agent.senses.parameters())


def test_images_move_while_it_learns_and_not_while_it_acts() -> None:
    agent = _agent()
    seen = batch().observation
    assert torch.equal(agent._state(seen), agent._state(seen))
    assert not torch.equal(agent._state(seen, augment=True), agent._state(seen, augment=True))
    still = _agent(shift=0)
    assert torch.equal(still._state(seen, augment=True), still._state(seen))
    first, second = agent._states(seen, augment=True)
    assert torch.equal(first, second)  # Of one look; the slow heads are still the same.
    np.testing.assert_array_equal(agent.act(seen, greedy=True), agent.act(seen, greedy=True))


def test_slow_heads_follow_over_the_same_trunk() -> None:
    agent = _agent(tau=0.25)
    agent.update(batch())
    for _ in range(40):  # The critics rest, the targets do not.
        agent._follow()
    torch.testing.assert_close(parameters(agent.target_heads), parameters(agent.heads))
    before = parameters(agent.target_heads)
    agent.update(batch(1))
    moved = parameters(agent.target_heads) - before
    torch.testing.assert_close(moved, 0.25 * (parameters(agent.heads) - before))


def test_the_clone_acts_as_it_did_whatever_is_learned() -> None:
    agent = _cloned(critic_warmup=2)
    seen = batch(9).observation
    before = agent.act_cloned(seen)
    for seed in range(6):
        agent.update(batch(seed))
    np.testing.assert_array_equal(agent.act_cloned(seen), before)
    assert not np.array_equal(agent.act(seen, greedy=True), before)


def test_the_actor_stays_with_the_clone_while_the_critics_change_what_it_sees() -> None:
    agent = _cloned(critic_warmup=1000, learning_rate=1e-3)
    seen = pointing(0).observation
    wanted = agent.act_cloned(seen)
    reward = np.linspace(0, 1, 64).astype(np.float32)
    for seed in range(60):
        agent.update(pointing(seed)._replace(reward=reward, terminated=np.ones(64, bool)))
    with torch.inference_mode():
        got = agent.averaged.greedy(agent._state(seen)).numpy()
    assert np.abs(got - wanted).max() < 0.1


def test_demonstrations_are_cloned_from_what_the_camera_shows() -> None:
    agent = _agent({KEYS[0]: IMAGE}, learning_rate=1e-3)
    for seed in range(80):
        agent.clone(pointing(seed))
    agent.keep_clone()
    shown = pointing(1000)
    for act in (agent.act_cloned, lambda seen: agent.act(seen, greedy=True)):
        assert (np.sign(act(shown.observation)[:, 0]) == np.sign(shown.action[:, 0])).mean() > 0.95


def test_the_critics_learn_what_the_camera_shows() -> None:
    agent = _agent({KEYS[0]: IMAGE}, learning_rate=1e-3)
    rng = np.random.default_rng(0)
    for seed in range(200):
        agent.update(tried(seed, rng))
    shown, act = pointing(1000), agent.act
    right = np.sign(act(shown.observation, True)[:, 0]) == np.sign(shown.action[:, 0])
    assert right.mean() > 0.9


def test_a_restored_learner_goes_on_as_if_nothing_had_happened() -> None:
    agent = _cloned(critic_warmup=2)
    for seed in range(4):
        agent.update(batch(seed))
    other = _agent(critic_warmup=2)
    other.load_state_dict(agent.state_dict())
    for one in (agent, other):
        torch.manual_seed(7)
        for seed in range(4):
            one.update(batch(seed))
    seen = batch(9).observation
    np.testing.assert_array_equal(agent.act(seen, greedy=True), other.act(seen, greedy=True))
    np.testing.assert_array_equal(agent.act_cloned(seen), other.act_cloned(seen))


def test_what_acts_can_be_given_to_another() -> None:
    agent, other = _cloned(critic_warmup=2), _agent()
    for seed in range(4):
        agent.update(batch(seed))
    other.load_acting_state(agent.acting_state())
    seen = batch(9).observation
    np.testing.assert_array_equal(agent.act(seen, greedy=True), other.act(seen, greedy=True))


def test_another_robot_begins_with_the_policy_and_new_critics() -> None:
    agent, other = _cloned(critic_warmup=2), _agent()
    for seed in range(4):
        agent.update(batch(seed))
    fresh = parameters(other.critics)
    other.load_policy(agent.state_dict())
    seen = batch(9).observation
    with torch.inference_mode():
        policy = agent.averaged.greedy(agent._state(seen)).numpy()
    np.testing.assert_array_equal(other.act_cloned(seen), policy)
    assert torch.equal(parameters(other.critics), fresh)


def test_images_alone_are_enough() -> None:
    agent = _agent({KEYS[0]: IMAGE})
    agent.observe(batch().observation)
    agent.update(batch())
    assert agent.act(batch().observation).shape == (ROWS, ACTION)


@pytest.mark.parametrize("channels", [1, 4])
def test_depth_may_be_among_the_channels(channels: int) -> None:
    image = ArraySpec((SIZE, SIZE, channels), "uint8", 0, 255)
    agent = _agent({"images/front": image})
    seen = {"images/front": np.zeros((2, *image.shape), np.uint8)}
    assert agent.act(seen).shape == (2, ACTION)


def test_half_precision_learns_the_same_shapes() -> None:
    torch.set_float32_matmul_precision("medium")
    agent = _cloned(critic_warmup=1)
    before = parameters(agent.senses)
    metrics = {}
    for seed in range(4):
        metrics = agent.update(batch(seed))
    assert not torch.equal(parameters(agent.senses), before)
    assert all(np.isfinite(value) for value in metrics.values())
    assert agent.act(batch().observation).dtype == np.float32


def test_observations_without_images_are_answered() -> None:
    with pytest.raises(ValueError, match=r"these observations are state; add cameras.*sac"):
        _agent({"state": ArraySpec((VECTOR,))})


def test_a_discrete_gripper_is_refused() -> None:
    with pytest.raises(RangeError, match="gripper is discrete"):
        DrqConfig(gripper="discrete")
