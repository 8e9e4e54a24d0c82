"""Networks against what they stand for: separate layers, a known density, known statistics."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from robot_rl.networks import (
    CategoricalHead,
    Critics,
    EnsembleLayerNorm,
    EnsembleLinear,
    GaussianActor,
    Head,
    Normalizer,
    ScalarHead,
    squashed_sample,
)


def test_an_ensemble_is_its_members_side_by_side() -> None:
    torch.manual_seed(0)
    linear, norm = EnsembleLinear(3, 5, 4), EnsembleLayerNorm(3, 4)
    torch.nn.init.normal_(linear.bias)
    torch.nn.init.normal_(norm.weight)
    torch.nn.init.normal_(norm.bias)
    x = torch.randn(3, 7, 5)
    together = norm(linear(x))
    for i in range(3):
        alone = F.linear(x[i], linear.weight[i].T, linear.bias[i, 0])
        alone = F.layer_norm(alone, (4,), norm.weight[i], norm.bias[i])
        torch.testing.assert_close(together[i], alone)


def test_members_learn_apart() -> None:
    torch.manual_seed(0)
    critics = Critics(5, (8, 8), 2, ScalarHead())
    values = critics.value(torch.randn(6, 3), torch.randn(6, 2))
    values[0].sum().backward()
    weight = critics.last.weight
    assert weight.grad is not None
    assert weight.grad[0].abs().sum() > 0
    assert weight.grad[1].abs().sum() == 0


@pytest.mark.parametrize("head", [ScalarHead(), CategoricalHead(0, 1, 11)])
def test_chosen_members_answer_as_they_do_among_all(head: Head) -> None:
    torch.manual_seed(0)
    critics = Critics(5, (8, 8), 4, head)
    inputs = torch.randn(6, 3), torch.randn(6, 2)
    chosen = torch.tensor([3, 1])
    torch.testing.assert_close(critics.value(*inputs, chosen), critics.value(*inputs)[chosen])


@given(st.floats(0.02, 0.98))
def test_a_histogram_keeps_the_mean_of_its_return(value: float) -> None:
    head = CategoricalHead(-0.2, 1.2, 51)
    histogram = head.project(torch.tensor([value]))
    assert histogram.sum().item() == pytest.approx(1, abs=1e-5)
    assert (histogram >= 0).all()
    assert (histogram @ head.centres).item() == pytest.approx(value, abs=1e-3)


def test_a_histogram_fitted_to_a_return_gives_it_back() -> None:
    head = CategoricalHead(0, 1, 51)
    output = torch.zeros(2, 1, 51, requires_grad=True)
    optimizer = torch.optim.Adam([output], 0.3)
    for _ in range(300):
        optimizer.zero_grad()
        head.loss(output, torch.tensor([0.37])).backward()
        optimizer.step()
    assert head.value(output).detach().flatten().tolist() == pytest.approx([0.37, 0.37], abs=1e-2)


def test_returns_beyond_the_histogram_count_as_its_ends() -> None:
    head = CategoricalHead(0, 1, 11)
    beyond, end = head.project(torch.tensor([5.0])), head.project(head.centres[-1:])
    torch.testing.assert_close(beyond, end)


def test_scalar_loss_is_the_mean_over_members_and_batch() -> None:
    output = torch.tensor([[[1.0], [2.0]], [[3.0], [4.0]]])
    loss = ScalarHead().loss(output, torch.tensor([0.0, 1.0]))
    assert loss.item() == pytest.approx((1 + 1 + 9 + 9) / 4)


def test_log_probability_is_that_of_the_squashed_normal() -> None:
    torch.manual_seed(0)
    mean, std = torch.randn(50, 3), torch.rand(50, 3) + 0.1
    action, log_probability = squashed_sample(mean, std)
    before = torch.atanh(action.double())
    normal = torch.distributions.Normal(mean.double(), std.double()).log_prob(before)
    expected = (normal - torch.log1p(-action.double().square())).sum(-1)
    torch.testing.assert_close(log_probability.double(), expected, atol=2e-2, rtol=1e-3)


def test_saturated_actions_have_finite_log_probability() -> None:
    action, log_probability = squashed_sample(torch.full((4, 2), 30.0), torch.ones(4, 2))
    assert torch.isfinite(log_probability).all()
    assert (action.abs() <= 1).all()


def test_a_new_actor_is_centred() -> None:
    actor = GaussianActor(4, (16,), 2)
    assert actor.greedy(torch.randn(8, 4)).abs().max() < 0.05


@given(st.lists(st.integers(1, 20), min_size=1, max_size=5), st.integers(0, 100))
def test_normalizer_statistics_are_those_of_all_batches(sizes: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    batches = [rng.normal(3, 2, (size, 4)).astype(np.float32) for size in sizes]
    normalizer = Normalizer(4)
    for batch in batches:
        normalizer.observe(torch.from_numpy(batch))
    everything = np.concatenate(batches)
    np.testing.assert_allclose(normalizer.mean, everything.mean(0), rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(normalizer.variance, everything.var(0), rtol=1e-3, atol=1e-3)


def test_a_constant_input_does_not_blow_up() -> None:
    normalizer = Normalizer(1)
    normalizer.observe(torch.full((10, 1), 2.0))
    assert normalizer(torch.tensor([[2.0], [1e6]])).flatten().tolist() == [0.0, normalizer.CLIP]


def test_an_unused_normalizer_changes_little() -> None:
    assert math.isclose(Normalizer(1)(torch.tensor([[0.5]])).item(), 0.5, rel_tol=1e-5)
