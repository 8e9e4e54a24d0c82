"""Hold to move: what a person must keep pressed, and what counts as letting go."""

from __future__ import annotations


class Deadman:
    """A switch that must be pressed afresh after everything that counts as letting go.

    Whoever comes back after silence with the switch still down does not know that the arm was held
    meanwhile: so it must be seen up before it is taken as pressed.

    Args:
        silence: Time without a message after which it counts as released [s].
    """

    def __init__(self, silence: float) -> None:
        self._silence = silence
        self._heard = float("-inf")
        self._armed = self._down = False

    def hear(self, down: bool, now: float) -> None:
        """Takes a message that says whether it is down at ``now`` [s]."""
        if not self._speaks(now):
            self.lose()
        self._heard = now
        self._armed = self._armed or not down
        self._down = down and self._armed

    def lose(self) -> None:
        """Counts as let go, whatever is pressed."""
        self._armed = self._down = False

    def held(self, now: float) -> bool:
        """Whether a person holds it at ``now`` [s]."""
        if not self._speaks(now):
            self.lose()
        return self._down

    def _speaks(self, now: float) -> bool:
        return 0 <= now - self._heard <= self._silence
