"""Policies that plan: what was done in two ways stays two, limits hold, weights are enough."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from robot_rl.chunk_config import DiffusionConfig, RegressionConfig
from robot_rl.chunk_policy import ChunkPolicy
from robot_rl.diffusion import DiffusionPolicy
from robot_rl.env import ArraySpec
from robot_rl.ranges import RangeError
from robot_rl.regression import RegressionPolicy
from robot_rl.running_average import RunningAverage
from robot_rl.windows import Stretch

SPEC, ACTION = {"state": ArraySpec((2,))}, ArraySpec((2,), low=-1, high=1)
SMALL: dict[str, Any] = {"history": 2, "horizon": 8, "steps": 4}
UNET = DiffusionConfig(**SMALL, widths=(16, 32), embedding=16)
POLICIES = {
    "diffusion": UNET,
    "flow": replace(UNET, family="flow"),
    "appended": replace(UNET, film=False),
    "transformer": replace(UNET, family="flow", backbone="transformer", width=32, layers=2),
    "mean": RegressionConfig(**SMALL, hidden=(64, 64)),
    "mixture": RegressionConfig(**SMALL, hidden=(64, 64), head="mixture", modes=2),
}

pytestmark = pytest.mark.usefixtures("exact")


def _policy(config: DiffusionConfig | RegressionConfig) -> ChunkPolicy:
    torch.manual_seed(0)
    if isinstance(config, DiffusionConfig):
        return DiffusionPolicy(SPEC, ACTION, config)
    return RegressionPolicy(SPEC, ACTION, config)


def _two_ways(rows: int, rng: np.random.Generator) -> Stretch:
    """Past an obstacle on either side, as often; how far says the state."""
    states = rng.uniform(0.4, 0.8, (rows, 1, 2)).repeat(2, 1).astype(np.float32)
    side = rng.choice([-1.0, 1.0], (rows, 1, 1))
    action = np.tile(side * states[:, -1:, :], (1, 8, 1)).astype(np.float32)
    return Stretch({"state": states}, action)


def _taught(config: DiffusionConfig | RegressionConfig, updates: int = 600) -> ChunkPolicy:
    policy, rng = _policy(config), np.random.default_rng(0)
    optimizer = torch.optim.Adam(policy.parameters(), 2e-3)
    average = RunningAverage(policy, 0.75, 0.9999)
    for _ in range(updates):
        loss = policy.loss(_two_ways(64, rng))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        average.update(policy)
    return average.network


def _shares(policy: ChunkPolicy) -> tuple[float, float]:
    """How many plans pass on one side, and on the other, as far as was shown in the mean."""
    shown = _two_ways(300, np.random.default_rng(1))
    planned = policy.plan(shown.observation).mean(1)
    far = shown.observation["state"][:, -1]
    left, right = (np.abs(planned - side * far).max(1) < 0.2 for side in (-1, 1))
    return float(left.mean()), float(right.mean())


@pytest.mark.parametrize("name", ["diffusion", "transformer", "mixture"])
def test_what_was_done_in_two_ways_stays_two(name: str) -> None:
    shares = _shares(_taught(POLICIES[name]))
    print(f"{name}: {shares[0]:.0%} on one side, {shares[1]:.0%} on the other")
    assert min(shares) > 0.2
    assert sum(shares) > 0.7


def test_a_mean_of_two_ways_is_neither() -> None:
    assert sum(_shares(_taught(POLICIES["mean"], updates=200))) < 0.1


@pytest.mark.parametrize("name", POLICIES)
def test_plans_stay_within_what_was_demonstrated(name: str) -> None:
    policy = _policy(POLICIES[name])
    policy.actions.fit(torch.tensor([[-0.5, 0.2], [0.1, 0.2]]))
    far = np.random.default_rng(0).normal(0, 100, (5, 2, 2)).astype(np.float32)
    planned = policy.plan({"state": far})
    assert planned.shape == (5, 8, 2)
    assert planned[..., 0].min() >= -0.5 - 1e-6
    assert planned[..., 0].max() <= 0.1 + 1e-6
    assert planned[..., 1] == pytest.approx(0.2, abs=1e-3)


@pytest.mark.parametrize("name", POLICIES)
def test_the_weights_are_all_that_acts(name: str) -> None:
    policy, other = _policy(POLICIES[name]), _policy(POLICIES[name])
    policy.states.fit(torch.tensor([[0.0, 1.0], [3.0, 4.0]]))
    for parameter in policy.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    other.load_state_dict(policy.state_dict())
    seen = {"state": np.ones((3, 2, 2), np.float32)}
    plans = []
    for one in (policy, other):
        torch.manual_seed(3)
        plans.append(one.eval().plan(seen))
    np.testing.assert_array_equal(*plans)


def test_the_same_noise_makes_the_same_plan() -> None:
    policy = DiffusionPolicy(SPEC, ACTION, UNET)
    condition, noise = torch.randn(3, policy.conditions), torch.randn(3, 8, 2)
    with torch.no_grad():
        first, second = policy.draw(condition, noise), policy.draw(condition, noise)
        assert torch.equal(first, second)
        assert not torch.allclose(first, policy.draw(condition, -noise))


@pytest.mark.parametrize("name", POLICIES)
def test_half_precision_learns_and_plans(name: str) -> None:
    torch.set_float32_matmul_precision("medium")
    policy, stretch = _policy(POLICIES[name]), _two_ways(6, np.random.default_rng(0))
    loss = policy.loss(stretch)
    loss.backward()
    assert loss.dtype == torch.float32
    assert all(p.grad is not None and p.grad.isfinite().all() for p in policy.parameters())
    assert policy.plan(stretch.observation).dtype == np.float32


def test_the_average_slows_down_by_a_power_of_the_updates() -> None:
    average = RunningAverage(torch.nn.Linear(1, 1), 0.75, 0.9999)
    for updates, kept in ((0, 0.0), (1, 1 - 2**-0.75), (999, 1 - 1000**-0.75), (10**6, 0.9999)):
        average.updates = updates
        assert average.kept == pytest.approx(kept)


def test_the_average_is_the_network_at_first_and_holds_still_later() -> None:
    network = torch.nn.Linear(1, 1)
    average = RunningAverage(network, 0.75, 0.9999)
    with torch.no_grad():
        network.weight.fill_(5.0)
    average.update(network)
    assert average.network.weight.item() == 5
    average.updates = 10**6
    with torch.no_grad():
        network.weight.fill_(6.0)
    average.update(network)
    assert average.network.weight.item() == pytest.approx(5.0001)


def test_horizons_that_do_not_halve_are_answered() -> None:
    with pytest.raises(RangeError, match="horizon is 10, and 3 levels halve it; give a multiple"):
        DiffusionConfig(horizon=10, steps=5)
    with pytest.raises(RangeError, match="steps is 20"):
        DiffusionConfig(steps=20)
    DiffusionConfig(horizon=10, steps=5, backbone="transformer")


@pytest.mark.parametrize("settings", [{"widths": (20, 40)}, {"width": 30}, {"embedding": 7}])
def test_sizes_that_no_network_has_are_answered(settings: dict[str, Any]) -> None:
    with pytest.raises(RangeError, match="a multiple of"):
        DiffusionConfig(**settings)


def test_pictures_alone_are_answered() -> None:
    images = {"images/front": ArraySpec((32, 32, 3), "uint8")}
    with pytest.raises(ValueError, match=r"a vector called state; these .* images/front"):
        RegressionPolicy(images, ACTION)
