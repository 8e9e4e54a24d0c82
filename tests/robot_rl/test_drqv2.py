"""DrQ-v2 against the sizes and rules of its paper, and what demonstrations add."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from robot_rl.agent import Metrics
from robot_rl.batch import Batch
from robot_rl.config import DrqV2Config
from robot_rl.drqv2 import DrqV2
from robot_rl.env import ArraySpec
from robot_rl.networks import ScalarHead
from tests.robot_rl.pixel_batches import (
    ACTION,
    ACTIONS,
    IMAGE,
    KEYS,
    ROWS,
    SPEC,
    batch,
    parameters,
    pointing,
    tried,
)

CONFIG = DrqV2Config(encoder="small", hidden=(32, 32), features=16, batch_size=ROWS)


pytestmark = pytest.mark.usefixtures("exact")


def _agent(spec: dict[str, ArraySpec] = SPEC, **settings: Any) -> DrqV2:
    return DrqV2(spec, ACTIONS, replace(CONFIG, **settings), seed=0)


def _mean(agent: DrqV2, seed: int = 9) -> np.ndarray:
    return agent.act(batch(seed).observation, greedy=True)


def _say(agent: DrqV2, *values: float) -> None:
    """Lets each target critic say its own number wherever it is asked."""
    with torch.no_grad():
        agent.target_critics.last.weight.zero_()
        agent.target_critics.last.bias.copy_(torch.tensor(values).view(2, 1, 1))


def test_with_its_defaults_it_has_the_published_sizes() -> None:
    """Counted in the published code for 84 x 84 x 9 pixels and 6 actions."""
    spec = {"images/front": ArraySpec((84, 84, 9), "uint8", 0, 255)}
    agent = DrqV2(spec, ArraySpec((6,), low=-1, high=1))
    encoder = 9 * 32 * 9 + 32 + 3 * (32 * 32 * 9 + 32)
    head = 39_200 * 50 + 50 + 2 * 50
    actor = 50 * 1024 + 1024 + 1024 * 1024 + 1024 + 1024 * 6 + 6
    critic = 56 * 1024 + 1024 + 1024 * 1024 + 1024 + 1024 + 1
    assert len(parameters(agent.senses)) == encoder
    assert len(parameters(agent.heads)) == len(parameters(agent.critic_heads)) == head
    assert len(parameters(agent.actor)) == actor
    assert len(parameters(agent.critics)) == 2 * critic
    assert isinstance(agent.critics.head, ScalarHead)


def test_a_target_is_what_was_paid_and_the_lower_value_of_what_came_then() -> None:
    agent = _agent(discount=0.9)
    _say(agent, 2.0, 3.0)
    end = np.arange(ROWS) == 0
    steps = np.arange(ROWS) % 3 + 1
    reward = np.full(ROWS, 0.25, np.float32)
    target, _ = agent._target(batch(reward=reward, steps=steps, terminated=end))
    assert target[0].item() == 0.25
    assert target[1:].tolist() == pytest.approx((0.25 + 2 * 0.9 ** steps[1:]).tolist())


def test_noise_falls_with_the_steps_of_the_environment() -> None:
    agent = _agent(noise=(1.0, 0.1), noise_steps=1000, utd_ratio=0.5)
    for updates, noise in ((0, 1.0), (250, 0.55), (500, 0.1), (5000, 0.1)):
        agent.updates = updates
        assert agent.noise == pytest.approx(noise)
    agent.updates, agent.has_clone = 0, True
    assert agent.noise == 0.1, "a clone would drown in the first"


def test_noise_is_clipped_in_updates_and_not_while_it_acts() -> None:
    agent = _agent(noise=(2.0, 2.0), noise_clip=0.3)
    mean = torch.zeros(4000, ACTION, requires_grad=True)
    noisy = agent._noisy(mean)
    assert noisy.abs().max().item() == pytest.approx(0.3)
    noisy.sum().backward()
    assert mean.grad is not None
    assert (mean.grad == 1).all()
    seen = batch(9, rows=256).observation
    acted = agent.act(seen) - agent.act(seen, greedy=True)
    assert np.abs(acted).max() > 0.6
    assert np.abs(agent.act(seen)).max() <= 1
    some = np.arange(256) < 100
    same = agent.act(seen, some) == agent.act(seen, greedy=True)
    assert same[:100].all()
    assert not same[100:].all()
    still = agent.act(seen, exploration=0.0)
    np.testing.assert_array_equal(still, agent.act(seen, greedy=True))


def test_actions_at_the_bounds_stay_inside_and_keep_their_gradient() -> None:
    agent = _agent()
    mean = torch.ones(100, ACTION, requires_grad=True)
    noisy = agent._noisy(mean)
    assert noisy.abs().max() < 1
    noisy.sum().backward()
    assert mean.grad is not None
    assert (mean.grad == 1).all()


def test_critics_train_the_encoder_and_the_actor_does_not() -> None:
    agent = _agent()
    acting = agent.heads, agent.actor
    judging = agent.senses, agent.critic_heads, agent.critics
    before = parameters(*judging), parameters(*acting)
    maps = agent.senses(batch().observation, augment=True)
    agent._update_critics(maps, batch(reward=np.ones(ROWS, np.float32)))
    after = parameters(*judging)
    assert not torch.equal(after, before[0])
    assert torch.equal(parameters(*acting), before[1])
    agent._update_actor([one.detach() for one in maps], batch())
    assert all(not one.requires_grad for one in _given_to_the_actor())
    assert torch.equal(parameters(*judging), after)
    assert not torch.equal(parameters(*acting), before[1])


def _given_to_the_actor() -> list[torch.Tensor]:
    """The maps that a whole update gives to the actor's."""
    given: list[torch.Tensor] = []

    class Spying(DrqV2):
        def _update_actor(self, maps: list[torch.Tensor], batch: Batch) -> Metrics:
            given.extend(maps)
            return super()._update_actor(maps, batch)

    Spying(SPEC, ACTIONS, CONFIG).update(batch())
    assert given
    return given


