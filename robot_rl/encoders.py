"""Encoders: from the images of one camera to a map of features that says where things are."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from robot_rl.agent_config import EncoderName

_WIDTHS = (32, 64, 128, 256)
_BLOCKS = {"resnet10": (1, 1, 1, 1), "resnet18": (2, 2, 2, 2)}
_STAGES = (64, 128, 256, 512)
_GROUPS = 4
_MEAN, _STD = (123.7, 116.3, 103.5), (58.4, 57.1, 57.4)
"""Of the colours of ImageNet, 0 to 255, as pretrained weights expect them."""
MIDDLE = 128
"""What encoders see is a byte less this: exact in bfloat16, and about 0, or the gradients of the
first weights would be small differences of large sums."""


def make_encoder(name: EncoderName, channels: int) -> nn.Module:
    """The encoder of that name: (batch, channels, height, width) -> (batch, c, h, w).

    Pixels are bytes less ``MIDDLE``, -128 to 127, and not scaled; the encoders do that.

    small: four convolutions of stride 2 with 32 to 256 channels (RLPD: Ball et al., 2023).
    drqv2: four convolutions with 32 channels, the first of stride 2 (Yarats et al., 2022).
    resnet10, resnet18: residual networks with group normalisation (SERL: Luo et al., 2024).
    """
    if name == "small":
        return _plain((channels, *_WIDTHS), strides=(2, 2, 2, 2))
    if name == "drqv2":
        return _plain((channels, 32, 32, 32, 32), strides=(2, 1, 1, 1))
    return ResNet(channels, _BLOCKS[name])


def map_shape(encoder: nn.Module, image: tuple[int, int, int]) -> tuple[int, int, int]:
    """Channels, height and width of what comes out for one image (height, width, channels).

    Raises:
        ValueError: The image is too small for the encoder.
    """
    height, width, channels = image
    try:
        with torch.no_grad():
            features = encoder(torch.zeros(1, channels, height, width))
    except RuntimeError as error:
        raise ValueError(
            f"images of {height} x {width} pixels are too small for this encoder; choose 32 or more"
        ) from error
    return features.shape[1], features.shape[2], features.shape[3]


class PixelConv2d(nn.Conv2d):
    """The first convolution: of pixels from -128 to 127 as if they were -0.5 to 0.5.

    The scale is taken into the weights, which costs nothing.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Shape (batch, channels, height, width)."""
        assert self.bias is not None
        weight, bias = (self.weight / 255).to(input.dtype), self.bias.to(input.dtype)
        return F.conv2d(input, weight, bias, self.stride, self.padding)


def _plain(widths: tuple[int, ...], strides: tuple[int, ...]) -> nn.Sequential:
    """Convolutions of 3 x 3 without padding, and ReLU."""
    layers: list[nn.Module] = []
    for number, ((inputs, outputs), stride) in enumerate(
        zip(itertools.pairwise(widths), strides, strict=True)
    ):
        kind = nn.Conv2d if number else PixelConv2d
        layers += [kind(inputs, outputs, 3, stride), nn.ReLU(inplace=True)]
    encoder = nn.Sequential(*layers).apply(_orthogonal)
    return encoder.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]


def _orthogonal(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d):
        nn.init.orthogonal_(module.weight, nn.init.calculate_gain("relu"))
        assert module.bias is not None
        nn.init.zeros_(module.bias)


class ResNet(nn.Module):
    """A residual network without its classifier (He et al., 2016), with group normalisation.

    Its parameters have the names that torchvision gives them, as files of weights do.

    Args:
        channels: Of the images; pretrained weights are for 3.
        blocks: Blocks of each of the four stages.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, channels: int, blocks: tuple[int, ...]) -> None:
        super().__init__()
        repeat = channels // 3
        colours = torch.tensor([_MEAN * repeat, _STD * repeat]) if repeat else torch.zeros(2, 0)
        rest = torch.tensor([[127.5], [57.6]]).expand(2, channels - 3 * repeat)
        mean, std = torch.cat([colours, rest], dim=1)[:, :, None, None]
        self.register_buffer("mean", mean - MIDDLE, persistent=False)
        self.register_buffer("std", std, persistent=False)
        self.conv1 = nn.Conv2d(channels, _STAGES[0], 7, 2, 3, bias=False)
        self.bn1 = nn.GroupNorm(_GROUPS, _STAGES[0])
        inputs = (_STAGES[0], *_STAGES)
        self.layer1, self.layer2, self.layer3, self.layer4 = (
            _stage(inputs[stage], outputs, count, stride=2 if stage else 1)
            for stage, (outputs, count) in enumerate(zip(_STAGES, blocks, strict=True))
        )
        self.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]

    def forward(self, images: Tensor) -> Tensor:
        """Shape (batch, channels, height, width) -> (batch, 512, height / 32, width / 32)."""
        normalised = ((images - self.mean) / self.std).to(images.dtype)
        x = F.max_pool2d(F.relu_(self.bn1(self.conv1(normalised))), 3, 2, 1)
        return self.layer4(self.layer3(self.layer2(self.layer1(x))))


def _stage(inputs: int, outputs: int, blocks: int, stride: int) -> nn.Sequential:
    first = _Block(inputs, outputs, stride)
    return nn.Sequential(first, *(_Block(outputs, outputs, 1) for _ in range(blocks - 1)))


class _Block(nn.Module):
    """Two convolutions of 3 x 3 beside a way around them."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.GroupNorm(_GROUPS, outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.GroupNorm(_GROUPS, outputs)
        self.downsample = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.GroupNorm(_GROUPS, outputs)
            )

    def forward(self, x: Tensor) -> Tensor:
        way = self.bn2(self.conv2(F.relu_(self.bn1(self.conv1(x)))))
        return torch.relu_(way + self.downsample(x))


class SpatialEmbedding(nn.Module):
    """Learned weights over where in the map something is (SERL: Luo et al., 2024).

    Averages over the whole map would forget that.

    Args:
        shape: Channels, height and width of the map.
        features: Weighted sums of each channel.
    """

    def __init__(self, shape: tuple[int, int, int], features: int = 8) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(*shape, features))
        nn.init.normal_(self.weight, std=(shape[1] * shape[2]) ** -0.5)
        self.outputs = shape[0] * features

    def forward(self, features: Tensor) -> Tensor:
        """Shape (batch, channels, height, width) -> (batch, channels * features)."""
        return torch.einsum("bchw,chwf->bcf", features, self.weight.to(features.dtype)).flatten(1)
