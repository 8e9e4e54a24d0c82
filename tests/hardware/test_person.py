"""The scripted person, time as an argument: when they take over, how they err, when they let go."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from hardware.node_settings import PersonSettings
from hardware.person import Look, Person

PERIOD = 0.05
LENGTH = 5.0
GOAL = np.array([0.3, 0.0, 0.0])
Policy = Callable[[np.ndarray], np.ndarray]
"""Tool position -> where it is one period later; shape (3,) [m]."""


def still(tool: np.ndarray) -> np.ndarray:
    return tool


def direct(tool: np.ndarray) -> np.ndarray:
    return tool + 0.005 * (GOAL - tool) / np.linalg.norm(GOAL - tool)


def creeping(tool: np.ndarray) -> np.ndarray:
    return tool + np.array([0.002, 0, 0])


def to_and_fro(tool: np.ndarray) -> np.ndarray:
    return -tool if tool.any() else np.array([0.01, 0.0, 0.0])


def somebody(seed: int = 0, **settings: Any) -> Person:
    rng = np.random.default_rng(seed)
    usual: dict[str, Any] = {"tremble": 0.0, "skill": 1.0, "patience": 1.0}
    return Person(PersonSettings(**usual | settings), LENGTH, rng)


def watch(person: Person, policy: Policy, seconds: float = LENGTH) -> list[np.ndarray | None]:
    """One episode; a person who has the arm moves it at 0.1 m/s. What their hand wanted."""
    person.begin()
    tool, hands = np.zeros(3), []
    for now in np.arange(0, seconds, PERIOD):
        way = np.r_[GOAL - tool, np.zeros(3)]
        hand = person.look(Look(tool, way), float(now))
        hands.append(hand)
        if hand is None:
            tool = policy(tool)
        else:
            tool = tool + 0.1 * PERIOD * hand[:3] / np.linalg.norm(hand[:3])
    return hands


def held(hands: list[np.ndarray | None]) -> np.ndarray:
    return np.array([hand is not None for hand in hands])


@pytest.mark.parametrize("policy", [still, to_and_fro])
def test_who_makes_no_progress_is_helped_after_the_patience_and_not_before(policy: Policy) -> None:
    hands = held(watch(somebody(patience=1.0), policy, seconds=1.5))
    assert np.argmax(hands) * PERIOD == pytest.approx(1.0, abs=1.5 * PERIOD)


def test_who_gets_on_is_left_alone_until_it_is_late() -> None:
    person = somebody(late=0.7)
    hands = held(watch(person, creeping))
    assert np.argmax(hands) * PERIOD == pytest.approx(0.7 * LENGTH, abs=1.5 * PERIOD)
    assert not held(watch(somebody(late=1.0), direct, seconds=2.9)).any()


def test_they_let_go_once_the_tool_gets_on_and_pause() -> None:
    hands = held(watch(somebody(enough=0.03, pause=0.5, late=1.0), still, seconds=4.0))
    starts, ends = (np.flatnonzero(np.diff(hands.astype(int)) == sign) for sign in (1, -1))
    assert (ends[0] - starts[0]) * PERIOD == pytest.approx(0.03 / 0.1, abs=2.5 * PERIOD)
    # They watch anew before they help again.
    assert (starts[1] - ends[0]) * PERIOD == pytest.approx(0.5 + 1.0, abs=2.5 * PERIOD)


def test_nobody_holds_on_to_an_arm_that_does_not_move() -> None:
    person, seen = somebody(longest=1.0), Look(np.zeros(3), np.r_[GOAL, 0, 0, 0])
    hands = [person.look(seen, float(now)) for now in np.arange(0, 3.0, PERIOD)]
    start = int(np.argmax(held(hands)))
    assert not held(hands)[start + round(1.0 / PERIOD) + 2]


def test_a_hand_wants_what_the_expert_wants_and_trembles() -> None:
    hands = [h for h in watch(somebody(tremble=0.001), still, seconds=1.3) if h is not None]
    deviation = np.array([hand[:3] - GOAL for hand in hands[:1]])
    assert 0 < np.abs(deviation).max() < 0.01
    steady = [h for h in watch(somebody(), still, seconds=1.3) if h is not None]
    np.testing.assert_allclose(steady[0][:3], GOAL)


def test_a_new_episode_is_begun_with_hands_off() -> None:
    person = somebody()
    watch(person, still, seconds=1.2)
    assert person.holds
    person.begin()
    assert not person.holds


def test_an_episode_whose_end_nobody_told_is_not_helped_for_ever() -> None:
    person = somebody(longest=0.2)
    hands = held(watch(person, still, seconds=3 * LENGTH))
    assert hands[: round(1.5 * LENGTH / PERIOD)].any()
    assert not hands[round(1.6 * LENGTH / PERIOD) :].any()


def test_as_many_takeovers_go_wrong_as_the_skill_says_and_the_seed_repeats_them() -> None:
    counts = []
    for _ in range(2):
        person = somebody(seed=1, skill=0.8)
        for _ in range(400):
            watch(person, still, seconds=1.2)
        counts.append((person.takeovers, person.errors))
    assert counts[0] == counts[1]
    assert counts[0][0] == 400
    assert counts[0][1] / counts[0][0] == pytest.approx(0.2, abs=0.06)  # three standard errors


def test_who_errs_aims_beside_or_gives_up_for_the_rest_of_the_episode() -> None:
    person, beside, gave_up = somebody(seed=2, skill=1e-9, error=0.01), 0, 0
    for _ in range(40):
        hands = watch(person, still, seconds=LENGTH)
        wanted = next(hand for hand in hands if hand is not None)
        aside = float(np.linalg.norm(wanted[:2] - GOAL[:2]))
        if aside > 0:
            assert aside == pytest.approx(0.01)
            beside += 1
        else:
            times = PERIOD * np.flatnonzero(held(hands))
            assert times[-1] - times[0] < 0.6
            gave_up += 1
    assert beside > 5
    assert gave_up > 5


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"skill": 0.0}, "skill is 0.0; give a share above 0"),
        ({"late": 1.5}, "late is 1.5; give a share"),
        ({"patience": 0.0}, "patience is 0.0; give a number above 0"),
        ({"pause": -1.0}, "pause is -1.0; give a number, at least 0"),
    ],
)
def test_a_person_that_makes_no_sense_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        PersonSettings(**settings)
