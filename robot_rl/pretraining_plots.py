"""What to look at of a pretrained encoder: how it learned, and what it takes for alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_ROWS, _EVERY, _AT_ONCE = 6, 10, 64
"""Rows of the montage; steps between the pictures that are compared; how many are at once."""
_SMOOTH = 25
"""Updates of a mean."""


def write_plots(
    folder: Path,
    losses: Sequence[float],
    network: Callable[[Tensor], Tensor],
    episodes: Sequence[Mapping[str, Tensor]],
) -> list[Path]:
    """Writes ``loss.png`` and ``neighbours.png`` about episodes that it has not learned from."""
    from matplotlib.figure import Figure

    folder.mkdir(parents=True, exist_ok=True)
    loss, neighbours = (
        Figure(figsize=size, layout="constrained", dpi=110)
        for size in ((5.0, 3.2), (4.0, 2.0 * _ROWS))
    )
    _draw_loss(loss, losses)
    _draw_neighbours(neighbours, _neighbours(network, episodes))
    paths = [folder / "loss.png", folder / "neighbours.png"]
    for figure, path in zip((loss, neighbours), paths, strict=True):
        figure.savefig(path)
    return paths


def _draw_loss(figure: Figure, losses: Sequence[float]) -> None:
    window = min(_SMOOTH, len(losses))
    mean = np.convolve(losses, np.full(window, 1 / window), "valid")
    axes = figure.add_subplot()
    axes.plot(losses, color="0.85")
    axes.plot(np.arange(len(mean)) + window - 1, mean)
    axes.set_xlabel("updates")
    axes.set_ylabel("loss (InfoNCE)")


def _draw_neighbours(figure: Figure, images: Sequence[np.ndarray]) -> None:
    for number, image in enumerate(images):
        axes = figure.add_subplot(_ROWS, 2, number + 1)
        axes.imshow(image)
        axes.set_axis_off()
        if number < 2:
            axes.set_title(("a moment", "most alike elsewhere")[number])


@torch.no_grad()
def _neighbours(
    network: Callable[[Tensor], Tensor], episodes: Sequence[Mapping[str, Tensor]]
) -> list[np.ndarray]:
    """Pictures and, of other episodes, what is most alike, in turn. Shape (h, w, 3) each."""
    camera = next(iter(episodes[0]))
    pictures = torch.cat([one[camera][::_EVERY] for one in episodes])
    episode = torch.cat(
        [torch.full((len(one[camera][::_EVERY]),), number) for number, one in enumerate(episodes)]
    )
    seen = torch.cat([network(some.float()) for some in pictures.split(_AT_ONCE)])
    likeness = (seen @ seen.T).masked_fill(episode[:, None] == episode[None], -torch.inf)
    chosen = torch.linspace(0, len(pictures) - 1, _ROWS).long()
    pairs = torch.stack([chosen, likeness[chosen].argmax(1)], 1).flatten()
    return [pictures[one].permute(1, 2, 0).numpy() for one in pairs]
