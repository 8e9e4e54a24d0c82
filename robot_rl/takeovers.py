"""What a takeover costs: the step before it pays, and only the step after shows that it must.

An environment pays step by step and cannot go back. So it names the costs (``HasTakeoverCosts``),
and whoever collects its transitions holds one back until the next has shown who chose that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from robot_rl.env import Env, HasTakeoverCosts
from robot_rl.robot_step import REQUESTED, REWARD
from robot_rl.transition import Transition

APART = 10
"""Steps between two takeovers of one episode, at least, for the range of returns: a person who
takes over more often than that does not make the return any worse."""

Pay = Callable[[Transition], Transition]
"""What a transition is paid, whoever acts after it."""


def costs_of(env: Env) -> Mapping[str, float]:
    """What the step before a takeover costs in an environment, by the names of the terms."""
    return env.takeover_costs if isinstance(env, HasTakeoverCosts) else {}


def lowest_return(cost: float, discount: float) -> float:
    """The lowest discounted return of takeovers that cost so much, at most 0."""
    return -cost * APART if discount == 1 else -cost / (1 - discount**APART)


def with_takeovers(
    returns: tuple[float, float], cost: float, discount: float
) -> tuple[float, float]:
    """A range of discounted returns, lowest and highest, if takeovers cost so much besides."""
    low, high = returns
    return low + lowest_return(cost, discount), high


def settled(before: Transition, after: Transition, costs: Mapping[str, float]) -> Transition:
    """The earlier of two steps of an episode, which pays if a person took over in the later one.

    Args:
        before: A step that only a policy's choice makes pay: a person's own, or one in which nobody
            asked for anything, does not.
        after: The next one.
        costs: By the names of their terms.
    """
    if not (costs and _is_takeover(before, after)):
        return before
    terms = {
        REWARD + name: np.subtract(before.extra.get(REWARD + name, 0.0), cost)
        for name, cost in costs.items()
    }
    reward = before.reward - sum(costs.values())
    return replace(before, reward=reward, extra=before.extra | terms)


class TakeoverRewards:
    """Holds one transition back until it is known whether a person took over after it.

    Where takeovers cost nothing, none is held back.

    Args:
        costs: Of the step before a takeover, by the names of their terms.
        pay: What a transition is paid besides; by default what its environment has paid.
    """

    def __init__(self, costs: Mapping[str, float], pay: Pay = lambda one: one) -> None:
        self._costs, self._pay = costs, pay
        self._held: Transition | None = None

    def __call__(self, transition: Transition) -> list[Transition]:
        """Takes the next transition of one robot; returns those whose reward is known by now."""
        known = [] if self._held is None else [settled(self._held, transition, self._costs)]
        self._held = self._pay(transition)
        if not self._costs or transition.terminated or transition.truncated:
            known.append(self._held)
            self._held = None
        return known


def _is_takeover(before: Transition, after: Transition) -> bool:
    """Whether a policy chose the one step, and a person the next."""
    asked = np.isfinite(before.extra.get(REQUESTED, 0.0))
    return after.intervened and not before.intervened and bool(np.all(asked))
