"""What to look at of a classifier of success: its ROC, its reliability, and its worst errors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from robot_rl.classifier import SuccessClassifier, probability
from robot_rl.classifier_frames import Clip, stacked
from robot_rl.classifier_judgement import area_under, logit, reliability, roc
from robot_rl.classifier_training import scored

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_WORST = 8
"""Frames in a row of the montage."""


def write_plots(classifier: SuccessClassifier, clips: Sequence[Clip], folder: Path) -> list[Path]:
    """Writes ``roc.png``, ``reliability.png`` and ``worst.png`` about clips it has not learned."""
    from matplotlib.figure import Figure

    folder.mkdir(parents=True, exist_ok=True)
    images, success = stacked(clips)
    logits = np.concatenate([episode.logits for episode in scored(classifier, clips)])
    written = []
    for name, size in (("roc", (4.0, 4.0)), ("reliability", (4.0, 4.0)), ("worst", (12.0, 6.4))):
        figure = Figure(figsize=size, layout="constrained", dpi=110)
        if name == "roc":
            _roc(figure.add_subplot(), logits, success, classifier.threshold)
        elif name == "reliability":
            _reliability(figure.add_subplot(), probability(logits), success)
        else:
            _worst(figure, images, probability(logits), success)
        written.append(folder / f"{name}.png")
        figure.savefig(written[-1])
    return written


def _roc(axes: Axes, logits: np.ndarray, success: np.ndarray, threshold: float) -> None:
    false_rate, true_rate = roc(logits, success)
    axes.plot(false_rate, true_rate)
    over = logits >= logit(threshold)
    axes.plot(over[~success].mean(), over[success].mean(), "o", label=f"threshold {threshold:.2f}")
    axes.set_xlabel("false positive rate of frames")
    axes.set_ylabel("true positive rate of frames")
    axes.set_title(f"area {area_under(false_rate, true_rate):.4f}")
    axes.legend(loc="lower right")


def _reliability(axes: Axes, probabilities: np.ndarray, success: np.ndarray) -> None:
    score, share, count = reliability(probabilities, success)
    axes.plot([0, 1], [0, 1], color="0.7")
    axes.plot(score, share, "o-")
    for x, y, frames in zip(score, share, count, strict=True):
        axes.annotate(f"{frames:.0f}", (x, y), textcoords="offset points", xytext=(4, -10))
    axes.set_xlabel("score")
    axes.set_ylabel("share of successes, and number of frames")


def _worst(
    figure: Figure, images: dict[str, torch.Tensor], chances: np.ndarray, success: np.ndarray
) -> None:
    """No successes with the highest scores above, successes with the lowest below."""
    rows = list(_errors(chances, success))
    grid = figure.subplots(len(rows), _WORST, squeeze=False)
    for row, (title, chosen) in zip(grid, rows, strict=True):
        for axes in row:
            axes.set_axis_off()
        for axes, frame in zip(row, chosen, strict=False):
            side_by_side = torch.cat([pixels[frame] for pixels in images.values()], dim=1)
            axes.imshow(side_by_side.permute(1, 2, 0).numpy())
            axes.set_title(f"{title} {chances[frame]:.2f}", fontsize=8)


def _errors(chances: np.ndarray, success: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    order = np.argsort(chances)
    yield "no success", order[~success[order]][::-1][:_WORST]
    yield "success", order[success[order]][:_WORST]
