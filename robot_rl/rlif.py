"""Rewards by takeovers alone (RLIF: Luo et al., 2023).

The step before a person takes over costs 1, every other step nothing. So nobody has to say what
success is: a policy that needs no help has the highest return, 0. Episodes end as they always do;
one that ended by success is worth 0 from there on, and one that the policy ended by failure, as by
pressing too hard, costs what a takeover does, or failing would be the way not to be taken over.

Both are the term ``takeover``; the terms that the environment would have paid are recorded as 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from robot_rl.agent_config import ConfigT
from robot_rl.robot_step import paid
from robot_rl.takeovers import TakeoverRewards, lowest_return
from robot_rl.transition import Transition

COST = -1.0
"""Of the step before a takeover, as a reward."""
TAKEOVER = "takeover"
"""The one term that is paid."""


def rlif_returns(config: ConfigT) -> ConfigT:
    """The learner's settings with the range of returns that takeovers can make."""
    return replace(config, return_range=(lowest_return(-COST, config.discount), 0.0))


def rlif_rewards() -> TakeoverRewards:
    """Rewards for the transitions of one robot, in the place of its environment's."""
    return TakeoverRewards({TAKEOVER: -COST}, _pay)


def without_rewards(transitions: Iterable[Transition]) -> Iterator[Transition]:
    """Demonstrations as RLIF has them: nobody took over, so nothing costs."""
    return (paid(transition, {}) for transition in transitions)


def _pay(transition: Transition) -> Transition:
    failed = transition.terminated and not (transition.success or transition.intervened)
    return paid(transition, {TAKEOVER: COST if failed else 0.0})
