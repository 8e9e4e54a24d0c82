"""The actor's end of the link: transitions go out and none is lost, the newest weights come in.

A thread carries, so that no step of the robot waits for the network or for the learner.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections import deque
from typing import Any

import zenoh

from robot_rl.env import Closing
from robot_rl.message import Message, MessageError, decode
from robot_rl.outbox import Key, Outbox
from robot_rl.zenoh_session import ADDRESS, open_session

PREFIX = "robot_rl"
TRANSITION, TAKEN, STATUS = "transition", "taken", "status"
OFFER, CLONE, WEIGHTS = "offer", "clone", "weights"
"""Keys under the prefix; the first is followed by the learner's boot, the robot's name, and which
transition it is, the last three by who asks, and for which piece."""
AWAY = 1.0
"""A learner that says nothing for so long is away [s]."""
BUSY = 10.0
"""One update may take so long, in which it says nothing [s]."""
_LOOK = 0.02
_WINDOW = 64
"""Messages under way at once."""
_AGAIN = 0.5
"""What nobody has answered for so long is sent again [s]."""
PIECE = 3 << 18
"""Bytes at most of what is asked for at once: who vanishes meanwhile leaves little behind."""
_PATIENCE = 10.0
"""So long may a piece be under way [s]."""
FIRST = b"first"
"""Goes with a transition before which nothing waits: what came before it comes no more."""


class ActorLink(Closing):
    """To one learner, who may come later, be killed, and come back.

    Args:
        robot: Name of the robot, different for each.
        outbox: Where transitions wait until the learner has taken them.
        address: The learner's.

    Attributes:
        heard: When the learner said something last, by ``time.monotonic`` [s].
    """

    def __init__(self, robot: str, outbox: Outbox, address: str = ADDRESS) -> None:
        self._robot, self._outbox = robot, outbox
        self._status: dict[str, Any] = {}
        self.heard = self._answered = -float("inf")
        self._boot, self._sent = "", -1
        self._clone: Message | None = None
        self._version, self._weights = -1, deque[Message](maxlen=1)
        self._failed: Exception | None = None
        self._ending = threading.Event()
        self._session = open_session(connect=address)
        self._coming = Coming(self._session)
        self._listening = [
            self._session.declare_subscriber(f"{PREFIX}/{STATUS}", self._hear_status),
            self._session.declare_subscriber(f"{PREFIX}/{TAKEN}/{robot}", self._hear_taken),
        ]
        self._thread = threading.Thread(target=self._carry, name="actor link", daemon=True)
        self._thread.start()

    @property
    def status(self) -> dict[str, Any]:
        """What the learner has said last; empty while it is away."""
        return self.said(AWAY)

    def said(self, within: float = BUSY) -> dict[str, Any]:
        """What the learner has said last; empty if it has said nothing for so long [s]."""
        return self._status if time.monotonic() - self.heard < within else {}

    @property
    def waiting(self) -> int:
        """Transitions that the learner has not taken yet."""
        return len(self._outbox)

    def offer(self, timeout: float) -> Message:
        """What is learned there, and with which settings.

        Raises:
            ConnectionError: No learner answers within ``timeout`` [s].
        """
        end = time.monotonic() + timeout
        coming = Coming(self._session)
        coming.ask(OFFER)
        while time.monotonic() < end:
            if (found := coming.take()) is not None:
                return found
            time.sleep(_LOOK)
        raise ConnectionError(
            f"no learner answers within {timeout:g} s; start it: robot-rl learner, and give both "
            "the same address"
        )

    def send(self, key: Key, message: bytes) -> None:
        """Hands a transition over; returns at once."""
        self._outbox.put(key, message)

    def keep(self) -> None:
        """Returns when all that was sent is with the learner or on disk, safe from a SIGKILL.

        Raises:
            OSError: There is no room.
        """
        self._outbox.spool(memory=0)

    def weights(self) -> Message | None:
        """The newest weights, once.

        Raises:
            ConnectionError: The link has failed, and carries nothing any more.
        """
        if self._failed is not None:
            raise ConnectionError(
                f"the link to the learner has failed: {self._failed}; nothing is lost: go on with "
                "the same command"
            ) from self._failed
        return self._weights.pop() if self._weights else None

    def close(self) -> None:
        """Ends the link; what the learner has not taken is on disk. Safe to call twice."""
        if not self._ending.is_set():
            self._ending.set()
            self._thread.join()
            self._session.close()  # pyright: ignore[reportAttributeAccessIssue]
            self._outbox.close()

    def _carry(self) -> None:
        try:
            while not self._ending.wait(_LOOK):
                self._outbox.spool()
                if status := self.status:
                    self._meet(status["boot"])
                    self._fetch(status["version"])
                    self._send()
        except (OSError, MessageError, zenoh.ZError) as error:
            self._failed = error

    def _meet(self, boot: str) -> None:
        """A learner that is another one, or has come back, is sent all that waits."""
        if boot != self._boot:
            self._boot, self._sent, self._version = boot, -1, -1
            self._clone, self._coming = None, Coming(self._session)

    def _fetch(self, version: int) -> None:
        """Asks for what acts, once the clone is here, or looks whether more of it has come."""
        if not self._coming.is_under_way:
            if version != self._version:
                self._coming.ask(WEIGHTS if self._clone else CLONE)
            return
        arrived = self._coming.take()
        if arrived is None:
            return
        if self._clone is None:
            self._clone = arrived
        else:
            self._version = arrived.facts["version"]
            self._weights.append(Message(arrived.facts, self._clone.arrays | arrived.arrays))

    def _send(self) -> None:
        """Sends what comes next; goes back when nothing is answered any more."""
        now = time.monotonic()
        if now - self._answered > _AGAIN:
            self._sent, self._answered = -1, now
        for parcel in self._outbox.waiting(_WINDOW, self._sent):
            self._session.put(
                f"{PREFIX}/{TRANSITION}/{self._boot}/{self._robot}/{parcel.key}",
                parcel.message,
                congestion_control=zenoh.CongestionControl.BLOCK,  # It would drop some of them.
                attachment=FIRST if parcel.first else None,
            )
            self._sent = parcel.number

    def _hear_status(self, sample: Any) -> None:
        if status := _facts(sample):
            self._status, self.heard = status, time.monotonic()

    def _hear_taken(self, sample: Any) -> None:
        if facts := _facts(sample):
            self._outbox.taken(Key(facts["stream"], facts["episode"], facts["step"]))
            self._answered = time.monotonic()


class Coming:
    """An answer of the learner that comes piece by piece, and holds up nothing else.

    Args:
        session: To the learner.

    Attributes:
        is_under_way: Whether something was asked for that is not here yet.
    """

    def __init__(self, session: zenoh.Session) -> None:
        self._session = session
        self._asker = secrets.token_hex(8)  # Robots of two machines may have one name.
        self._what, self._pieces = "", list[bytes]()
        self._answer: Any = None
        self.is_under_way = False

    def ask(self, what: str) -> None:
        """Begins to fetch the newest of it."""
        self.is_under_way, self._what, self._pieces = True, what, []
        self._request()

    def take(self) -> Message | None:
        """What was asked for, once all of it is here; asks for the next piece.

        Raises:
            MessageError: It is no message.
        """
        try:
            reply = self._answer.try_recv()
        except zenoh.ZError:  # Nobody has answered, or knows the first pieces.
            self.ask(self._what)
            return None
        if reply is None or reply.ok is None:
            return None
        self._pieces.append(reply.ok.payload.to_bytes())
        if PIECE * len(self._pieces) < int(reply.ok.attachment.to_bytes()):
            self._request()
            return None
        self.is_under_way = False
        return decode(b"".join(self._pieces))

    def _request(self) -> None:
        key = f"{PREFIX}/{self._what}/{self._asker}/{len(self._pieces)}"
        self._answer = self._session.get(key, timeout=_PATIENCE)


def _facts(sample: Any) -> dict[str, Any]:
    """Of a message of our own; nothing of any other."""
    try:
        return decode(sample.payload.to_bytes()).facts
    except MessageError:
        return {}
