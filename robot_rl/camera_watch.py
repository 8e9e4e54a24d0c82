"""Notices cameras that freeze, and by how they looked before those that are covered or swapped.

``Looks`` is part of what a policy remembers, so it goes wherever the policy goes.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from robot_rl.env import STATE, Observation
from robot_rl.networks import Normalizer

_SIDE = 8
"""Height and width of what is remembered of an image."""
DARK = 0.2
"""Share of the remembered contrast below which nothing is to be seen."""
_LIKER = 0.1
"""By how much more an image correlates with another camera's look than its own, in the mean."""
MOVED = 0.5
"""How far the state goes while a frozen image stays, in its standard deviations."""
PATIENCE = 10
"""Looks in a row that must be wrong."""


class CameraError(RuntimeError):
    """A camera does not show what it showed while the task was demonstrated."""


class Looks(nn.Module):
    """What each camera shows on average, small and grey, and how much contrast it has.

    Args:
        keys: Of the images.
    """

    mean: Tensor
    contrast: Tensor
    count: Tensor

    def __init__(self, keys: Sequence[str]) -> None:
        super().__init__()
        self.keys = tuple(keys)
        self.register_buffer("mean", torch.zeros(len(keys), _SIDE, _SIDE))
        self.register_buffer("contrast", torch.zeros(len(keys)))
        self.register_buffer("count", torch.zeros(()))

    def observe(self, observation: Observation) -> None:
        """Lets it see images of shape (batch, height, width, channels), uint8."""
        images = [observation[key] for key in self.keys]
        total = self.count + len(images[0])
        share = len(images[0]) / total
        self.mean.lerp_(torch.stack([look_of(one).mean(0) for one in images]), share)
        self.contrast.lerp_(torch.stack([contrast_of(one).mean() for one in images]), share)
        self.count.copy_(total)

    def forget(self) -> None:
        """As if it had seen nothing."""
        for buffer in (self.mean, self.contrast, self.count):
            buffer.zero_()


class CameraWatch:
    """Looks at every observation of one world.

    Args:
        looks: How the cameras looked; while they have seen nothing only a frozen one is found.
        normalizer: Knows how far the state goes.
    """

    def __init__(self, looks: Looks, normalizer: Normalizer) -> None:
        self._looks, self._normalizer = looks, normalizer
        self._rows: dict[str, int] = {}
        self._still: dict[str, tuple[np.ndarray, np.ndarray]] = {}

    def forget(self) -> None:
        """From now on nothing is known of how the cameras look."""
        self._looks.forget()

    def see(self, observation: Observation) -> None:
        """Looks at what one world shows. Arrays of shape (1, ...).

        Raises:
            CameraError: A camera is covered, frozen or swapped, and has been for some looks.
        """
        state = self._normalised(observation)
        for key in self._looks.keys:
            self._find_frozen(key, observation[key][0], state)
        if not self._looks.count:
            return
        images = [observation[key][:1] for key in self._looks.keys]
        looks = torch.cat([look_of(image) for image in images])
        for number, (key, image) in enumerate(zip(self._looks.keys, images, strict=True)):
            brighter = float(looks[number].mean() - self._looks.mean[number].mean())
            usual = float(self._looks.contrast[number])
            self._find_covered(key, float(contrast_of(image)), usual, brighter)
        for first, second in combinations(range(len(looks)), 2):
            self._find_swapped(looks, first, second)

    def _normalised(self, observation: Observation) -> np.ndarray:
        if STATE not in observation:
            return np.zeros(0)
        return self._normalizer(torch.as_tensor(observation[STATE][:1]))[0].cpu().numpy()

    def _find_covered(self, key: str, contrast: float, usual: float, brighter: float) -> None:
        # An empty table has no contrast either, but is as bright as it was around the objects.
        if self._lasts(f"{key} covered", contrast < DARK * usual and abs(brighter) > usual):
            raise CameraError(
                f"{key} shows nearly nothing: its contrast is {contrast:.1f}, and was {usual:.1f} "
                "while the task was demonstrated; uncover the camera, or light the scene"
            )

    def _find_frozen(self, key: str, image: np.ndarray, state: np.ndarray) -> None:
        before = self._still.get(key)
        if before is None or not np.array_equal(before[0], image):
            self._still[key] = image.copy(), state
            self._rows.pop(f"{key} frozen", None)
            return
        moved = np.abs(state - before[1]).max(initial=0.0) > MOVED
        if self._lasts(f"{key} frozen", True) and moved:
            raise CameraError(
                f"{key} has shown the same picture {PATIENCE} times while the arm moved; look "
                "after its driver"
            )

    def _find_swapped(self, looks: Tensor, first: int, second: int) -> None:
        keys, pair = self._looks.keys, [first, second]
        swapped = are_swapped(looks[pair], self._looks.mean[pair])
        if self._lasts(f"{first} swapped {second}", swapped):
            raise CameraError(
                f"{keys[first]} and {keys[second]} look like each other did while the task was "
                "demonstrated; swap the cameras, or their names"
            )

    def _lasts(self, what: str, now: bool) -> bool:
        """Counts looks in a row; whether there have been enough."""
        self._rows[what] = self._rows.get(what, 0) + 1 if now else 0
        return self._rows[what] >= PATIENCE


def look_of(images: np.ndarray) -> Tensor:
    """What is remembered of images. Shape (batch, h, w, c), uint8 -> (batch, side, side)."""
    return F.adaptive_avg_pool2d(_grey(images)[:, None], _SIDE)[:, 0]


def contrast_of(images: np.ndarray) -> Tensor:
    """Standard deviation over the pixels. Shape (batch, h, w, c), uint8 -> (batch,)."""
    return _grey(images).flatten(-2).std(-1)


def _grey(images: np.ndarray) -> Tensor:
    """Of stacked frames the newest. Shape (batch, h, w, c) -> (batch, h, w)."""
    return torch.as_tensor(images[..., -3:]).float().mean(-1)


def are_swapped(images: Tensor, looks: Tensor) -> bool:
    """Whether two cameras show what the other did, each of them. Shape (2, side, side) both."""
    pairs = zip(images, looks.flip(0), looks, strict=True)
    liker = [_likeness(one, other) - _likeness(one, own) for one, other, own in pairs]
    return min(liker) > 0 and sum(liker) > 2 * _LIKER


def _likeness(image: Tensor, look: Tensor) -> float:
    """Correlation of two small images."""
    both = torch.stack([image.flatten(), look.flatten()])
    return float(torch.nan_to_num(torch.corrcoef(both)[0, 1]))
