"""What a learner learns, for its actors: observation, action, and the settings of the agent."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Self

from robot_rl.acting_options import robot_differences
from robot_rl.agent_config import AgentConfig
from robot_rl.agents import agent_from_json, agent_to_json, algorithm_of
from robot_rl.env import Env, HasReturnRange
from robot_rl.message import Message, encode
from robot_rl.schema import Schema, SchemaError
from robot_rl.settings import SettingsError
from robot_rl.takeovers import costs_of, with_takeovers

_OF_SUCCESS = (0.0, 1.0)
"""Returns where success alone is paid; takeovers, where they cost, come on top."""


@dataclass(frozen=True)
class Offer:
    """An actor makes its agent of it."""

    schema: Schema
    agent: AgentConfig
    rlif: bool = False
    """Whether takeovers are the reward; actors make the rewards."""
    takeover_cost: float = 0.0
    """What takeovers cost beside other rewards, as far as the critics know."""

    def to_message(self) -> bytes:
        """As a message."""
        schema, agent = self.schema.to_json(), agent_to_json(self.agent)
        rewards = {"rlif": self.rlif, "takeover_cost": self.takeover_cost}
        return encode({"schema": schema, "agent": agent, **rewards})

    @classmethod
    def of_message(cls, message: Message) -> Self:
        """Inverse of ``to_message``.

        Raises:
            SettingsError: If another version has made it.
        """
        facts = message.facts
        if "agent" not in facts:
            raise SettingsError(
                "this learner, or its run, is of another version of robot_rl; use the same one for "
                "all of it, or begin anew elsewhere"
            )
        agent = agent_from_json(facts["agent"])
        if not isinstance(agent, AgentConfig):
            raise SettingsError(f"{algorithm_of(agent)} does not learn from what robots do")
        return cls(Schema.from_json(facts["schema"]), agent, facts["rlif"], facts["takeover_cost"])

    def require_fit(self, env: Env) -> None:
        """Refuses an environment in which something else is observed, done or paid.

        Raises:
            SchemaError: If it is another one; lists how they differ.
            ValueError: If its rewards make returns that the critics cannot express.
        """
        learned, here = (
            replace(schema, env="", contract={}) for schema in (self.schema, Schema.of(env))
        )
        lines = learned.differences(here)
        # How fast it may be is free to change while it learns.
        if lines := lines + robot_differences(self.schema, env, ("joints", "frames")):
            raise SchemaError(
                "the learner learns something else than this robot does:"
                + "".join(f"\n  {line}" for line in lines)
            )
        if not self.rlif:
            self._require_returns(env)

    def _require_returns(self, env: Env) -> None:
        """Refuses rewards whose returns lie beyond those that the critics know."""
        known, costs = self.agent.return_range, costs_of(env)
        option = f"--{algorithm_of(self.agent)}.return-range"
        if known is None:
            return
        cost = sum(costs.values())
        lowest, _ = with_takeovers(_OF_SUCCESS, cost, self.agent.discount)
        if costs and known[0] > lowest:
            raise ValueError(
                f"a takeover costs {cost:g} here ({', '.join(costs)}), and the learner's critics "
                f"know no return below {known[0]:.3g}; leave that source out, or begin anew: "
                "finetune tells its own learner what the list of rewards says, any other is told "
                f"by robot-rl learner --takeover-cost {cost:g}, and a {option} of your "
                f"own has to begin at {math.floor(lowest)} or below"
            )
        told = with_takeovers(_OF_SUCCESS, self.takeover_cost, self.agent.discount)
        besides = isinstance(env, HasReturnRange) and env.return_range != _OF_SUCCESS
        if known == told and besides:
            raise ValueError(
                "the learner's critics know that success alone is paid, 1 in all, and the rewards "
                "of this robot may pay something else; leave these out, or begin anew from "
                f"--demonstrations with the range of your returns, e.g. {option} -5 1"
            )
