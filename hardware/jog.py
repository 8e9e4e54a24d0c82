"""Moves the tool by the keys of a terminal, which repeat while they are held; no ROS here.

A terminal tells no release: a key counts as held for a moment after it was seen last. A keyboard
waits, for a quarter to two thirds of a second, before it repeats its first press; on most the arm
stops for that moment and then goes on.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

RELEASE = 0.3
"""Time after its last repeat for which a key counts as held [s]."""
_KEYS = {
    **{b"w": (0, 1), b"s": (0, -1), b"a": (1, 1), b"d": (1, -1), b"r": (2, 1), b"f": (2, -1)},
    **{b"j": (3, -1), b"l": (3, 1), b"i": (4, 1), b"k": (4, -1), b"u": (5, 1), b"o": (5, -1)},
}
"""Axis of the twist, and direction."""
_END = (b"q", b"\x1b")
HELP = """\
hold a key to move the tool, in the frame of the teleop node, which is the base; let go to stop
w s   forward, back (x)       i k   turn about y
a d   left, right (y)         j l   turn about x
r f   up, down (z)            u o   turn about z
q or Escape ends; any other key stops"""


class Jog:
    """What the keys ask for.

    Args:
        speed: Of the tool [m/s].
        turn: Likewise [rad/s].

    Attributes:
        ended: Whether a key has ended it.
    """

    def __init__(self, speed: float, turn: float) -> None:
        self.ended = False
        self._speeds = np.array([speed] * 3 + [turn] * 3)
        self._key: bytes | None = None
        self._seen = -np.inf

    def press(self, keys: Iterable[bytes], now: float) -> None:
        """Takes the keys since the last look, at ``now`` [s]; the last one counts."""
        for key in keys:
            self.ended = self.ended or key in _END
            self._key, self._seen = key if key in _KEYS else None, now

    def twist(self, now: float) -> np.ndarray | None:
        """Shape (6,) [m/s, rad/s], frame of the teleop node; None if no key is held."""
        if self.ended or self._key is None or now - self._seen > RELEASE:
            return None
        axis, direction = _KEYS[self._key]
        twist = np.zeros(6)
        twist[axis] = direction * self._speeds[axis]
        return twist
