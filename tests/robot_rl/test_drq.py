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
    ACTIONS,
    ROWS,
    SPEC,
    batch,
    parameters,
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


def test_a_discrete_gripper_is_refused() -> None:
    with pytest.raises(RangeError, match="gripper is discrete"):
        DrqConfig(gripper="discrete")
