"""What takeovers cost, beside what a list of sources pays and alone: who pays, what is recorded."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from robot_rl.environments import make_env
from robot_rl.rlif import TAKEOVER, rlif_rewards
from robot_rl.robot_step import REQUESTED, REWARD
from robot_rl.takeovers import TakeoverRewards, costs_of, with_takeovers
from robot_rl.transition import Transition

COST = 0.5
PEOPLE = ("....", "..x.", "..xx..", ".x.x.", "xx..", "...x", "x", "--xx.x")

WHO_PAYS = (
    ("....", []),
    ("..x.", [1]),
    ("..xxx..", [1]),  # a burst costs once
    (".x.x.", [0, 2]),
    ("xx..", []),  # nothing came before
    ("...x", [2]),  # in the last step
    ("x", []),
    ("....xx", [3]),
)
"""Who acts in each step of an episode, and the steps before a takeover, whatever pays besides."""


def episode(people: str, failed: bool = False) -> list[Transition]:
    """Steps of a policy (.), of a person (x) and of nobody (-), as a list of sources pays them."""
    frame = {"state": np.zeros(1, np.float32)}
    action = np.zeros(1, np.float32)
    steps = list[Transition]()
    for number, who in enumerate(people):
        last = number == len(people) - 1
        won = last and not failed
        paid = {"success": float(won), "approach": 0.25, "intervention": 0.0}
        one = Transition(frame, frame, action, action, sum(paid.values()), last, False, won)
        extra = {REWARD + name: np.array(term) for name, term in paid.items()}
        extra[REQUESTED] = np.full(7, np.nan if who == "-" else 0.1)
        steps.append(replace(one, intervened=who == "x", step=number, extra=extra))
    return steps


def rewarded(rewards: TakeoverRewards, given: list[Transition]) -> list[Transition]:
    return [known for one in given for known in rewards(one)]


def terms(one: Transition) -> dict[str, float]:
    """By name."""
    named = {name: value for name, value in one.extra.items() if name.startswith(REWARD)}
    return {name.removeprefix(REWARD): float(value) for name, value in named.items()}


def beside_others() -> TakeoverRewards:
    return TakeoverRewards({"intervention": COST})


@pytest.mark.parametrize("mode", [beside_others, rlif_rewards])
@pytest.mark.parametrize("failed", [False, True])
@pytest.mark.parametrize("people", PEOPLE)
def test_the_terms_of_every_transition_are_its_reward(
    mode: Callable[[], TakeoverRewards], failed: bool, people: str
) -> None:
    out = rewarded(mode(), episode(people, failed))
    assert [one.step for one in out] == list(range(len(people)))
    for one in out:
        assert sum(terms(one).values()) == pytest.approx(one.reward)
        assert type(one.reward) is float  # A message takes nothing else.
        assert one.extra.keys() == out[0].extra.keys()  # As those of an episode must have.


@pytest.mark.parametrize(
    ("people", "costs"),
    [
        *WHO_PAYS,
        ("--xx", []),  # nobody had asked, as where a person demonstrates
        ("-.x-x", [1]),
    ],
)
def test_the_step_that_a_policy_chose_before_a_takeover_pays_besides(
    people: str, costs: list[int]
) -> None:
    given = episode(people)
    out = rewarded(beside_others(), given)
    found = [terms(one).pop("intervention") for one in out]
    assert found == [-COST if step in costs else 0 for step in range(len(people))]
    for before, after, cost in zip(given, out, found, strict=True):
        assert after.reward == pytest.approx(before.reward + cost)
        assert terms(after) == terms(before) | {"intervention": cost}


def test_where_takeovers_alone_count_what_is_not_paid_is_recorded_as_0() -> None:
    out = rewarded(rlif_rewards(), episode("..x.."))
    assert [terms(one).pop(TAKEOVER) for one in out] == [0, -1, 0, 0, 0]
    nothing = {"success": 0.0, "approach": 0.0, "intervention": 0.0}
    assert all(terms(one) == nothing | {TAKEOVER: one.reward} for one in out)


def test_where_they_cost_nothing_none_is_held_back() -> None:
    rewards = TakeoverRewards({})
    for one in episode("..x."):
        [known] = rewards(one)
        assert known is one


@pytest.mark.parametrize("discount", [0.9, 0.97])
def test_returns_reach_down_to_takeovers_for_ever(discount: float) -> None:
    low, high = with_takeovers((0.0, 1.0), COST, discount)
    assert low == pytest.approx(sum(-COST * discount**step for step in range(0, 1000, 10)))
    assert high == 1


def test_an_environment_that_says_nothing_of_takeovers_lets_them_cost_nothing() -> None:
    with make_env("point") as env:
        assert costs_of(env) == {}
