"""What a learner learns, for its actors: observation, action, and the settings of the agent."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

from robot_rl.acting_options import robot_differences
from robot_rl.config import SacConfig
from robot_rl.env import Env, HasReturnRange
from robot_rl.message import Message, encode
from robot_rl.schema import Schema, SchemaError
from robot_rl.settings import from_json, to_json

_OF_SUCCESS = (0.0, 1.0)
"""Returns where success alone is paid."""


@dataclass(frozen=True)
class Offer:
    """An actor makes its agent of it."""

    schema: Schema
    sac: SacConfig
    rlif: bool = False
    """Whether takeovers are the reward; actors make the rewards."""

    def to_message(self) -> bytes:
        """As a message."""
        schema, sac = self.schema.to_json(), to_json(self.sac)
        return encode({"schema": schema, "sac": sac, "rlif": self.rlif})

    @classmethod
    def of_message(cls, message: Message) -> Self:
        """Inverse of ``to_message``."""
        facts = message.facts
        sac = from_json(SacConfig, facts["sac"], "sac")
        return cls(Schema.from_json(facts["schema"]), sac, facts["rlif"])

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
        sparse = not self.rlif and self.sac.return_range == _OF_SUCCESS
        if sparse and isinstance(env, HasReturnRange) and env.return_range != _OF_SUCCESS:
            raise ValueError(
                "the learner's critics know that success alone is paid, 1 in all, and the rewards "
                "of this robot may pay something else; leave these out, or begin anew from "
                "--demonstrations with the range of your returns, e.g. --sac.return-range -5 1"
            )
