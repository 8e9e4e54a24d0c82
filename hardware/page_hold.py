"""Hold to move, on a page: a press repeats itself while it lasts, and its end is said or silent.

No page here and no ROS: time is an argument, of a clock that nobody sets.
"""

from __future__ import annotations

from typing import NamedTuple


class Press(NamedTuple):
    """A button that somebody keeps pressed."""

    client: int
    button: str
    heard: float
    """When it was heard last [s]."""


class Hold:
    """The one button that is held, by the one page that holds the arm; the others watch.

    Whoever was not heard for too long may not know that the arm stopped meanwhile, and a page that
    comes back from a stall says in a burst what is long over: so a press that was lost or refused
    counts again only after it was let go.

    Args:
        silence: Time without a word after which a press counts as released [s].
    """

    def __init__(self, silence: float) -> None:
        self._silence = silence
        self._press: Press | None = None
        self._lost: set[int] = set()

    def press(self, client: int, button: str, now: float) -> str | None:
        """Takes the first or a further word of a press; returns why it does not count, or None."""
        held = self.held(now)
        if held is not None and held.client != client:
            self._lost.add(client)
            return "another page holds the arm; this one watches"
        if client in self._lost:
            return "the press was lost on the way: let go, then press again"
        if held is not None and held.button != button:
            return "one button at a time"
        self._press = Press(client, button, now)
        return None

    def release(self, client: int) -> None:
        """The page says that its button is up."""
        self._lost.discard(client)
        if self._press is not None and self._press.client == client:
            self._press = None

    def held(self, now: float) -> Press | None:
        """What is held at ``now`` [s]."""
        press = self._press
        if press is not None and not 0 <= now - press.heard <= self._silence:
            self._lost.add(press.client)
            self._press = None
        return self._press
