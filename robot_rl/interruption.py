"""Ctrl-C as a wish: the loop that is asked finishes its step, saves, and ends by itself."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from types import FrameType, TracebackType
from typing import Self

Handler = Callable[[int, FrameType | None], None]
_hangup = threading.Event()
"""Whether the terminal of this process was closed."""
_ENDING = (signal.SIGTERM, signal.SIGHUP)
"""What a scheduler sends, and a terminal that is closed."""


@contextmanager
def handled(numbers: Iterable[signal.Signals], handler: Handler) -> Iterator[None]:
    """Within the ``with`` block these signals call ``handler``.

    Those that somebody has us ignore, as nohup does, stay ignored. A terminal that is closed says
    so twice, by the shell and by the kernel, and is heard once. Only the main thread gets signals;
    in any other the block changes nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def hear(number: int, frame: FrameType | None) -> None:
        again = number == signal.SIGHUP and _hangup.is_set()
        if number == signal.SIGHUP:
            _hangup.set()
        if not again:
            handler(number, frame)

    heard = [n for n in numbers if signal.getsignal(n) not in (signal.SIG_IGN, None)]
    before = {number: signal.signal(number, hear) for number in heard}
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)


@contextmanager
def interruptible() -> Iterator[None]:
    """Within the ``with`` block they interrupt as Ctrl-C does, so that all is ended in order."""
    with handled(_ENDING, _interrupt):
        yield


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


class Interruption:
    """Within the ``with`` block the first signal sets ``asked``; a second one interrupts at once.

    Only the main thread gets signals; in any other the block changes nothing.
    """

    def __init__(self) -> None:
        self.asked = False
        self._handling = ExitStack()

    def __enter__(self) -> Self:
        self._handling.enter_context(handled((signal.SIGINT, *_ENDING), self._ask))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._handling.close()

    def _ask(self, number: int, frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True
