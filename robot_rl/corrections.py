"""What a person said since of episodes that were paid wrongly, for a learner that has them."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import replace

from robot_rl.episodes import Episodes
from robot_rl.outbox import Key
from robot_rl.transition_message import CORRECTED, to_message


class Corrections:
    """Of the episodes of a store; to be told twice does no harm.

    Args:
        store: Where somebody may have noted it.
    """

    def __init__(self, store: Episodes) -> None:
        self._store, self._told = store, set[str]()
        self._stream = secrets.randbits(62)

    def news(self) -> Iterator[tuple[Key, bytes]]:
        """What was not given yet: the last transition of each such episode, as it should have been.

        Its key is in a stream of their own, for no transition comes after it.
        """
        for episode in self._store.mistaken(self._told):
            key = Key(self._stream, 0, len(self._told))
            self._told.add(episode.metadata.uuid)
            *_, last = episode.transitions()
            yield key, to_message(replace(last, extra={}), **{CORRECTED: True})
