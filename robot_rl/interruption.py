"""Ctrl-C as a wish: the loop that is asked finishes its step, saves, and ends by itself."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Self

_ENDING = (signal.SIGTERM, signal.SIGHUP)
"""What a scheduler sends, and a terminal that is closed."""


def _heard(numbers: Iterable[signal.Signals]) -> list[signal.Signals]:
    """Without those that somebody has us ignore, as nohup does."""
    return [number for number in numbers if signal.getsignal(number) is not signal.SIG_IGN]


@contextmanager
def interruptible() -> Iterator[None]:
    """Within the ``with`` block they interrupt as Ctrl-C does, so that all is ended in order.

    Only the main thread gets signals; in any other the block changes nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, _interrupt) for number in _heard(_ENDING)}
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
            heard = _heard((signal.SIGINT, *_ENDING))
            self._before = {number: signal.signal(number, self._ask) for number in heard}
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
