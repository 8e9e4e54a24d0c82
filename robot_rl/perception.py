"""What a policy sees with cameras: maps of each, and the vector that they and the state become."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor, nn

from robot_rl.config import EncoderName
from robot_rl.encoders import SpatialEmbedding, make_encoder, map_shape
from robot_rl.env import ArraySpec, Observation
from robot_rl.random_shift import random_shift

IMAGES = "images/"
"""What the keys of images begin with; the name of the camera follows."""
_STATE_FEATURES = 64


class Trunk(nn.Module):
    """One encoder for each camera.

    Args:
        images: Specs of the images by their keys.
        encoder: Which one.

    Attributes:
        shapes: Channels, height and width of the map of each camera.
    """

    def __init__(self, images: Mapping[str, ArraySpec], encoder: EncoderName) -> None:
        super().__init__()
        self.keys = tuple(images)
        self.encoders = nn.ModuleList(
            make_encoder(encoder, spec.shape[-1]) for spec in images.values()
        )
        pairs = zip(self.encoders, images.values(), strict=True)
        self.shapes = [map_shape(one, spec.shape) for one, spec in pairs]  # pyright: ignore[reportArgumentType]

    def forward(self, observation: Observation, pad: int, dtype: torch.dtype) -> list[Tensor]:
        """Maps of all cameras.

        Args:
            observation: Images of shape (batch, height, width, channels), uint8.
            pad: Pixels by which each image is moved at most.
            dtype: What they are computed in.
        """
        pairs = zip(self.keys, self.encoders, strict=True)
        images = {key: torch.as_tensor(observation[key]) for key in self.keys}
        return [encoder(random_shift(images[key], dtype, pad)) for key, encoder in pairs]


class Heads(nn.Module):
    """From the maps and the state to one vector: each part linear, LayerNorm, tanh.

    Args:
        shapes: Of the maps.
        state: Numbers in the state; may be 0.
        features: Numbers that each camera is reduced to.

    Attributes:
        outputs: Numbers in the vector.
    """

    def __init__(self, shapes: Sequence[tuple[int, int, int]], state: int, features: int) -> None:
        super().__init__()
        self.cameras = nn.ModuleList(_head(shape, features) for shape in shapes)
        self.state = _bounded(state, _STATE_FEATURES) if state else None
        self.outputs = features * len(shapes) + (_STATE_FEATURES if state else 0)

    def forward(self, maps: Iterable[Tensor], state: Tensor) -> Tensor:
        """Shapes (batch, c, h, w) for each camera, (batch, s) -> (batch, outputs), float32."""
        parts = [head(features) for head, features in zip(self.cameras, maps, strict=True)]
        if self.state is not None:
            parts.append(self.state(state))
        return torch.cat([part.float() for part in parts], dim=-1)


def _head(shape: tuple[int, int, int], features: int) -> nn.Sequential:
    embedding = SpatialEmbedding(shape)
    return nn.Sequential(embedding, *_bounded(embedding.outputs, features))


def _bounded(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inputs, outputs), nn.LayerNorm(outputs), nn.Tanh())


def cameras_of(spec: Mapping[str, ArraySpec]) -> dict[str, ArraySpec]:
    """The images among the observations."""
    return {key: one for key, one in spec.items() if key.startswith(IMAGES)}


def precision() -> torch.dtype:
    """What convolutions are computed in, as the precision of all products asks."""
    narrow = torch.get_float32_matmul_precision() == "medium"
    return torch.bfloat16 if narrow else torch.float32
