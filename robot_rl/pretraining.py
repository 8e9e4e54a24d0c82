"""``robot-rl pretrain``: an encoder learns from recorded pictures alone, without labels.

Two pictures of an episode, a few steps apart and in other light, shall be more alike than those of
other moments and other episodes (time-contrastive networks: Sermanet et al., 2018; InfoNCE: van den
Oord et al., 2018). What tells moments apart is where the arm and its objects are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from robot_rl.classifier_frames import cameras_of, frames_of, has_frames
from robot_rl.classifier_network import augmented, shrunk
from robot_rl.config import PretrainConfig
from robot_rl.encoder_file import write_encoder
from robot_rl.encoders import MIDDLE, SpatialEmbedding, make_encoder, map_shape
from robot_rl.env import IMAGES
from robot_rl.episodes import Episodes
from robot_rl.machine import describe_machine, git_revision
from robot_rl.perception import half_products
from robot_rl.pretraining_plots import write_plots
from robot_rl.settings import to_json
from robot_rl.train import prepare_torch

MOMENTS = 4
"""Of each episode in a batch."""
_FEATURES = 128
_SHARPNESS = 10.0
"""Factor on likenesses, the inverse of InfoNCE's temperature."""
_JUDGED = 20
"""Batches by which it is judged."""
Watch = Callable[[int, float], None]
"""Called with the number of updates and the loss."""
Pictures = dict[str, Tensor]
"""Of one episode, by camera. Shape (length + 1, 3, height, width), uint8."""


@dataclass(frozen=True)
class Moments:
    """Rows of pictures, and the partner of each; shape (batch,) each."""

    episode: np.ndarray
    first: np.ndarray
    second: np.ndarray

    def same(self, near: int) -> Tensor:
        """Which pairs but the partners are of one moment as well. Shape (batch, batch), bool."""
        close = np.abs(self.first[:, None] - self.second[None]) <= near
        same = close & (self.episode[:, None] == self.episode[None])
        np.fill_diagonal(same, False)
        return torch.from_numpy(same)


class Likeness(nn.Module):
    """An encoder, and what makes a direction of its map.

    Args:
        encoder: Sees.
        image: Height, width and channels of its images.
    """

    def __init__(self, encoder: nn.Module, image: tuple[int, int, int]) -> None:
        super().__init__()
        self.encoder = encoder
        embedding = SpatialEmbedding(map_shape(encoder, image))
        self.head = nn.Sequential(embedding, nn.Linear(embedding.outputs, _FEATURES))

    def forward(self, images: Tensor) -> Tensor:
        """Shape (batch, 3, height, width), 0 to 255 -> (batch, features), of length 1."""
        with half_products():
            pixels = images.contiguous(memory_format=torch.channels_last)
            directions = self.head(self.encoder(pixels - MIDDLE))
        return F.normalize(directions.float(), dim=1)


class Judged(NamedTuple):
    """How often the partner of a moment is the most alike of a batch."""

    share: float
    chance: float
    """And by chance."""


@dataclass(frozen=True)
class Pretrained:
    """What came of it; as a string it is told to a person."""

    config: PretrainConfig
    untrained: Judged
    found: Judged
    plots: list[Path]

    def __str__(self) -> str:
        path, encoder = self.config.output, self.config.encoder
        return (
            f"{path}: of the moments of episodes that it has not learned from {encoder} finds the\n"
            f"partner of {self.found.share:.0%}, untrained of {self.untrained.share:.0%}, by "
            f"chance of {self.found.chance:.0%}\n"
            f"look at {', '.join(map(str, self.plots))}\n"
            f"begin with it: --algorithm drq --drq.encoder {encoder} --encoder-file {path}"
        )


def pretrain(config: PretrainConfig, watch: Watch = lambda update, loss: None) -> Pretrained:
    """Trains, and writes the file and its plots.

    Raises:
        FileNotFoundError: If there is no such dataset.
        ValueError: If the datasets have no camera in common, or too few episodes.
    """
    prepare_torch(config.threads, config.products)
    learned, held = _split(_pictures(config), config)
    torch.manual_seed(config.seed)
    height, width = _size_of([*learned, *held])
    network = Likeness(make_encoder(config.encoder, 3), (height, width, 3))
    before = judge(network, held, config)
    losses = fit(network, learned, config, watch)
    after = judge(network, held, config)
    card = {
        "config": to_json(config),
        "found": after._asdict(),
        "machine": describe_machine(),
        "git": git_revision(),
    }
    path = write_encoder(config.output, config.encoder, network.encoder, card)
    plots = write_plots(path.with_name(f"{path.stem}-plots"), losses, network, held)
    return Pretrained(config, before, after, plots)


def fit(
    network: Likeness, episodes: Sequence[Pictures], config: PretrainConfig, watch: Watch
) -> list[float]:
    """Learns; the loss of every update."""
    rng, draw = np.random.default_rng(config.seed), torch.Generator().manual_seed(config.seed)
    optimizer = torch.optim.AdamW(network.parameters(), config.learning_rate, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, config.updates)
    losses = []
    for update in range(config.updates):
        loss = contrast(*_seen(network, episodes, config, rng, draw))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
        watch(update + 1, losses[-1])
    return losses


