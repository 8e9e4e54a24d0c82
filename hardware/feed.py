"""A source of frames that is opened again when it was lost."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from hardware.camera import FrameSource

FIRST, LONGEST = 0.5, 8.0
"""Waits before the first try to open a lost source again, and the longest one [s]."""


class Feed:
    """Reads frames, and outlives the loss of their source.

    Args:
        open_source: Opens the source; called at once, and again when it was lost.

    Attributes:
        fault: Why there are no frames now, or None.
        ended: Whether the last frame was read.
        lost: How often the source was lost.

    Raises:
        OSError: The source cannot be opened.
        ValueError: Its frames do not fit.
    """

    def __init__(self, open_source: Callable[[], FrameSource]) -> None:
        self._open = open_source
        self._source: FrameSource | None = open_source()
        self._wait, self._retry_at = FIRST, 0.0
        self.fault: str | None = None
        self.ended = False
        self.lost = 0

    @property
    def taken(self) -> float:
        """When the last frame was, on the machine's monotonic clock [s]."""
        return 0.0 if self._source is None else self._source.taken

    def read(self, now: float) -> np.ndarray | None:
        """The next frame, or None if there is none; tries to open a lost source when it is time.

        Args:
            now: Time of any clock that advances [s].
        """
        if self.ended or (self._source is None and now < self._retry_at):
            return None
        try:
            if self._source is None:
                self._source = self._open()
            pixels = self._source.read()
        except (OSError, ValueError) as error:
            self._lose(str(error), now)
            return None
        self.fault, self._wait, self.ended = None, FIRST, pixels is None
        return pixels

    def close(self) -> None:
        """Frees the source; safe to call twice."""
        if self._source is not None:
            self._source.close()

    def _lose(self, fault: str, now: float) -> None:
        self.close()
        self._source, self.fault = None, fault
        self.lost += self._wait == FIRST
        self._retry_at = now + self._wait
        self._wait = min(2 * self._wait, LONGEST)
