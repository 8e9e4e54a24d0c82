"""Cameras that were covered, frozen or swapped while something was recorded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from robot_rl.camera_watch import DARK, MOVED, CameraError, Looks, are_swapped
from robot_rl.classifier_frames import frames_of, has_frames
from robot_rl.env import IMAGES, STATE
from robot_rl.episode import Episode

_BLIND = 2.0
"""Contrast, of 255, of a camera that has shown nothing in any episode."""
_AT_ONCE = 64
"""Pictures that are looked at together."""


def require_good_cameras(episodes: Iterable[Episode], keys: Iterable[str], path: Path) -> None:
    """Refuses to learn from pictures that show nothing, or something else than in the others.

    Args:
        episodes: What is going to be learned from.
        keys: What a learner observes of it.
        path: Where they lie.

    Raises:
        CameraError: A camera was covered, frozen or swapped; names all episodes where one was.
    """
    images = [key for key in keys if key.startswith(IMAGES)]
    if images and (faults := camera_faults(episodes, images)):
        raise CameraError(
            f"not all cameras of {path} show what there is to learn:"
            + "".join(f"\n  {fault}" for fault in faults)
            + f"\nlook at them; to learn without an episode: robot-rl dataset drop {path} "
            "--episode UUID"
        )


def camera_faults(episodes: Iterable[Episode], images: Sequence[str]) -> list[str]:
    """What is wrong with most of an episode, beside how most of the episodes look.

    Args:
        episodes: Each is looked at once; one without all of the images is left out.
        images: Keys of the cameras.
    """
    seen = [
        _see(episode, {key: frames_of(episode, key) for key in images})
        for episode in episodes
        if all(has_frames(episode, key) for key in images)
    ]
    return list(_faults(seen, images)) if seen else []


class _Seen(NamedTuple):
    """What the cameras have shown in an episode."""

    uuid: str
    mean: torch.Tensor
    contrast: torch.Tensor
    state: np.ndarray
    """Shape (length + 1, n); n may be 0."""
    stays: Mapping[str, slice]
    """Where a camera shows the same picture for most of the episode."""


def _see(episode: Episode, frames: Mapping[str, np.ndarray]) -> _Seen:
    looks, length = Looks(tuple(frames)), len(episode) + 1
    for number in range(0, length, _AT_ONCE):
        looks.observe({key: each[number : number + _AT_ONCE] for key, each in frames.items()})
    spans = {key: _longest_stay(each) for key, each in frames.items()}
    return _Seen(
        episode.metadata.uuid[:8],
        looks.mean,
        looks.contrast,
        episode.observation.get(STATE, np.zeros((length, 0), np.float32)),
        {key: span for key, span in spans.items() if span.stop - span.start > length / 2},
    )


def _longest_stay(frames: np.ndarray) -> slice:
    """The longest run of equal pictures."""
    changes = [i for i in range(1, len(frames)) if not np.array_equal(frames[i], frames[i - 1])]
    ends = [0, *changes, len(frames)]
    longest = int(np.argmax(np.diff(ends)))
    return slice(ends[longest], ends[longest + 1])


def _faults(seen: Sequence[_Seen], images: Sequence[str]) -> Iterator[str]:
    usual = torch.stack([one.contrast for one in seen]).median(0).values
    mean = torch.stack([one.mean for one in seen]).median(0).values
    spread = np.concatenate([one.state for one in seen]).std(axis=0)
    for key, contrast in zip(images, usual.tolist(), strict=True):
        if contrast < _BLIND:
            yield f"{key} shows nearly nothing in most episodes: its contrast is {contrast:.1f}"
    for one in seen:
        for key, found, wanted in zip(images, one.contrast, usual, strict=True):
            if found < DARK * wanted:
                yield (
                    f"episode {one.uuid}: {key} shows nearly nothing, its contrast is "
                    f"{found:.1f} and mostly {wanted:.1f}"
                )
        for key, span in one.stays.items():
            if _has_moved(one.state[span], spread):
                yield f"episode {one.uuid}: {key} shows the same picture while the arm moves"
        for first, second in combinations(range(len(images)), 2):
            pair = [first, second]
            if are_swapped(one.mean[pair], mean[pair]):
                yield f"episode {one.uuid}: {images[first]} and {images[second]} are swapped"


def _has_moved(state: np.ndarray, spread: np.ndarray) -> bool:
    """Whether most of the state that varies at all has gone far: forces jitter at rest as well."""
    varies = spread > 0
    gone = np.ptp(state, axis=0)[varies] / spread[varies]
    return bool(gone.size) and bool(np.median(gone) > MOVED)