def contrast(first: Tensor, second: Tensor, same: Tensor) -> Tensor:
    """InfoNCE, both ways: each row's partner among all rows.

    Args:
        first: Directions. Shape (batch, features).
        second: Those of the partners. Shape (batch, features).
        same: Pairs that are no partners and yet no others either. Shape (batch, batch), bool.
    """
    likeness = _likeness(first, second, same)
    partner = torch.arange(len(first))
    return (F.cross_entropy(likeness, partner) + F.cross_entropy(likeness.T, partner)) / 2


@torch.no_grad()
def judge(network: Likeness, episodes: Sequence[Pictures], config: PretrainConfig) -> Judged:
    """How good it is at what it learns, always by the same pictures."""
    rng, draw = np.random.default_rng(config.seed), torch.Generator().manual_seed(config.seed)
    found, chance = list[Tensor](), list[Tensor]()
    for _ in range(_JUDGED):
        first, second, same = _seen(network, episodes, config, rng, draw)
        found.append(_likeness(first, second, same).argmax(1) == torch.arange(len(first)))
        chance.append(1 / (~same).sum(1))
    return Judged(*(torch.cat(one).float().mean().item() for one in (found, chance)))


def _seen(
    network: Likeness,
    episodes: Sequence[Pictures],
    config: PretrainConfig,
    rng: np.random.Generator,
    draw: torch.Generator,
) -> tuple[Tensor, Tensor, Tensor]:
    """Directions of moments and of their partners, in other light, and which pairs are both."""
    moments, *both = _batch(episodes, config, rng)
    first, second = (network(255 * augmented(images / 255, draw)) for images in both)
    return first, second, moments.same(config.near)


def _likeness(first: Tensor, second: Tensor, same: Tensor) -> Tensor:
    return (_SHARPNESS * first @ second.T).masked_fill(same, -torch.inf)


def _batch(
    episodes: Sequence[Pictures], config: PretrainConfig, rng: np.random.Generator
) -> tuple[Moments, Tensor, Tensor]:
    """Moments of one camera, and their pictures. Shape (batch, 3, height, width), float32."""
    camera = rng.choice(sorted(episodes[0]))
    chosen = rng.integers(len(episodes), size=-(-config.batch_size // MOMENTS))
    episode = np.repeat(chosen, MOMENTS)[: config.batch_size]
    length = np.array([len(episodes[one][camera]) for one in episode])
    first = rng.integers(length)
    away = rng.integers(1, config.near + 1, size=len(first)) * rng.choice([-1, 1], len(first))
    second = (first + away).clip(0, length - 1)

    def shown(times: np.ndarray) -> Tensor:
        pairs = zip(episode, times, strict=True)
        return torch.stack([episodes[one][camera][time] for one, time in pairs]).float()

    return Moments(episode, first, second), shown(first), shown(second)


def _pictures(config: PretrainConfig) -> list[Pictures]:
    """Of every episode that has any; of stacked frames the newest."""
    cameras = cameras_of(config.datasets, config.cameras)
    return [
        {camera: _shrunk(frames_of(episode, IMAGES + camera), config) for camera in cameras}
        for path in config.datasets
        for episode in Episodes(path)
        if all(has_frames(episode, IMAGES + camera) for camera in cameras)
    ]


def _shrunk(images: np.ndarray, config: PretrainConfig) -> Tensor:
    """Shape (length, height, width, 3) -> (length, 3, height, width), uint8."""
    if config.image_size:
        return shrunk(images, config.image_size)
    return torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2)))


def _split(
    episodes: list[Pictures], config: PretrainConfig
) -> tuple[list[Pictures], list[Pictures]]:
    """Those to learn from and those held out."""
    held = round(config.hold_out * len(episodes))
    if held < 2 or len(episodes) - held < 2:
        raise ValueError(
            f"{len(episodes)} episodes, of which {held} would be held out, are too few; record "
            "more, e.g. robot-rl record --episodes 20, or hold out another share: --hold-out 0.3"
        )
    order = np.random.default_rng(config.seed).permutation(len(episodes))
    return [episodes[one] for one in order[held:]], [episodes[one] for one in order[:held]]


def _size_of(episodes: Sequence[Pictures]) -> tuple[int, int]:
    """Height and width of all pictures.

    Raises:
        ValueError: If they differ.
    """
    sizes = {tuple(images.shape[2:]) for one in episodes for images in one.values()}
    if len(sizes) > 1:
        told = ", ".join(f"{height} x {width}" for height, width in sorted(sizes))
        raise ValueError(
            f"pictures of {told} pixels do not go together; give --image-size to shrink them, or "
            "choose --cameras of one size"
        )
    height, width = next(iter(sizes))
    return height, width
