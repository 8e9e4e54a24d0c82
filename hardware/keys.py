"""Single keys of a terminal, without Enter: how a person steers a recording, or jogs an arm.

Standard input, not the window system's events: works over ssh, under Wayland and from a pipe, and
hears nothing that is typed elsewhere.
"""

from __future__ import annotations

import contextlib
import os
import re
import select
import sys
import termios
from types import TracebackType
from typing import Any, Literal, Self, TextIO

Key = Literal["next", "redo", "stop", "success", "failure", "mistaken"]
LABELS: tuple[Key, ...] = ("success", "failure")
"""Keys by which a person says how an episode went."""

_KEYS: dict[bytes, Key] = {
    **{
        b"n": "next",
        b"r": "redo",
        b"q": "stop",
        b"s": "success",
        b"f": "failure",
        b"x": "mistaken",
    },
    **{b"\x1b[C": "next", b"\x1b[D": "redo", b"\x1b": "stop"},
}
"""Letters, and the arrows and Escape as LeRobot has them."""
_PRESS = re.compile(rb"\x1b\[[0-9;]*.|\x1bO.|.", re.DOTALL)
"""One key: a sequence of a terminal, or a byte; so that no arrow passes for Escape."""
HELP = """\
n or right   end the episode as it is and go on
r or left    forget the running episode and begin it anew
s            end it as a success
f            end it as a failure
x            the last episode was no success, though it was taken for one
q or Escape  end it as it is, and the recording"""
LEARNING_HELP = """\
x            the last episode was no success, though it was taken for one
r or left    cut the running episode off, neither won nor lost, and begin anew
s, f         it is a success, a failure, if the rewards have `label`
Ctrl-C       end it all; the same command goes on"""


class Keys:
    """What was pressed since the last look; a terminal is put back as it was at the end.

    Args:
        stream: Where from; without a file descriptor, as in a service, nobody presses anything.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._descriptor = _descriptor(stream or sys.stdin)
        self._before: list[Any] | None = None
        self._open = self._descriptor >= 0

    def __enter__(self) -> Self:
        if self._open and os.isatty(self._descriptor) and self._is_ours():
            self._before = termios.tcgetattr(self._descriptor)
            mode = termios.tcgetattr(self._descriptor)
            mode[3] &= ~(termios.ICANON | termios.ECHO)  # Ctrl-C stays what it is
            termios.tcsetattr(self._descriptor, termios.TCSADRAIN, mode)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._before is None or not self._is_ours():
            return
        with contextlib.suppress(termios.error):  # It may be closed by now.
            termios.tcsetattr(self._descriptor, termios.TCSADRAIN, self._before)

    @property
    def interactive(self) -> bool:
        """Whether a person sits at a terminal."""
        return self._before is not None

    def pressed(self) -> list[Key]:
        """Those of a recording, in the order in which they were pressed; others are left out."""
        return [_KEYS[press] for press in self.presses() if press in _KEYS]

    def presses(self) -> list[bytes]:
        """All keys since the last look, each as the terminal sends it; never waits."""
        return _PRESS.findall(self._typed())

    def _typed(self) -> bytes:
        typed = b""
        while self._open and select.select([self._descriptor], [], [], 0)[0]:
            if not self._is_ours():
                break
            some = b""
            with contextlib.suppress(OSError):  # a terminal that was closed
                some = os.read(self._descriptor, 1024)
            self._open = bool(some)  # the end of a pipe is readable for ever
            typed += some
        return typed

    def _is_ours(self) -> bool:
        """Whether we may touch it: a terminal stops whoever does so in its shell's background."""
        try:
            return os.tcgetpgrp(self._descriptor) == os.getpgrp()
        except OSError:  # no terminal, or one that stops nobody
            return True


def _descriptor(stream: TextIO | None) -> int:
    """The file descriptor of a stream; -1 if it has none."""
    try:
        return -1 if stream is None else stream.fileno()
    except (OSError, ValueError):  # closed, or something else in its place
        return -1
