"""Ctrl-C as a wish: the loop that is asked finishes its step, saves, and ends by itself."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Self

SIGNALS = (signal.SIGINT, signal.SIGTERM)
"""What a person and what a scheduler sends."""


ENDING = (signal.SIGTERM, signal.SIGHUP)
"""What a scheduler sends, and a terminal that is closed."""


@contextmanager
def interruptible() -> Iterator[None]:
    """Within the ``with`` block they interrupt as Ctrl-C does, so that all is ended in order.

    Only the main thread gets signals; in any other the block changes nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    heard = [n for n in ENDING if signal.getsignal(n) is not signal.SIG_IGN]  # Else as nohup says.
    before = {number: signal.signal(number, _interrupt) for number in heard}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


class Interruption:
    """Within the ``with`` block the first signal sets ``asked``; a second one interrupts at once.

    Only the main thread gets signals; in any other the block changes nothing.
    """

    def __init__(self) -> None:
        self.asked = False
        self._before: dict[signal.Signals, signal._HANDLER] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._ask) for number in SIGNALS}
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True