def test_a_cloned_actor_imitates_alone_until_the_critics_are_warm() -> None:
    shown = np.ones(ROWS, bool)

    def learned(cloned: bool, updates: int, sign: float) -> torch.Tensor:
        """With critics that say the one or the opposite."""
        agent = _agent(critic_warmup=2)
        agent.has_clone, agent.updates = cloned, updates
        with torch.no_grad():
            agent.critics.last.weight.mul_(sign)
        torch.manual_seed(1)
        given = batch(is_demonstration=shown)
        agent._update_actor(agent.senses(given.observation), given)
        return parameters(agent.actor)

    assert torch.equal(learned(True, 2, 1), learned(True, 2, -1))
    assert not torch.equal(learned(True, 3, 1), learned(True, 3, -1))
    assert not torch.equal(learned(False, 0, 1), learned(False, 0, -1))


def test_whoever_acts_knows_how_far_the_noise_has_fallen() -> None:
    agent, other = _agent(noise_steps=100), _agent(noise_steps=100)
    agent.updates = 40
    other.load_acting_state(agent.acting_state())
    assert other.noise == agent.noise < 1


def test_targets_follow_slowly() -> None:
    agent = _agent(tau=0.25)
    before = parameters(agent.target_critics, agent.target_heads)
    agent.update(batch())
    moved = parameters(agent.target_critics, agent.target_heads) - before
    wanted = 0.25 * (parameters(agent.critics, agent.critic_heads) - before)
    torch.testing.assert_close(moved, wanted)


def test_only_demonstrated_actions_are_imitated() -> None:
    shown = np.arange(ROWS) < 4
    once = batch(is_demonstration=shown)
    other = once._replace(action=np.where(shown[:, None], once.action, 0.5).astype(np.float32))

    def learned(weight: float, given: Any) -> torch.Tensor:
        agent = _agent(imitation_weight=weight)
        torch.manual_seed(1)
        maps = agent.senses(given.observation)
        agent._update_actor(maps, given)
        return parameters(agent.actor)

    assert torch.equal(learned(1.0, once), learned(1.0, other))
    assert not torch.equal(learned(1.0, once), learned(0.0, once))
    nothing = batch()
    assert torch.equal(learned(1.0, nothing), learned(0.0, nothing))


def test_the_encoder_keeps_what_imitation_sees_by() -> None:
    shown = np.arange(ROWS) < 4

    def learned(given: Any, **settings: Any) -> torch.Tensor:
        agent = _agent(**settings)
        torch.manual_seed(1)
        before = parameters(agent.actor, agent.heads)
        agent._update_critics(agent.senses(given.observation), given)
        assert torch.equal(parameters(agent.actor, agent.heads), before)
        return parameters(agent.senses)

    once, nothing = batch(is_demonstration=shown), batch()
    alone = {"imitation_trains_encoder": False}
    assert not torch.equal(learned(once), learned(once, **alone))
    assert torch.equal(learned(once, imitation_weight=0.0), learned(once, **alone))
    assert torch.equal(learned(nothing), learned(nothing, **alone))


def test_its_critics_may_predict_a_histogram() -> None:
    histogram = {"head": "categorical", "return_range": (0.0, 1.0), "layer_norm": True}
    agent = _agent({KEYS[0]: IMAGE}, learning_rate=1e-3, **histogram)
    rng = np.random.default_rng(0)
    for seed in range(150):
        agent.update(tried(seed, rng, rows=64))
    seen, action = pointing(1000).observation, torch.as_tensor(pointing(1000).action)
    with torch.no_grad():
        state = agent.senses.reduce(agent.critic_heads, agent.senses(seen), seen)
        right, wrong = (agent.critics.value(state, a).amin(0) for a in (action, -action))
    assert (right > wrong).float().mean() > 0.9
    assert 0 <= wrong.min() <= right.max() <= 1
