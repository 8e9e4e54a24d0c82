"""Intervals against their references; the test against its promised error rates."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from robot_rl.statistics import Comparison, Scores, adastop, mean_interval, wilson_interval


@given(st.integers(1, 200).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
@settings(max_examples=50, deadline=None)
def test_the_wilson_interval_is_that_of_scipy(counts: tuple[int, int]) -> None:
    reference = binomtest(*counts).proportion_ci(0.9, method="wilson")
    rate, low, high = wilson_interval(*counts, confidence=0.9)
    assert rate == counts[0] / counts[1]
    assert (low, high) == pytest.approx((reference.low, reference.high), abs=1e-12)


def test_a_perfect_record_is_not_a_certain_one() -> None:
    """By hand: 1 / (1 + 1.96^2 / 100) = 0.963."""
    assert wilson_interval(100, 100) == pytest.approx((1.0, 0.963, 1.0), abs=1e-4)


@pytest.mark.parametrize(("successes", "trials"), [(0, 0), (-1, 3), (4, 3)])
def test_impossible_counts_are_refused(successes: int, trials: int) -> None:
    with pytest.raises(ValueError, match=f"{successes} successes in {trials} trials; give 0 <="):
        wilson_interval(successes, trials)


def test_a_percentage_is_no_fraction() -> None:
    with pytest.raises(ValueError, match="confidence is 95; give a fraction between 0 and 1"):
        wilson_interval(1, 2, confidence=95)
    with pytest.raises(ValueError, match="level is 5; give a fraction"):
        adastop({"a": [0.0], "b": [0.0]}, level=5)


def test_the_mean_interval_of_three_seeds_is_students() -> None:
    """By hand: mean 2, deviation 1, t(0.975, 2) = 4.3027, so 2 +- 4.3027 / sqrt(3)."""
    assert mean_interval([1.0, 2.0, 3.0]) == pytest.approx((2.0, -0.4841, 4.4841), abs=1e-4)


def test_the_mean_interval_covers_the_mean_as_often_as_it_says() -> None:
    samples = np.random.default_rng(0).normal(5.0, 2.0, (1000, 4))
    intervals = [mean_interval(sample, confidence=0.8) for sample in samples]
    assert np.mean([low <= 5.0 <= high for _, low, high in intervals]) == pytest.approx(
        0.8, abs=0.04
    )


def test_one_seed_says_nothing_about_the_spread() -> None:
    assert mean_interval([0.7]) == (0.7, -math.inf, math.inf)


@pytest.mark.parametrize(
    ("values", "message"), [([], "give one per seed"), ([1.0, math.nan], "give a flat list of fin")]
)
def test_a_mean_of_nothing_or_nan_is_refused(values: list[float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        mean_interval(values)


def false_alarms(draw: str, learners: int) -> float:
    rng, trials, alarms = np.random.default_rng(1), 300, 0
    draws = {
        "success rates": lambda: rng.binomial(20, 0.9, 25) / 20,
        "heavy tails": lambda: rng.standard_t(1.5, 25),
    }
    for trial in range(trials):
        scores = {str(i): draws[draw]() for i in range(learners)}
        found = adastop(scores, permutations=500, seed=trial)
        alarms += any(comparison.decision != "equal" for comparison in found)
    return alarms / trials


@pytest.mark.parametrize("draw", ["success rates", "heavy tails"])
@pytest.mark.parametrize("learners", [2, 3])
def test_equal_learners_are_called_different_as_rarely_as_promised(
    draw: str, learners: int
) -> None:
    """Level 5 %; 300 trials at exactly 5 % exceed 8.5 % once in 300 times."""
    assert false_alarms(draw, learners) <= 0.085


def test_learners_two_deviations_apart_are_told_apart_by_ten_scores() -> None:
    rng, trials = np.random.default_rng(2), 100
    found = [
        adastop({"a": rng.normal(2.0, 1.0, 10), "b": rng.normal(0.0, 1.0, 10)}, permutations=2000)
        for _ in range(trials)
    ]
    assert np.mean([comparison.decision == "larger" for [comparison] in found]) >= 0.9


def test_clearly_separate_scores_are_decided_at_the_first_look() -> None:
    [found] = adastop({"bc": range(5), "sac": range(10, 15)})
    assert found == Comparison("bc", "sac", "smaller", scores=5, difference=-10.0)
    assert str(found) == "bc is worse than sac (difference -10, 5 scores each)"


def test_scores_that_are_all_equal_are_equal() -> None:
    [found] = adastop({"a": [0.95] * 25, "b": [0.95] * 25})
    assert found.decision == "equal"


def test_a_decided_learner_needs_no_more_scores_than_it_had() -> None:
    rng = np.random.default_rng(3)
    scores = {"good": rng.normal(9, 1, 5), "a": rng.normal(0, 1, 25), "b": rng.normal(0, 1, 25)}
    decisions = {(c.first, c.second): (c.decision, c.scores) for c in adastop(scores)}
    assert decisions == {
        ("good", "a"): ("larger", 5),
        ("good", "b"): ("larger", 5),
        ("a", "b"): ("equal", 25),
    }


def test_without_enough_scores_nothing_is_decided() -> None:
    [found] = adastop({"a": [1.0] * 4, "b": [0.0] * 9})
    assert (found.decision, found.scores) == ("undecided", 0)


@given(st.integers(0, 1000), st.floats(0.0, 3.0))
@settings(max_examples=25, deadline=None)
def test_what_is_decided_stays_decided_with_more_scores(seed: int, shift: float) -> None:
    rng = np.random.default_rng(seed)
    scores = {"a": rng.normal(size=25), "b": rng.normal(size=25) + shift, "c": rng.normal(size=25)}
    decided: dict[tuple[str, str], Comparison] = {}
    for count in range(0, 26, 5):
        looked = adastop({name: s[:count] for name, s in scores.items()}, permutations=200)
        found = {(c.first, c.second): c for c in looked if c.decision != "undecided"}
        assert decided.items() <= found.items()
        decided = found
    assert len(decided) == 3


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        ({"sac": [1.0]}, r"scores of \['sac'\]; comparing needs at least two"),
        ({"sac": [math.nan], "bc": [1.0]}, "scores of 'sac' are .* finite"),
        ({"sac": np.ones((2, 5)), "bc": [1.0]}, "give a flat list"),
    ],
)
def test_scores_that_cannot_be_compared_are_refused(
    scores: dict[str, Scores], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        adastop(scores)
