"""The two networks that denoise: published sizes, and what reaches what."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from robot_rl.denoising_transformer import DenoisingTransformer
from robot_rl.unet import UNet

ROWS, HORIZON, ACTIONS, CONDITION = 3, 16, 5, 12

pytestmark = pytest.mark.usefixtures("exact")


def _networks() -> dict[str, nn.Module]:
    torch.manual_seed(0)
    return {
        "film": UNet(ACTIONS, CONDITION, (16, 32, 64), 32),
        "appended": UNet(ACTIONS, CONDITION, (16, 32, 64), 32, film=False),
        "transformer": DenoisingTransformer(
            ACTIONS, CONDITION, observations=2, horizon=HORIZON, width=32, layers=2
        ).eval(),
    }


@pytest.mark.parametrize("name", _networks())
def test_action_time_and_condition_all_count(name: str) -> None:
    network = _networks()[name]
    torch.manual_seed(1)
    given = [
        torch.randn(ROWS, HORIZON, ACTIONS),
        torch.rand(ROWS) * 100,
        torch.randn(ROWS, CONDITION),
    ]
    found = network(*given)
    assert found.shape == (ROWS, HORIZON, ACTIONS)
    for number, other in enumerate(given):
        changed = [torch.flip(other, (0,)) if n == number else one for n, one in enumerate(given)]
        assert not torch.allclose(network(*changed), found, atol=1e-4)


@pytest.mark.parametrize("name", _networks())
def test_every_row_is_on_its_own_and_every_parameter_learns(name: str) -> None:
    network = _networks()[name]
    x, time, condition = (
        torch.randn(ROWS, HORIZON, ACTIONS),
        torch.rand(ROWS) * 100,
        torch.randn(ROWS, CONDITION),
    )
    alone = network(x[:1], time[:1], condition[:1])
    torch.testing.assert_close(network(x, time, condition)[:1], alone, atol=1e-5, rtol=1e-4)
    network(x, time, condition).square().sum().backward()
    for parameter in network.parameters():
        assert parameter.grad is not None
        assert parameter.grad.abs().sum() > 0


@pytest.mark.parametrize(
    ("widths", "embedding", "millions"),
    [
        ((256, 512, 1024), 256, 65.8),
        ((128, 256, 512), 128, 16.6),
        ((64, 128, 256), 64, 4.24),
    ],
)
def test_sizes_are_those_of_the_reference(
    widths: tuple[int, ...], embedding: int, millions: float
) -> None:
    """Counted of diffusion policy's own network; ten numbers of action, twice twenty observed."""
    network = UNet(10, 40, widths, embedding)
    count = sum(parameter.numel() for parameter in network.parameters()) / 1e6
    assert count == pytest.approx(millions, rel=0.005)


def test_the_transformer_looks_at_no_later_action() -> None:
    network = _networks()["transformer"]
    x, time, condition = torch.randn(1, HORIZON, ACTIONS), torch.rand(1), torch.randn(1, CONDITION)
    changed = x.clone()
    changed[:, 9:] = 0
    before, after = network(x, time, condition), network(changed, time, condition)
    torch.testing.assert_close(before[:, :9], after[:, :9])
    assert not torch.allclose(before[:, 9:], after[:, 9:])
