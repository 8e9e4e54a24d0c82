"""What a policy sees with cameras: maps of each, and the vector that they and the state become."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from robot_rl.agent_config import EncoderName, PixelConfig
from robot_rl.camera_watch import CameraWatch, Looks
from robot_rl.encoder_file import read_encoder
from robot_rl.encoders import SpatialEmbedding, make_encoder, map_shape
from robot_rl.env import IMAGES, STATE, ArraySpec, Observation
from robot_rl.networks import Normalizer
from robot_rl.random_shift import random_shift

_STATE_FEATURES = 64
_MAP = "maps/"
"""Prefix of what an encoder made of the images of that key."""
MapShape = tuple[int, int, int]
"""Channels, height and width."""


class Senses(nn.Module):
    """One encoder for each camera, and the normaliser of the state.

    Products are computed in bfloat16 where ``torch.set_float32_matmul_precision`` says "medium".

    Args:
        observation_spec: Images, as ``images/<camera>``, and perhaps a vector, ``state``.
        config: Which encoder, whether it learns, and how far images are moved.

    Attributes:
        are_fixed: Whether each image has one map that never changes.

    Raises:
        ValueError: If there are no images, or they are too small.
    """

    def __init__(self, observation_spec: Mapping[str, ArraySpec], config: PixelConfig) -> None:
        super().__init__()
        self._encoder: EncoderName = config.encoder
        self._shift = config.shift
        self.are_fixed = config.frozen and not config.shift
        images = {key: spec for key, spec in observation_spec.items() if key.startswith(IMAGES)}
        if not images:
            raise ValueError(
                "this algorithm learns from images, and these observations are "
                f"{', '.join(observation_spec)}; add cameras, e.g. cameras=front,wrist, or choose "
                "algorithm sac"
            )
        vector = observation_spec.get(STATE)
        self._numbers = 0 if vector is None else vector.shape[0]
        self.normalizer = Normalizer(self._numbers)
        self._keys = tuple(images)
        self.looks = Looks(self._keys)
        self._channels = [spec.shape[-1] for spec in images.values()]
        self.encoders = nn.ModuleList(
            make_encoder(config.encoder, channels) for channels in self._channels
        ).requires_grad_(not config.frozen)
        pairs = zip(self.encoders, images.values(), strict=True)
        self._shapes = [map_shape(one, _sizes(spec)) for one, spec in pairs]

    def make_heads(self, features: int, spatial: bool) -> Heads:
        """Heads for these maps; their arguments are those of ``Heads``."""
        return Heads(self._shapes, self._numbers, features, spatial)

    def load_encoder(self, path: Path) -> None:
        """Begins with the weights of a file, the same for every camera.

        Raises:
            FileNotFoundError: If there is no such file.
            CheckpointError: If it is damaged.
            ValueError: If it has weights of something else.
        """
        each = {one: read_encoder(path, self._encoder, one) for one in set(self._channels)}
        for encoder, channels in zip(self.encoders, self._channels, strict=True):
            encoder.load_state_dict(each[channels].state_dict())

    def observe(self, observation: Observation) -> None:
        """Lets the normaliser see new states, and remembers how the cameras look."""
        self.looks.observe(observation)
        if self._numbers:
            self.normalizer.observe(torch.as_tensor(observation[STATE]))

    def watch(self) -> CameraWatch:
        """Notices when the cameras look otherwise than in what was observed."""
        return CameraWatch(self.looks, self.normalizer)

    def forward(self, observation: Observation, augment: bool = False) -> list[Tensor]:
        """A map of each camera, shape (batch, c, h, w).

        Args:
            observation: Images of shape (batch, height, width, channels), uint8.
            augment: Whether to move each image.
        """
        dtype, pad = precision(), self._shift if augment else 0
        if self.are_fixed and all(_MAP + key in observation for key in self._keys):
            return [torch.as_tensor(observation[_MAP + key]).to(dtype) for key in self._keys]
        with half_products():
            pairs = zip(self._keys, self.encoders, strict=True)
            return [
                encoder(random_shift(torch.as_tensor(observation[key]), dtype, pad))
                for key, encoder in pairs
            ]

    @torch.no_grad()
    def fixed(self, observation: Observation) -> Observation:
        """The maps, where they never change, in half precision: ``forward`` takes them as well."""
        if not self.are_fixed:
            return {}
        pairs = zip(self._keys, self(observation), strict=True)
        return {_MAP + key: one.half().cpu().numpy() for key, one in pairs}

    def reduce(self, heads: Heads, maps: list[Tensor], observation: Observation) -> Tensor:
        """The vector that heads make of the maps and the state. Shape (batch, heads.outputs)."""
        with half_products():
            if not self._numbers:
                return heads(maps, None)
            return heads(maps, self.normalizer(torch.as_tensor(observation[STATE])))


class Heads(nn.Module):
    """From the maps and the state to one vector: each part linear, LayerNorm, tanh.

    Args:
        shapes: Of the maps.
        state: Numbers in the state; may be 0.
        features: Numbers that each camera is reduced to.
        spatial: Whether to weigh places first (SERL), or to take all of the map (DrQ-v2).

    Attributes:
        outputs: Numbers in the vector.
    """

    def __init__(
        self, shapes: Sequence[MapShape], state: int, features: int, spatial: bool
    ) -> None:
        super().__init__()
        self.cameras = nn.ModuleList(_head(shape, features, spatial) for shape in shapes)
        self.state = _bounded(state, _STATE_FEATURES) if state else None
        self.outputs = features * len(shapes) + (_STATE_FEATURES if state else 0)

    def forward(self, maps: Iterable[Tensor], state: Tensor | None) -> Tensor:
        """Shapes (batch, c, h, w) for each camera, (batch, s) -> (batch, outputs), float32."""
        parts = [head(features) for head, features in zip(self.cameras, maps, strict=True)]
        if self.state is not None:
            parts.append(self.state(state))
        return torch.cat([part.float() for part in parts], dim=-1)


def _head(shape: MapShape, features: int, spatial: bool) -> nn.Sequential:
    if spatial:
        embedding = SpatialEmbedding(shape)
        return nn.Sequential(embedding, *_bounded(embedding.outputs, features))
    channels, height, width = shape
    return nn.Sequential(_Flatten(), *_bounded(channels * height * width, features))


class _Flatten(nn.Module):
    """A map in the order in which it lies in memory, channels last, so that nothing is copied."""

    def forward(self, features: Tensor) -> Tensor:
        return features.permute(0, 2, 3, 1).flatten(1)


def _bounded(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inputs, outputs), nn.LayerNorm(outputs), nn.Tanh())


def _sizes(spec: ArraySpec) -> tuple[int, int, int]:
    height, width, channels = spec.shape
    return height, width, channels


def precision() -> torch.dtype:
    """What convolutions are computed in, as the precision of all products asks."""
    narrow = torch.get_float32_matmul_precision() == "medium"
    return torch.bfloat16 if narrow else torch.float32


def half_products() -> torch.autocast:
    """Within it products have bfloat16 factors, where that precision is asked for."""
    device = torch.get_default_device().type
    return torch.autocast(device, torch.bfloat16, enabled=precision() is torch.bfloat16)
