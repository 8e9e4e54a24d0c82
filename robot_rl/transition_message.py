"""A transition as a message: it travels whole, for whoever receives it may have lost all before."""

from __future__ import annotations

from typing import Any

from robot_rl.arrays import with_prefix
from robot_rl.message import Message, MessageError, encode
from robot_rl.schema import Schema, check_arrays
from robot_rl.transition import SOURCES, Transition

_OBSERVATION, _NEXT, _EXTRA = "observation/", "next_observation/", "extra/"
_ACTIONS = ("action", "policy_action")
CORRECTED = "corrected"
"""Fact of the sender's own: the transition was sent before, with other reward or another end."""
_FACTS: dict[str, type] = {
    "reward": float,
    "terminated": bool,
    "truncated": bool,
    "success": bool,
    "intervened": bool,
    "policy_version": int,
    "source": str,
    "stream": int,
    "episode": int,
    "step": int,
    "sensor_stamp": float,
    "command_stamp": float,
}


def to_message(transition: Transition, **further: Any) -> bytes:
    """The message of a transition; ``further`` are facts of the sender's own."""
    arrays = {name: getattr(transition, name) for name in _ACTIONS}
    for prefix, group in (
        (_OBSERVATION, transition.observation),
        (_NEXT, transition.next_observation),
        (_EXTRA, transition.extra),
    ):
        arrays |= {prefix + key: value for key, value in group.items()}
    return encode({name: getattr(transition, name) for name in _FACTS} | further, arrays)


def from_message(message: Message, schema: Schema) -> Transition:
    """Inverse of ``to_message``; arrays are read-only views of the message.

    Raises:
        MessageError: If a fact is missing or of another type.
        SchemaError: If an array differs from the schema.
    """
    facts, arrays = message
    for name, kind in _FACTS.items():
        if type(facts.get(name)) is not kind:
            raise MessageError(f"{name} is {facts.get(name)!r}; a transition has {kind.__name__}")
    if facts["source"] not in SOURCES:
        raise MessageError(f"source is {facts['source']!r}; choose {', '.join(SOURCES)}")
    observation, following = with_prefix(arrays, _OBSERVATION), with_prefix(arrays, _NEXT)
    for group in (observation, following):
        check_arrays(schema.observation, group)
    actions = {name: arrays[name] for name in _ACTIONS if name in arrays}
    check_arrays(dict.fromkeys(_ACTIONS, schema.action), actions)
    return Transition(
        observation=observation,
        next_observation=following,
        extra=with_prefix(arrays, _EXTRA),
        **actions,
        **{name: facts[name] for name in _FACTS},
    )
