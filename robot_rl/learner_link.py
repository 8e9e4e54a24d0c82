"""The learner's end of the link: transitions of any number of actors, each taken once and in order.

Transitions of a stream arrive in order or not at all; what is missing is sent again, because it was
not taken. An actor knows by the learner's *boot* that it has come back and may have lost what was
under way.
"""

from __future__ import annotations

import contextlib
import queue
import secrets
from typing import Any, NamedTuple

import zenoh

from robot_rl.actor_link import (
    CLONE,
    FIRST,
    OFFER,
    PIECE,
    PREFIX,
    STATUS,
    TAKEN,
    TRANSITION,
    WEIGHTS,
)
from robot_rl.env import Closing
from robot_rl.message import Message, MessageError, decode, encode
from robot_rl.outbox import Key
from robot_rl.zenoh_session import ADDRESS, open_session

_ASKERS = 32
"""So many may be fetching something at once."""


class Arrival(NamedTuple):
    """A transition that has come in."""

    robot: str
    key: Key
    message: Message | None
    """None: the bytes are none."""
    first: bool
    """Whether its actor has nothing that came before it."""


class LearnerLink(Closing):
    """To all actors.

    Args:
        offer: What is learned here, as a message.
        clone: The part of what acts that stays as it is, as a message.
        weights: The rest of what acts, as a message; ``publish`` replaces it.
        address: Where to listen.

    Attributes:
        refused: Messages that were none, or no transitions of what is learned.

    Raises:
        OSError: If somebody else listens there.
    """

    def __init__(self, offer: bytes, clone: bytes, weights: bytes, address: str = ADDRESS) -> None:
        self.refused = 0
        self._boot = secrets.token_hex(8)
        self._answers = {OFFER: offer, CLONE: clone, WEIGHTS: weights}
        self._asked: dict[str, bytes] = {}
        self._arrived: queue.SimpleQueue[Arrival] = queue.SimpleQueue()
        self._session = open_session(listen=address)
        self._open = True
        transitions = f"{PREFIX}/{TRANSITION}/{self._boot}/*/*"
        self._declared = [
            self._session.declare_subscriber(transitions, self._hear),
            *(
                self._session.declare_queryable(f"{PREFIX}/{key}/*/*", self._answer)
                for key in self._answers
            ),
        ]

    def take(self, timeout: float) -> Arrival | None:
        """The next transition; None if none comes within ``timeout`` [s]."""
        try:
            return self._arrived.get(timeout=timeout) if timeout > 0 else self._arrived.get_nowait()
        except queue.Empty:
            return None

    def took(self, robot: str, key: Key) -> None:
        """Tells an actor that a transition, and those of its stream before it, have arrived."""
        self._tell(f"{TAKEN}/{robot}", key._asdict())

    def refuse(self, robot: str, key: Key) -> None:
        """Counts what nobody can learn from, and tells that it was taken, or it came for ever."""
        self.refused += 1
        self.took(robot, key)

    def publish(self, weights: bytes) -> None:
        """Replaces what acts; actors fetch it when the status names its version."""
        self._answers[WEIGHTS] = weights

    def say(self, **status: Any) -> None:
        """Tells all actors how learning stands; it must have the ``version`` of the weights."""
        self._tell(STATUS, {"boot": self._boot, **status})

    def close(self) -> None:
        """Ends the link; safe to call twice."""
        if self._open:
            self._open = False
            self._session.close()  # pyright: ignore[reportAttributeAccessIssue]

    def _tell(self, key: str, facts: dict[str, Any]) -> None:
        """Says something short, ahead of weights that are under way."""
        urgent = zenoh.Priority.INTERACTIVE_HIGH
        self._session.put(f"{PREFIX}/{key}", encode(facts), priority=urgent)

    def _hear(self, sample: Any) -> None:
        *_, robot, text = str(sample.key_expr).split("/")
        key = Key.parse(text)
        message = None
        with contextlib.suppress(MessageError):
            message = decode(sample.payload.to_bytes())
        first = sample.attachment is not None and sample.attachment.to_bytes() == FIRST
        self._arrived.put(Arrival(robot, key, message, first))

    def _answer(self, query: Any) -> None:
        """One piece, of what was the newest when the first was asked for."""
        key = str(query.key_expr)
        _, what, asker, piece = key.split("/")
        begin = PIECE * int(piece)
        whole = self._asked.pop(asker, None) if begin else self._answers[what]
        if whole is None:
            return  # It has the first pieces of a learner that was here before, and begins anew.
        if begin + PIECE < len(whole):
            self._asked[asker] = whole
            if len(self._asked) > _ASKERS:  # The oldest has gone away meanwhile.
                self._asked.pop(next(iter(self._asked)))
        query.reply(key, whole[begin : begin + PIECE], attachment=str(len(whole)).encode())
