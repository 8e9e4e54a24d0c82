"""What a learner learns, for its actors: observation, action, and the settings of the agent."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

from robot_rl.config import SacConfig
from robot_rl.env import Env
from robot_rl.message import Message, encode
from robot_rl.schema import Schema, SchemaError
from robot_rl.settings import from_json, to_json


@dataclass(frozen=True)
class Offer:
    """An actor makes its agent of it."""

    schema: Schema
    sac: SacConfig

    def to_message(self) -> bytes:
        """As a message."""
        return encode({"schema": self.schema.to_json(), "sac": to_json(self.sac)})

    @classmethod
    def of_message(cls, message: Message) -> Self:
        """Inverse of ``to_message``."""
        facts = message.facts
        return cls(Schema.from_json(facts["schema"]), from_json(SacConfig, facts["sac"], "sac"))

    def require_fit(self, env: Env) -> None:
        """Refuses an environment in which something else is observed or done.

        Raises:
            SchemaError: If it is another one; lists how they differ.
        """
        learned, here = (
            replace(schema, env="", contract={}) for schema in (self.schema, Schema.of(env))
        )
        if lines := learned.differences(here):
            raise SchemaError(
                "the learner learns something else than this robot does:"
                + "".join(f"\n  {line}" for line in lines)
            )
