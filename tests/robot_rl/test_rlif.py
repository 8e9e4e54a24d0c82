"""The step before a takeover costs, and nothing else; held back no longer than it must be."""

from dataclasses import replace

import numpy as np
import pytest

from robot_rl.config import SacConfig
from robot_rl.rlif import COST, rlif_returns, rlif_rewards, without_rewards
from robot_rl.transition import Transition
from tests.robot_rl.test_takeovers import WHO_PAYS


def episode(people: str, number: int = 0, success: bool = True) -> list[Transition]:
    """Steps of a policy (.) and of a person (x); the environment pays 1 for success."""
    frame = {"state": np.zeros(1, np.float32)}
    action = np.zeros(1, np.float32)
    one = Transition(frame, frame, action, action, 0.0, False, False, episode=number)
    steps = [replace(one, step=i, intervened=c == "x") for i, c in enumerate(people)]
    how = {"terminated": success, "truncated": not success, "success": success}
    return [*steps[:-1], replace(steps[-1], **how, reward=float(success))]


def rewarded(transitions: list[Transition]) -> tuple[list[Transition], list[int]]:
    """What came out, and how much had after each step."""
    rewards, out, counts = rlif_rewards(), [], []
    for transition in transitions:
        out += rewards(transition)
        counts.append(len(out))
    return out, counts


@pytest.mark.parametrize(("people", "costs"), WHO_PAYS)
@pytest.mark.parametrize("success", [True, False])
def test_the_step_before_a_takeover_costs_and_success_pays_nothing(
    people: str, costs: list[int], success: bool
) -> None:
    given = episode(people, success=success)
    out, _ = rewarded(given)
    assert [i for i, one in enumerate(out) if one.reward == COST] == costs
    assert [i for i, one in enumerate(out) if one.reward not in (0.0, COST)] == []
    assert [one.step for one in out] == list(range(len(people)))
    assert [one.intervened for one in out] == [one.intervened for one in given]
    assert out[-1].terminated is success
    assert out[-1].truncated is not success


def test_one_is_held_back_and_the_end_of_an_episode_holds_none() -> None:
    out, counts = rewarded([*episode("..x."), *episode("xx.", number=1)])
    assert counts == [0, 1, 2, 4, 4, 5, 7]
    # A takeover at the start of an episode is not the fault of the one before.
    assert [one.reward for one in out] == [0, COST, 0, 0, 0, 0, 0]


@pytest.mark.parametrize(("people", "cost"), [("....", COST), ("..xx", 0.0)])
def test_who_ends_an_episode_by_failure_pays_for_it(people: str, cost: float) -> None:
    *before, last = episode(people, success=False)
    out, _ = rewarded([*before, replace(last, terminated=True, truncated=False)])
    assert out[-1].reward == cost


def test_demonstrations_pay_nothing() -> None:
    assert [one.reward for one in without_rewards(episode("...."))] == [0.0] * 4


@pytest.mark.parametrize("discount", [0.9, 0.97, 1.0])
def test_returns_lie_in_the_range_of_the_critics(discount: float) -> None:
    low, high = rlif_returns(SacConfig(discount=discount)).return_range or (0, 0)
    out, _ = rewarded(episode(10 * ".........x"))
    found = sum(discount**one.step * one.reward for one in out)
    assert high == 0
    assert low - 1e-9 <= found < 0
