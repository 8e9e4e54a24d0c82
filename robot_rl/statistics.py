"""How sure a number from a few runs is: intervals, and a test that says when runs are enough."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Literal, NamedTuple

import numpy as np

Scores = Sequence[float] | np.ndarray
"""One number per seed."""
Decision = Literal["larger", "smaller", "equal", "undecided"]


class Interval(NamedTuple):
    """An estimate and the ends of its confidence interval."""

    estimate: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.estimate:.0%} ({self.low:.0%} to {self.high:.0%})"


def wilson_interval(successes: int, trials: int, confidence: float = 0.95) -> Interval:
    """Success rate with the score interval of Wilson (1927), sound at 0 and 1 and for few trials.

    Raises:
        ValueError: Unless 0 <= successes <= trials, trials > 0 and 0 < confidence < 1.
    """
    if not 0 <= successes <= trials or trials == 0:
        raise ValueError(f"{successes} successes in {trials} trials; give 0 <= successes <= trials")
    z = NormalDist().inv_cdf(0.5 + _fraction("confidence", confidence) / 2)
    rate, weight = successes / trials, z * z / trials
    centre = (rate + weight / 2) / (1 + weight)
    half = z * math.sqrt(rate * (1 - rate) / trials + weight / (4 * trials)) / (1 + weight)
    return Interval(rate, max(centre - half, 0.0), min(centre + half, 1.0))


def mean_interval(values: Scores, confidence: float = 0.95) -> Interval:
    """Mean over seeds with its Student-t interval; one value alone says nothing about the spread.

    Student's interval holds its level for the three to ten seeds that are usual here, where a
    bootstrap is too narrow.

    Raises:
        ValueError: If there is no value, or one that is not finite.
    """
    from scipy.stats import t as student

    array = _finite("values", values)
    if not array.size:
        raise ValueError("no values; give one per seed")
    mean, count = float(array.mean()), array.size
    if count == 1:
        return Interval(mean, -math.inf, math.inf)
    quantile = float(student.ppf(0.5 + _fraction("confidence", confidence) / 2, count - 1))
    half = quantile * float(array.std(ddof=1)) / math.sqrt(count)
    return Interval(mean, mean - half, mean + half)


@dataclass(frozen=True)
class Comparison:
    """What the scores of two learners allow to say."""

    first: str
    second: str
    decision: Decision = "undecided"
    """``first`` against ``second``; ``equal`` means that no difference showed up to the end."""
    scores: int = 0
    """Scores of each learner that went into the decision."""
    difference: float = math.nan
    """Mean score of ``first`` less that of ``second``."""

    def __str__(self) -> str:
        relation = {
            "larger": "is better than",
            "smaller": "is worse than",
            "equal": "shows no difference to",
            "undecided": "needs more scores to be told from",
        }[self.decision]
        return (
            f"{self.first} {relation} {self.second} "
            f"(difference {self.difference:+.3g}, {self.scores} scores each)"
        )


def adastop(
    scores: Mapping[str, Scores],
    *,
    group_size: int = 5,
    interims: int = 5,
    permutations: int = 10_000,
    level: float = 0.05,
    seed: int = 0,
) -> list[Comparison]:
    """Compares learners by a score per seed, and says whether more seeds are needed.

    AdaStop (Mathieu et al., 2023, https://arxiv.org/abs/2306.10882): a group-sequential permutation
    test with step-down. After every ``group_size`` seeds it looks at the scores so far, at most
    ``interims`` times; over all looks and pairs the chance to call any two equal learners different
    is at most ``level``. Nothing is assumed about the distribution of scores.

    Call it again with the old scores and the new when seeds are added: the permutations follow from
    ``seed``, so what was decided stays decided. A pair that is decided needs no more scores. The
    four settings must be chosen before the first look.

    Args:
        scores: One score per seed for each of two or more learners, in the order they were run;
            scores beyond the last whole group wait for the next.
        group_size: Seeds between two looks.
        interims: Largest number of looks.
        permutations: Random permutations that stand for all.
        level: Largest chance of a false alarm.
        seed: Seed of the permutations.

    Returns:
        One comparison for each pair, in the order of ``scores``.

    Raises:
        ValueError: If there are fewer than two learners, a score is not finite, or the level is not
            between 0 and 1.
    """
    if len(scores) < 2:
        raise ValueError(f"scores of {list(scores)}; comparing needs at least two learners")
    share = _fraction("level", level) / interims
    groups = {name: _groups(name, values, group_size) for name, values in scores.items()}
    test = _Adastop(list(itertools.combinations(groups, 2)), permutations, seed)
    for look in range(interims):
        if not test.open or any(len(groups[name]) <= look for pair in test.open for name in pair):
            break
        test.look(groups, look, share * (look + 1))
        if look + 1 == interims:
            test.decide(test.open, "equal")
    return list(test.found.values())


class _Adastop:
    """The state of the test between two looks; row 0 of the permutations is the data itself."""

    def __init__(self, pairs: list[tuple[str, str]], permutations: int, seed: int) -> None:
        self.found = {pair: Comparison(*pair) for pair in pairs}
        self._sums = {pair: np.zeros(permutations) for pair in pairs}
        self._inside = np.ones(permutations, bool)
        self._spent = 0.0
        self._scale = 0.0
        self._rng = np.random.default_rng(seed)

    @property
    def open(self) -> list[tuple[str, str]]:
        """Pairs without a decision."""
        return [pair for pair, found in self.found.items() if found.decision == "undecided"]

    def decide(self, pairs: Sequence[tuple[str, str]], decision: Decision) -> None:
        for pair in pairs:
            self.found[pair] = replace(self.found[pair], decision=decision)

    def look(self, groups: Mapping[str, np.ndarray], look: int, allowed: float) -> None:
        """Decides the pairs it can, with a chance of at most ``allowed`` spent so far."""
        for pair in self.open:
            self._append(pair, *(groups[name][: look + 1] for name in pair))
        for pair, statistic, bound in self._step_down(allowed):
            observed = self._sums[pair][0]
            if abs(observed) > bound:
                self.decide([pair], "larger" if observed > 0 else "smaller")
                continue
            crossed = self._inside & (statistic > bound)
            self._spent += float(crossed.mean())
            self._inside &= ~crossed
            return

    def _step_down(self, allowed: float) -> Iterator[tuple[tuple[str, str], np.ndarray, float]]:
        """The open pair that differs most, with the statistic of all open pairs and its bound."""
        while pairs := self.open:
            statistic = np.max([np.abs(self._sums[pair]) for pair in pairs], axis=0)
            leader = max(pairs, key=lambda pair: abs(self._sums[pair][0]))
            yield leader, statistic, self._bound(statistic, allowed)

    def _append(self, pair: tuple[str, str], first: np.ndarray, second: np.ndarray) -> None:
        """Adds the difference of the last group of scores, as it is and permuted."""
        pool, size = np.concatenate([first[-1], second[-1]]), first.shape[1]
        order = self._rng.random((len(self._inside), 2 * size)).argsort(axis=1)
        order[0] = np.arange(2 * size)
        self._sums[pair] += 2 * pool[order[:, :size]].sum(axis=1) - pool.sum()
        self._scale = max(self._scale, float(np.abs(pool).max()))
        difference = float(first.mean() - second.mean())
        self.found[pair] = replace(self.found[pair], scores=first.size, difference=difference)

    def _bound(self, statistic: np.ndarray, allowed: float) -> float:
        """Smallest bound that few enough of the permutations inside all earlier bounds cross."""
        descending = np.sort(statistic[self._inside])[::-1]
        crossing = int((allowed - self._spent) * len(statistic) + 1e-9)
        return float(descending[crossing]) + 1e-9 * self._scale  # sums differ by their rounding


def _groups(name: str, scores: Scores, size: int) -> np.ndarray:
    """Whole groups of scores. Shape (groups, size)."""
    array = _finite(f"scores of {name!r}", scores)
    return array[: array.size // size * size].reshape(-1, size)


def _finite(name: str, values: Scores) -> np.ndarray:
    array = np.asarray(values, float)
    if array.ndim != 1 or not np.isfinite(array).all():
        raise ValueError(f"{name} are {values}; give a flat list of finite numbers")
    return array


def _fraction(name: str, value: float) -> float:
    if not 0.0 < value < 1.0:
        raise ValueError(f"{name} is {value}; give a fraction between 0 and 1")
    return value
