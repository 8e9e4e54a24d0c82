"""Transitions that travel: all of each arrives, or an error says what does not fit."""

from dataclasses import fields, replace

import numpy as np
import pytest

from robot_rl.env import ArraySpec
from robot_rl.message import Message, MessageError, decode
from robot_rl.schema import Schema, SchemaError
from robot_rl.transition import Transition
from robot_rl.transition_message import from_message, to_message

SCHEMA = Schema(
    {"state": ArraySpec((3,)), "images/front": ArraySpec((4, 4, 3), dtype="uint8")},
    ArraySpec((2,), low=-1, high=1),
    0.05,
)
RNG = np.random.default_rng(0)


def _frame() -> dict[str, np.ndarray]:
    return {
        "state": RNG.normal(size=3).astype(np.float32),
        "images/front": RNG.integers(0, 255, (4, 4, 3)).astype(np.uint8),
    }


def _transition() -> Transition:
    return Transition(
        observation=_frame(),
        next_observation=_frame(),
        action=np.array([0.1, -0.2], np.float32),
        policy_action=np.array([0.3, 0.4], np.float32),
        reward=1.0,
        terminated=True,
        truncated=False,
        success=True,
        intervened=True,
        policy_version=7,
        source="real",
        stream=2**62,
        episode=5,
        step=9,
        sensor_stamp=1.5,
        command_stamp=1.75,
        extra={"base_action": np.array([0.5, 0.6], np.float32)},
    )


def test_all_of_a_transition_arrives() -> None:
    sent = _transition()
    message = decode(to_message(sent, robot="left"))
    assert message.facts["robot"] == "left"
    got = from_message(message, SCHEMA)
    for field in fields(Transition):
        before, after = getattr(sent, field.name), getattr(got, field.name)
        if isinstance(before, dict):
            assert before.keys() == after.keys()
            assert all(np.array_equal(before[key], after[key]) for key in before)
        else:
            np.testing.assert_array_equal(before, after)


def test_a_transition_of_another_robot_is_refused() -> None:
    other = replace(_transition(), action=np.zeros(3, np.float32))
    with pytest.raises(SchemaError, match=r"action: expected float32 \(2,\), got float32 \(3,\)"):
        from_message(decode(to_message(other)), SCHEMA)
    blind = replace(_transition(), observation={"state": np.zeros(3, np.float32)})
    with pytest.raises(SchemaError, match="images/front: missing"):
        from_message(decode(to_message(blind)), SCHEMA)


@pytest.mark.parametrize(
    ("name", "value"),
    [("reward", "much"), ("terminated", 1), ("step", 1.5), ("source", "dream"), ("stream", None)],
)
def test_facts_of_another_type_are_refused(name: str, value: object) -> None:
    message = decode(to_message(_transition()))
    with pytest.raises(MessageError, match=f"{name} is {value!r}"):
        from_message(Message(message.facts | {name: value}, message.arrays), SCHEMA)


def test_an_action_that_is_missing_is_refused() -> None:
    facts, arrays = decode(to_message(_transition()))
    del arrays["policy_action"]
    with pytest.raises(SchemaError, match="policy_action: missing"):
        from_message(Message(facts, arrays), SCHEMA)
