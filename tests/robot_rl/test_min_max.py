"""Vectors come into -1 to 1 and back, dimensions that hardly change included."""

import pytest
import torch

from robot_rl.min_max import MinMax

DATA = torch.tensor([[0.0, 5.0, -1.0], [10.0, 5.001, 1.0], [2.5, 5.0005, 0.0]])


@pytest.fixture
def fitted() -> MinMax:
    scale = MinMax(3, least=0.01)
    scale.fit(DATA)
    return scale


def test_the_range_of_the_data_becomes_one_and_minus_one(fitted: MinMax) -> None:
    seen = fitted(torch.tensor([[0.0, 5.0, -1.0], [10.0, 5.001, 1.0], [2.5, 5.0005, 3.0]]))
    assert seen[:, 0].tolist() == [-1, 1, -0.5]
    assert seen[:, 2].tolist() == [-1, 1, 3]


def test_what_only_trembles_stays_near_zero(fitted: MinMax) -> None:
    assert fitted(DATA)[:, 1].abs().max().item() == pytest.approx(0.05, abs=1e-3)


def test_what_came_in_comes_out(fitted: MinMax) -> None:
    data = torch.tensor([[1.0, 5.0, 0.25], [-4.0, 5.3, 2.0]])
    torch.testing.assert_close(fitted.inverse(fitted(data)), data)


def test_a_constant_comes_out_as_it_was_whatever_was_predicted() -> None:
    scale = MinMax(1, least=1e-4)
    scale.fit(torch.full((4, 1), 5.0))
    assert scale.inverse(torch.tensor([0.7])).item() == pytest.approx(5, abs=1e-4)


def test_the_range_goes_with_the_weights(fitted: MinMax) -> None:
    other = MinMax(3, least=0.01)
    other.load_state_dict(fitted.state_dict())
    data = torch.randn(4, 3)
    assert torch.equal(other(data), fitted(data))
