"""How good a classifier of success is, frame by frame and as it judges episodes at run time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from robot_rl.classifier import probability
from robot_rl.statistics import wilson_interval

_LIMIT = 20.0
"""Logits beyond it are as good as certain."""


class Scored(NamedTuple):
    """One episode and the logits of its frames."""

    logits: np.ndarray
    """Calibrated. Shape (length,)."""
    success: np.ndarray
    """Shape (length,), bool."""
    fresh: np.ndarray
    """Frames that count, being no repetition. Shape (length,), bool."""

    def payment(self, threshold: float, frames: int) -> int | None:
        """The step at which run time would pay; None if it never would."""
        steps, lows = self._windows(frames)
        over = np.flatnonzero(lows >= logit(threshold))
        return int(steps[over[0]]) if len(over) else None

    def peak(self, frames: int, success: bool) -> float:
        """The highest logit at which it would be paid while that is right, or wrong; or -inf."""
        steps, lows = self._windows(frames)
        return float(np.max(lows[self.success[steps] == success], initial=-np.inf))

    def _windows(self, frames: int) -> tuple[np.ndarray, np.ndarray]:
        """Of each row of frames that count: its last step, and its lowest logit."""
        steps = np.flatnonzero(self.fresh)
        if len(steps) < frames:
            return steps[:0], np.empty(0)
        rows = np.lib.stride_tricks.sliding_window_view(self.logits[steps], frames)
        return steps[frames - 1 :], rows.min(axis=1)


@dataclass(frozen=True)
class Judged:
    """Numbers of episodes, as run time judges them."""

    succeeded: int
    failed: int
    paid: int
    """Paid while the task had succeeded."""
    early: int
    """Paid before, in an episode that succeeded later."""
    false: int
    """Paid in an episode that failed."""

    @property
    def precision(self) -> float:
        """Share of the payments that were right; NaN without any."""
        total = self.paid + self.early + self.false
        return self.paid / total if total else float("nan")

    @property
    def recall(self) -> float:
        """Share of the successful episodes that were paid, and not too early."""
        return self.paid / self.succeeded if self.succeeded else float("nan")

    @property
    def false_rate(self) -> float:
        """False payments per failed episode."""
        return self.false / self.failed if self.failed else float("nan")

    def __str__(self) -> str:
        high = wilson_interval(self.false, self.failed).high if self.failed else float("nan")
        return (
            f"{self.succeeded} successful episodes: {self.paid} paid, {self.early} too early; "
            f"{self.failed} failed ones: {self.false} paid (below {high:.1%} with 95 % confidence)"
            f"\nprecision {self.precision:.1%}, recall {self.recall:.1%}"
        )


def judge_episodes(episodes: Sequence[Scored], threshold: float, frames: int) -> Judged:
    """What run time would do with a threshold and so many frames in a row."""
    succeeded = paid = early = false = 0
    for episode in episodes:
        step, won = episode.payment(threshold, frames), bool(episode.success.any())
        succeeded += won
        right = step is not None and bool(episode.success[step])
        paid += right
        early += won and step is not None and not right
        false += not won and step is not None
    return Judged(succeeded, len(episodes) - succeeded, paid, early, false)


def choose_threshold(episodes: Sequence[Scored], frames: int, rate: float) -> float:
    """The probability above which at most a share ``rate`` of the episodes is paid wrongly.

    Of the thresholds that keep to it, the one in the middle, by logits, between the least and the
    one that would begin to miss successes: wide from both.

    Raises:
        ValueError: If no threshold keeps to it.
    """
    wrong = np.sort([episode.peak(frames, success=False) for episode in episodes])[::-1]
    won = [e.peak(frames, success=True) for e in episodes if e.success.any()]
    least = max(float(wrong[int(rate * len(wrong))]), -_LIMIT)
    misses = float(np.quantile(won, 0.05)) if won else _LIMIT
    if least >= _LIMIT:
        raise ValueError(
            f"no threshold pays at most {rate:.1%} of the episodes wrongly; record more failures "
            "that look like successes"
        )
    middle = (least + misses) / 2 if misses > least else least + 1e-6
    return float(probability(np.array(min(middle, _LIMIT))))


def fit_calibration(logits: np.ndarray, success: np.ndarray) -> tuple[float, float]:
    """What to divide logits by, and what to add then.

    The temperature (Guo et al., 2017) has the greatest likelihood of frames that were not learned
    from; the bias is how rare success is among them, for it was learned from batches half of it.

    Args:
        logits: Shape (frames,).
        success: Shape (frames,), bool.
    """
    from scipy.optimize import minimize_scalar

    bias = logit(float(success.mean()))
    signs = np.where(success, 1.0, -1.0)
    found = minimize_scalar(
        lambda log: np.logaddexp(0, -signs * (logits / np.exp(log) + bias)).mean(),
        bounds=(-3.0, 3.0),
        method="bounded",
    )
    return float(np.exp(found.x)), bias


def roc(logits: np.ndarray, success: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """False and true positive rates of frames, as the threshold falls. Shape (frames + 1,)."""
    order = np.argsort(-logits, kind="stable")
    right = np.cumsum(success[order]) / max(success.sum(), 1)
    wrong = np.cumsum(~success[order]) / max((~success).sum(), 1)
    return np.r_[0.0, wrong], np.r_[0.0, right]


def area_under(false_rate: np.ndarray, true_rate: np.ndarray) -> float:
    """Area under a ROC curve."""
    return float(np.trapezoid(true_rate, false_rate))


def reliability(
    probabilities: np.ndarray, success: np.ndarray, bins: int = 10
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean score, share of successes and number of frames in each bin that has some."""
    which = np.clip((probabilities * bins).astype(int), 0, bins - 1)
    count = np.bincount(which, minlength=bins)
    held = count > 0
    sums = (np.bincount(which, values, bins)[held] for values in (probabilities, success))
    score, share = (total / count[held] for total in sums)
    return score, share, count[held]


def calibration_error(probabilities: np.ndarray, success: np.ndarray) -> float:
    """Expected calibration error: mean gap between score and share of successes."""
    score, share, count = reliability(probabilities, success)
    return float(np.average(np.abs(score - share), weights=count))


def logit(chance: float) -> float:
    """Inverse of the logistic function, within what counts as certain."""
    if not 0 < chance < 1:
        return -_LIMIT if chance <= 0 else _LIMIT
    return float(np.log(chance / (1 - chance)))
