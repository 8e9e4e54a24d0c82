"""Commits episodes in a thread aside, one at a time, and says what became of them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from hardware.timing import MARKS

if TYPE_CHECKING:
    from robot_rl.episodes import EpisodeWriter

RAW = "raw"
"""Label of an episode: where its companion is."""
Say = Callable[[str, bool], None]
"""Takes a line for people, and whether it is a warning."""


class Companion(Protocol):
    """A file beside an episode, begun with it."""

    @property
    def name(self) -> str:
        """Where it is, for the episode's labels."""
        ...

    def keep(self) -> None:
        """Makes it durable; called aside, before the episode is committed.

        Raises:
            OSError: If there is no room.
        """
        ...

    def drop(self) -> None:
        """Removes it; safe to call twice."""
        ...


@dataclass
class Counts:
    """What has become of the episodes."""

    committed: int = 0
    successes: int = 0
    demonstrations: int = 0
    """Successes that were meant: none of an attempt to miss."""
    discarded: int = 0
    marked: int = 0
    """Committed with a mark: too slow, or with gaps."""


class Saver:
    """Writes episodes while others go on.

    Args:
        say: Hears what was committed and what is wrong with it.
        saved: Called in the thread after each commit.
        failed: Called in the thread when there was no room.

    Attributes:
        counts: What has become of the episodes.
        unsaved: The episode that is being written, or that could not be.
        last: Uuid of the last one that is durable; empty before the first.
    """

    def __init__(self, say: Say, saved: Callable[[], None], failed: Callable[[], None]) -> None:
        self.counts = Counts()
        self.unsaved: EpisodeWriter | None = None
        self.last = ""
        self._say, self._saved, self._failed = say, saved, failed
        self._companion: Companion | None = None
        self._error: OSError | None = None
        self._thread: threading.Thread | None = None

    def save(self, writer: EpisodeWriter, companion: Companion | None) -> None:
        """Begins to write an episode, and its companion before it."""
        self.unsaved, self._companion = writer, companion
        self.again()

    def again(self) -> None:
        """Tries once more to write what could not be written."""
        assert self.unsaved is not None
        self._error = None
        self._thread = threading.Thread(target=self._run, args=(self.unsaved,), name="saver")
        self._thread.start()

    def wait(self) -> None:
        """Returns when the episode is durable.

        Raises:
            OSError: If it could not be written. It is still in memory, for ``again``.
        """
        if (thread := self._thread) is not None:
            thread.join()
        if self._error is not None:
            raise self._error

    def _run(self, writer: EpisodeWriter) -> None:
        try:
            self._keep_companion(writer)
            path = writer.commit()
            self.unsaved, self.last = None, writer.metadata.uuid
            self._tell(writer, path)
            self._saved()
        except OSError as error:
            self._error = error
            self._say(str(error), True)
            self._failed()

    def _keep_companion(self, writer: EpisodeWriter) -> None:
        """Keeps the companion if there is room: the episode does not depend on it."""
        companion, self._companion = self._companion, None
        if companion is None:
            return
        try:
            companion.keep()
        except OSError as error:
            companion.drop()
            self._say(f"{companion.name} could not be written and is dropped: {error}", True)
            return
        labels = writer.metadata.labels | {RAW: companion.name}
        writer.metadata = replace(writer.metadata, labels=labels)

    def _tell(self, writer: EpisodeWriter, path: Path) -> None:
        labels = writer.metadata.labels
        marks = "; ".join(f"{name} {labels[name]}" for name in MARKS if name in labels)
        self.counts.committed += 1
        self.counts.successes += bool(writer.metadata.success)
        self.counts.demonstrations += writer.metadata.is_demonstration
        self.counts.marked += bool(marks)
        line = f"{path.stem}: {len(writer)} transitions"
        self._say(f"{line}; marked, {marks}" if marks else line, bool(marks))
