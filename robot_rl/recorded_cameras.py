"""Cameras that were covered, frozen or swapped while something was recorded."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from robot_rl.agent_config import AgentConfig, PixelConfig
from robot_rl.camera_watch import (
    DARK,
    MOVED,
    PATIENCE,
    CameraError,
    are_swapped,
    contrast_of,
    look_of,
)
from robot_rl.classifier_frames import frames_of, images_of
from robot_rl.env import IMAGES, STATE
from robot_rl.environments import BASE
from robot_rl.episode import Episode
from robot_rl.networks import Normalizer

_BLIND = 2.0
"""Contrast, of 255, of a camera that shows nothing."""
_AT_ONCE = 64
"""Pictures that are looked at together."""


def looked_at(agent: AgentConfig, keys: Iterable[str]) -> list[str]:
    """Which images of an observation a learner, or what it corrects, looks at."""
    keys = list(keys)
    sees = isinstance(agent, PixelConfig) or BASE in keys
    return [key for key in keys if sees and key.startswith(IMAGES)]


class RecordedCameras:
    """What cameras have shown in one episode after the other, of which little is remembered.

    What is wrong with most of an episode is found, beside how most of the episodes look.

    Args:
        images: Keys to look at; None looks at all that cameras have shown.
    """

    def __init__(self, images: Iterable[str] | None = None) -> None:
        self._images = None if images is None else tuple(images)
        self._seen: list[_Seen] = []

    def see(self, episode: Episode) -> Episode:
        """Looks at an episode, and returns it."""
        held = images_of(episode)
        images = held if self._images is None else [key for key in self._images if key in held]
        if images:
            self._seen.append(_see(episode, {key: frames_of(episode, key) for key in images}))
        return episode

    @property
    def keys(self) -> list[str]:
        """Images that some episode has."""
        return list(dict.fromkeys(key for one in self._seen for key in one.contrast))

    def faults(self) -> Iterator[str]:
        """One line for each camera that was wrong, in an episode or in most of them."""
        for key in self.keys:
            yield from self._of_camera(key)
        for first, second in combinations(self.keys, 2):
            yield from self._of_pair([first, second])

    def require(self, path: Path) -> None:
        """Refuses to learn from what it has seen of a dataset.

        Raises:
            CameraError: A camera was covered, frozen or swapped; names all episodes where one was.
        """
        if lines := "".join(f"\n  {fault}" for fault in self.faults()):
            raise CameraError(
                f"not all cameras of {path} show what there is to learn:{lines}\nlook at them; to "
                f"learn without an episode: robot-rl dataset drop {path} --episode ITS_NAME"
            )

    def _of_camera(self, key: str) -> Iterator[str]:
        seen = [one for one in self._seen if key in one.contrast]
        usual = float(np.median([one.contrast[key] for one in seen]))
        if usual < _BLIND:
            yield (
                f"{key} mostly shows nothing, its contrast is {usual:.1f} of 255: uncover it and "
                "record anew, or leave it out"
            )
            return
        spread = np.concatenate([one.state for one in seen]).std(axis=0)
        for one in seen:
            if one.contrast[key] < DARK * usual:
                yield (
                    f"episode {one.name}: {key} shows nearly nothing, its contrast is "
                    f"{one.contrast[key]:.1f} and mostly {usual:.1f}"
                )
            if key in one.stays and _has_moved(one.state[one.stays[key]], spread):
                yield f"episode {one.name}: {key} shows the same picture while the arm moves"

    def _of_pair(self, pair: Sequence[str]) -> Iterator[str]:
        seen = [one for one in self._seen if all(key in one.look for key in pair)]
        looks = [torch.stack([one.look[key] for key in pair]) for one in seen]
        usual = torch.stack(looks).quantile(0.5, dim=0) if looks else None
        for one, look in zip(seen, looks, strict=True):
            if usual is not None and are_swapped(look, usual):
                yield f"episode {one.name}: {pair[0]} and {pair[1]} are swapped"


class _Seen(NamedTuple):
    """What the cameras have shown in an episode, by their keys."""

    name: str
    """Beginning of its uuid."""
    look: Mapping[str, Tensor]
    contrast: Mapping[str, float]
    """Of the middle one of its pictures."""
    stays: Mapping[str, slice]
    """Where the same picture stays for most of the episode."""
    state: np.ndarray
    """Shape (length + 1, n); n may be 0."""


def _see(episode: Episode, frames: Mapping[str, np.ndarray]) -> _Seen:
    length = len(episode) + 1
    spans = {key: _longest_stay(each) for key, each in frames.items()}
    least = max(length / 2, PATIENCE)
    return _Seen(
        episode.metadata.uuid[:8],
        {key: _in_parts(look_of, each).mean(0) for key, each in frames.items()},
        {key: float(_in_parts(contrast_of, each).median()) for key, each in frames.items()},
        {key: span for key, span in spans.items() if span.stop - span.start > least},
        episode.observation.get(STATE, np.zeros((length, 0), np.float32)),
    )


def _in_parts(look: Callable[[np.ndarray], Tensor], frames: np.ndarray) -> Tensor:
    """What ``look`` says of all frames, a few at a time."""
    starts = range(0, len(frames), _AT_ONCE)
    return torch.cat([look(frames[start : start + _AT_ONCE]) for start in starts])


def _longest_stay(frames: np.ndarray) -> slice:
    """The longest run of equal pictures."""
    changes = [i for i in range(1, len(frames)) if not np.array_equal(frames[i], frames[i - 1])]
    ends = [0, *changes, len(frames)]
    longest = int(np.argmax(np.diff(ends)))
    return slice(ends[longest], ends[longest + 1])


def _has_moved(state: np.ndarray, spread: np.ndarray) -> bool:
    """Whether most of the state that varies at all has gone far: forces jitter at rest as well."""
    varies = spread > Normalizer.MIN_STD
    gone = np.ptp(state, axis=0)[varies] / spread[varies]
    return bool(gone.size) and bool(np.median(gone) > MOVED)
