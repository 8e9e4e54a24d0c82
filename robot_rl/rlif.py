"""Rewards by takeovers alone (RLIF: Luo et al., 2023).

The step before a person takes over costs 1, every other step nothing. So nobody has to say what
success is: a policy that needs no help has the highest return, 0. Episodes end as they always do;
one that ended by success is worth 0 from there on, and one that the policy ended by failure, as by
pressing too hard, costs what a takeover does, or failing would be the way not to be taken over.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from robot_rl.config import SacConfig
from robot_rl.transition import Transition

COST = -1.0
"""Of the step before a takeover."""
APART = 10
"""Steps between two takeovers of one episode, at least, for the range of returns: a person who
takes over more often than that does not make the return any worse."""


def rlif_returns(config: SacConfig) -> SacConfig:
    """The learner's settings with the range of returns that takeovers can make."""
    lowest = COST * APART if config.discount == 1 else COST / (1 - config.discount**APART)
    return replace(config, return_range=(lowest, 0.0))


def without_rewards(transitions: Iterable[Transition]) -> Iterator[Transition]:
    """Demonstrations as RLIF has them: nobody took over, so nothing costs."""
    return (replace(transition, reward=0.0) for transition in transitions)


class TakeoverRewards:
    """Holds one transition back until it is known whether a person took over after it."""

    def __init__(self) -> None:
        self._held: Transition | None = None

    def __call__(self, transition: Transition) -> list[Transition]:
        """Takes the next transition of one robot; returns those whose reward is known by now."""
        known = [] if self._held is None else [_rewarded(self._held, transition)]
        failed = transition.terminated and not (transition.success or transition.intervened)
        self._held = replace(transition, reward=COST if failed else 0.0)
        if transition.terminated or transition.truncated:
            known.append(self._held)
            self._held = None
        return known


def _rewarded(before: Transition, after: Transition) -> Transition:
    """The earlier one, which costs if the policy did it and a person did the later one."""
    taken_over = after.intervened and not before.intervened
    return replace(before, reward=COST) if taken_over else before
