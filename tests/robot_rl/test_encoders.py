"""Encoders keep where things are, and see pixels as the papers normalise them."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from robot_rl.agent_config import EncoderName
from robot_rl.encoders import PixelConv2d, SpatialEmbedding, make_encoder, map_shape

SHAPES: dict[EncoderName, tuple[int, int, int]] = {
    "small": (256, 3, 3),
    "drqv2": (32, 25, 25),
    "resnet10": (512, 2, 2),
    "resnet18": (512, 2, 2),
}


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("channels", [1, 3, 4, 9])
def test_an_encoder_makes_a_map_and_learns(name: EncoderName, channels: int) -> None:
    encoder = make_encoder(name, channels)
    assert map_shape(encoder, (64, 64, channels)) == SHAPES[name]
    images = torch.randint(-128, 128, (2, channels, 64, 64)).float()
    encoder(images).square().mean().backward()
    for parameter in encoder.parameters():
        assert parameter.grad is not None
        assert parameter.grad.isfinite().all()
        assert parameter.grad.abs().sum() > 0


def test_the_published_encoder_has_the_published_size() -> None:
    channels, height, width = map_shape(make_encoder("drqv2", 9), (84, 84, 9))
    assert channels * height * width == 39_200


def test_pixels_are_normalised_within_the_first_convolution() -> None:
    torch.manual_seed(0)
    folded, plain = PixelConv2d(3, 8, 3, 2), nn.Conv2d(3, 8, 3, 2)
    plain.load_state_dict(folded.state_dict())
    images = torch.randint(-128, 128, (4, 3, 20, 20)).float()
    torch.testing.assert_close(folded(images), plain(images / 255), atol=1e-5, rtol=1e-4)


@pytest.mark.skipif(
    not torch.ops.mkldnn._is_mkldnn_bf16_supported(), reason="products in bfloat16 are not taken"
)
def test_the_first_gradient_is_as_exact_as_bfloat16_is() -> None:
    torch.manual_seed(0)
    images = torch.randint(-30, 30, (64, 3, 20, 20)) + torch.randint(-5, 5, (64, 1, 1, 1))
    directions = torch.randn(64, 8, 9, 9)
    gradients = list[torch.Tensor]()
    for dtype in (torch.float32, torch.bfloat16):
        torch.manual_seed(0)
        layer = PixelConv2d(3, 8, 3, 2)
        (layer(images.to(dtype)).float() * directions).sum().backward()
        assert layer.weight.grad is not None
        gradients.append(layer.weight.grad)
    exact, rounded = gradients
    assert (rounded - exact).norm() < 0.004 * exact.norm()


def test_a_map_says_where_something_is() -> None:
    torch.manual_seed(0)
    embedding = SpatialEmbedding((2, 5, 5))
    here, there = torch.zeros(2, 1, 2, 5, 5)
    here[0, 0, 1, 1] = there[0, 0, 3, 2] = 1
    assert embedding(here).shape == (1, embedding.outputs)
    assert (embedding(here) - embedding(there)).abs().max() > 0.1
    assert embedding(here)[0, :8].tolist() == pytest.approx(embedding.weight[0, 1, 1].tolist())
    assert (embedding(here)[0, 8:] == 0).all()


def test_images_that_are_too_small_are_answered() -> None:
    with pytest.raises(ValueError, match="16 x 16 pixels are too small for this encoder; choose"):
        map_shape(make_encoder("small", 3), (16, 16, 3))
