"""What is seen next is learned from what is seen now and the action, where that is asked for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from robot_rl.config import DrqConfig, DrqV2Config
from robot_rl.drq import Drq
from robot_rl.drqv2 import DrqV2
from robot_rl.self_prediction import SelfPrediction
from tests.robot_rl.pixel_batches import ACTIONS, SPEC, batch, parameters

SETTINGS: dict[str, Any] = {
    "encoder": "small",
    "hidden": (16, 16),
    "features": 8,
    "batch_size": 16,
    "learning_rate": 1e-3,
    "shift": 0,
}
AGENTS = {Drq: DrqConfig(**SETTINGS, return_range=(0.0, 1.0)), DrqV2: DrqV2Config(**SETTINGS)}

pytestmark = pytest.mark.usefixtures("exact")


def test_the_loss_is_one_less_the_cosine() -> None:
    torch.manual_seed(0)
    prediction = SelfPrediction(3, 2, 1.0)
    state, action, following = torch.randn(5, 3), torch.randn(5, 2), torch.randn(5, 3)
    told = prediction.layers(torch.cat([state, action], 1)).detach().numpy()
    wanted = following.numpy()
    cosine = (told * wanted).sum(1) / np.linalg.norm(told, axis=1) / np.linalg.norm(wanted, axis=1)
    loss = prediction(state, action, following)
    assert loss.item() == pytest.approx(1 - cosine.mean(), abs=1e-6)
    longer = prediction(state, action, 10 * following)
    assert longer.item() == pytest.approx(loss.item(), abs=1e-6)


def _agent(kind: type[Drq | DrqV2], weight: float) -> Drq | DrqV2:
    config = replace(AGENTS[kind], self_prediction=weight)
    return kind(SPEC, ACTIONS, config, seed=0)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("kind", AGENTS)
def test_it_is_off_unless_asked_for(kind: type[Drq | DrqV2]) -> None:
    agent = _agent(kind, 0.0)
    assert agent.predictor is None
    assert "self_prediction" not in agent.update(batch())


@pytest.mark.parametrize("kind", AGENTS)
def test_what_follows_is_told_better_and_better(kind: type[Drq | DrqV2]) -> None:
    agent, moves = _agent(kind, 1.0), batch()
    first = last = agent.update(moves)["self_prediction"]
    for _ in range(60):
        last = agent.update(moves)["self_prediction"]
    assert last < 0.5 * first


@pytest.mark.parametrize("kind", AGENTS)
def test_it_trains_what_sees_and_nothing_that_it_aims_at(kind: type[Drq | DrqV2]) -> None:
    agent, without = _agent(kind, 1.0), _agent(kind, 0.0)
    for one in (agent, without):
        torch.manual_seed(3)
        one.update(batch())
    assert not torch.equal(parameters(agent.senses), parameters(without.senses))
    state, action, following = (torch.randn(4, size, requires_grad=True) for size in (3, 2, 3))
    SelfPrediction(3, 2, 1.0)(state, action, following).backward()
    assert state.grad is not None
    assert following.grad is None


@pytest.mark.parametrize("kind", AGENTS)
def test_it_goes_on_after_a_restart(kind: type[Drq | DrqV2]) -> None:
    agent, other = _agent(kind, 0.5), _agent(kind, 0.5)
    for seed in range(3):
        agent.update(batch(seed))
    other.load_state_dict(agent.state_dict())
    measured = []
    for one in (agent, other):
        torch.manual_seed(7)
        measured.append([one.update(batch(seed)) for seed in range(3)])
    assert measured[0] == measured[1]
