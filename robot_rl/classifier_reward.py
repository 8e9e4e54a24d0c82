"""Success by camera images, as a source of reward: it needs several frames in a row.

A camera that is covered, or shows the same picture again, pays nothing, and the readings say so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from robot_rl.classifier import SuccessClassifier
from robot_rl.ranges import above, at_least, check
from robot_rl.reward import Moments, Verdict
from robot_rl.reward_sources import Streak, ToolBox

_STALE = 5
"""Steps without a new picture after which the frames before them count no longer."""


@dataclass(frozen=True)
class ClassifierSettings:
    """A file that ``robot-rl classifier train`` wrote."""

    file: Path
    """Beside the list of sources."""
    frames: int | None = None
    """Frames in a row that must show success; None takes those that the threshold is for."""
    threshold: float | None = None
    """Probability from which a frame shows success; None takes the file's own."""
    guard: ToolBox | None = None
    """Where the tool must be besides."""
    name: str = "classifier"
    """Unlike that of other sources."""

    def __post_init__(self) -> None:
        check(self, frames=at_least(1), threshold=above(0, up_to=1))


class ClassifierReward:
    """Success once enough new frames in a row show it."""

    sparse: bool | None = True

    def __init__(self, settings: ClassifierSettings, num_envs: int = 1) -> None:
        self.name = settings.name
        self.classifier = SuccessClassifier.load(settings.file)
        self._guard = settings.guard
        self._frames = settings.frames or self.classifier.frames
        self._threshold = settings.threshold or self.classifier.threshold
        self._streak, self._repeated = Streak(num_envs), Streak(num_envs)
        self._last: dict[str, np.ndarray] = {}
        self._stamps: dict[str, np.ndarray] = {}

    @property
    def cameras(self) -> tuple[str, ...]:
        """Cameras that the classifier looks at."""
        return self.classifier.cameras

    @property
    def crops(self) -> Mapping[str, tuple[float, ...]]:
        """What it knows of the pictures of cameras that it has not seen whole."""
        return self.classifier.crops

    def judge(self, moments: Moments) -> Verdict:
        """Success, and as readings score, frames in a row, and what is wrong with the cameras."""
        images = {camera: moments.observation[f"images/{camera}"] for camera in self.cameras}
        score, covered = self.classifier.score(images), self.classifier.covered(images)
        fresh = self._fresh(images, moments)
        frozen = self._repeated.count(~fresh)
        shown = (score >= self._threshold) & ~covered
        if self._guard is not None:
            shown &= self._guard.holds(moments)
        self._streak.forget(np.flatnonzero(frozen >= _STALE))
        frames = self._streak.count(shown, where=fresh)
        return Verdict.of(
            frames >= self._frames,
            score=score,
            frames=frames.astype(float),
            covered=covered.astype(float),
            frozen=frozen.astype(float),
        )

    def forget(self, worlds: np.ndarray) -> None:
        """Counts from 0 again; pictures of the last episode are still old ones."""
        self._streak.forget(worlds)

    def _fresh(self, images: dict[str, np.ndarray], moments: Moments) -> np.ndarray:
        """Whether every camera shows another picture than in the step before."""
        fresh = np.ones(moments.num_envs, bool)
        for camera, pixels in images.items():
            if camera in self._last:
                fresh &= (pixels != self._last[camera]).any(axis=(1, 2, 3))
            stamp = moments.stamps.get(f"images/{camera}")
            if stamp is not None:
                fresh &= stamp != self._stamps.get(camera, np.nan)
                self._stamps[camera] = np.array(stamp)
            self._last[camera] = pixels.copy()
        return fresh
