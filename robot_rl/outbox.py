"""Messages that must not be lost, until somebody has taken them.

They wait in memory, and beyond a bound, or when they must last, the oldest go to disk; what is left
when the sender ends goes to disk too, and is sent first by the next one. A process that is killed
loses what waits in memory: the newest, so that what is left has no hole.
"""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import NamedTuple, Self

from robot_rl import durable

MEMORY = 64 * 2**20
"""Bytes that wait in memory unless another bound is given."""
_SUFFIX = ".message"


class Key(NamedTuple):
    """Which transition a message holds; those of one stream come in this order."""

    stream: int
    episode: int
    step: int

    def __str__(self) -> str:
        return "-".join(map(str, self))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Inverse of ``str``."""
        return cls(*map(int, text.split("-")))


class Parcel(NamedTuple):
    """A message on its way."""

    number: int
    """Counts what was ever put into the outbox."""
    key: Key
    message: bytes
    first: bool
    """Whether nothing waits before it."""


@dataclass
class _Waiting:
    number: int
    key: Key
    message: bytes | None
    """None while it is on disk."""
    path: Path
    taken: bool = False


class Outbox:
    """First in, first out; threads may put, send and spool at the same time.

    Args:
        folder: For what does not fit in memory; what an earlier outbox has left there comes first.
        memory: Bytes that may wait in memory.
    """

    def __init__(self, folder: Path, memory: int = MEMORY) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._memory, self._held = folder, memory, 0
        self._lock, self._spooling = threading.Lock(), threading.Lock()
        left = sorted(folder.glob(f"*{_SUFFIX}"))
        self._waiting = deque(_found(path, n) for n, path in enumerate(left))
        self._next = len(left)
        self._spooled = len(left)
        # Numbers begin anew, and what is on disk keeps its place before what comes.
        self._first_name = 1 + int(left[-1].name.partition("-")[0]) - len(left) if left else 0

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def on_disk(self) -> int:
        """How many of them wait on disk."""
        return self._spooled

    def put(self, key: Key, message: bytes) -> None:
        """Adds a message, in memory: whoever puts does not wait for the disk."""
        with self._lock:
            name = f"{self._first_name + self._next:012d}-{key}{_SUFFIX}"
            one = _Waiting(self._next, key, message, self._folder / name)
            self._next, self._held = self._next + 1, self._held + len(message)
            self._waiting.append(one)

    def waiting(self, count: int, beyond: int = -1) -> list[Parcel]:
        """Of the first ``count`` messages, those whose number is greater than ``beyond``."""
        with self._lock:
            if not self._waiting:
                return []
            first = self._waiting[0].number
            chosen = list(islice(self._waiting, max(0, beyond + 1 - first), count))
        read = ((one, _content(one)) for one in chosen)
        return [
            Parcel(one.number, one.key, content, one.number == first)
            for one, content in read
            if content is not None
        ]

    def taken(self, key: Key) -> None:
        """Forgets a message and those of its stream before it."""
        for one in self._take(key):
            one.path.unlink(missing_ok=True)

    def _take(self, key: Key) -> list[_Waiting]:
        """Those that lie on disk."""
        spooled: list[_Waiting] = []
        with self._lock:
            while self._waiting and self._waiting[0].key.stream == key.stream:
                if self._waiting[0].key > key:
                    break
                one = self._waiting.popleft()
                one.taken = True
                self._held -= len(one.message or b"")
                if one.message is None:
                    self._spooled -= 1
                    spooled.append(one)
        return spooled

    def spool(self, memory: int | None = None) -> None:
        """Puts the oldest on disk until no more than so many bytes wait in memory.

        Args:
            memory: Bytes; None takes the bound.

        Raises:
            OSError: If there is no room; they then wait in memory.
        """
        bound = self._memory if memory is None else memory
        if self._oldest_in_memory(bound) is None:
            return  # Without waiting for another thread that spools.
        with self._spooling:
            while (one := self._oldest_in_memory(bound)) is not None:
                self._put_on_disk(one)

    def _put_on_disk(self, one: _Waiting) -> None:
        assert one.message is not None
        durable.replace(one.path, one.message)
        with self._lock:
            if one.taken:
                one.path.unlink()
                return
            self._held -= len(one.message)
            one.message = None
            self._spooled += 1

    def close(self) -> None:
        """Puts what still waits on disk; safe to call twice.

        Raises:
            OSError: If there is no room.
        """
        self.spool(memory=0)

    def _oldest_in_memory(self, bound: int) -> _Waiting | None:
        """None if no more than so many bytes are."""
        with self._lock:
            if self._held <= bound or self._spooled == len(self._waiting):
                return None
            return self._waiting[self._spooled]


def _found(path: Path, number: int) -> _Waiting:
    key = path.name.removesuffix(_SUFFIX).partition("-")[2]
    return _Waiting(number, Key.parse(key), None, path)


def _content(one: _Waiting) -> bytes | None:
    """None if it was taken meanwhile."""
    if (message := one.message) is not None:
        return message
    with contextlib.suppress(FileNotFoundError):
        return one.path.read_bytes()
    return None
