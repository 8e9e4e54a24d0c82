"""Runs programs as one: shows what they say, and ends all of them when one ends or somebody asks.

No ROS here. Each program is the leader of a session of its own, so that Ctrl-C in the terminal
reaches the supervisor alone, which then ends them in order.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

from hardware.program import Program, Running

STEADY = 5.0
"""A program that ends earlier than this is not started again: it would do the same for ever [s]."""
_LOOK_UP = 0.05

Say = Callable[[str, str], None]
"""Takes the name of a program and a line."""


class ProgramError(RuntimeError):
    """A program ended by itself; the message has its name, status and last lines."""


class Supervisor:
    """Starts programs and keeps them together.

    Args:
        programs: What to run.
        say: Shows a line.
        environment: Theirs.
        steady: A program that ends earlier than this is not started again [s].
    """

    def __init__(
        self,
        programs: Sequence[Program],
        say: Say,
        environment: Mapping[str, str] = os.environ,
        steady: float = STEADY,
    ) -> None:
        self._programs = sorted(programs, key=lambda program: program.stage)
        self._say, self._environment = say, environment
        self._steady = steady
        self._running: list[Running] = []
        self._selector = selectors.DefaultSelector()
        self._asked = 0

    def run(self) -> None:
        """Runs all until SIGINT or SIGTERM; a second one kills. Call it in the main thread.

        Raises:
            ProgramError: One ended by itself; the others have been ended.
            OSError: One cannot be started.
        """
        with _handled(self._ask), self._selector:
            try:
                for program in self._programs:
                    self._start(program)
                while not self._asked:
                    self._listen()
                    self._look_after()
            finally:
                self._end_all()

    def _ask(self) -> None:
        self._asked += 1

    def _start(self, program: Program) -> None:
        running = Running(program, self._environment)
        self._running.append(running)
        self._selector.register(running.pipe, selectors.EVENT_READ, running)

    def _listen(self) -> None:
        for key, _ in self._selector.select(_LOOK_UP):
            self._read(key.data)

    def _read(self, running: Running) -> None:
        for line in running.lines():
            self._tell(running, line)
        if running.silent and running.pipe in self._selector.get_map():
            self._selector.unregister(running.pipe)

    def _tell(self, running: Running, line: str) -> None:
        with contextlib.suppress(OSError):  # a closed terminal must not keep us from ending them
            self._say(running.program.name, line)

    def _look_after(self) -> None:
        """Starts again what may be, and ends the whole for the rest."""
        for running in [r for r in self._running if r.status is not None]:
            self._forget(running)
            self._answer(running)

    def _answer(self, running: Running) -> None:
        program, age = running.program, time.monotonic() - running.started
        ended = f"ended by itself, {_described(running.status)}"
        if program.respawn and age >= self._steady:
            self._tell(running, f"{ended}; it is started again")
            self._start(program)
            return
        said = "".join(f"\n    {line}" for line in running.said) or " nothing"
        raise ProgramError(
            f"{program.name} {ended}, and all others were ended. It last said:{said}"
        )

    def _forget(self, running: Running) -> None:
        self._read(running)
        if not running.silent:  # a child of its own may hold the pipe open
            self._selector.unregister(running.pipe)
        running.close()
        self._running.remove(running)

    def _end_all(self) -> None:
        for stage in sorted({r.program.stage for r in self._running}, reverse=True):
            self._end([r for r in self._running if r.program.stage == stage])

    def _end(self, stage: list[Running]) -> None:
        for running in stage:
            running.send(signal.SIGINT)
        asked = time.monotonic()
        while left := self._left(stage):
            self._listen()
            for running in left:
                if time.monotonic() - asked > running.program.grace or self._asked > 1:
                    self._kill(running)
        for running in stage:
            self._forget(running)

    def _kill(self, running: Running) -> None:
        self._tell(running, "did not end in time, and is killed")
        running.kill()

    def _left(self, stage: list[Running]) -> list[Running]:
        return [running for running in stage if running.status is None]


def _described(status: int | None) -> str:
    """An exit status in words."""
    if status is not None and status < 0:
        return f"killed by {signal.Signals(-status).name}"
    return f"status {status}"


@contextlib.contextmanager
def _handled(ask: Callable[[], None]) -> Iterator[None]:
    """SIGINT, SIGTERM and a closed terminal ask for the end instead of being it."""

    def hear(number: int, _: object) -> None:
        if number == signal.SIGHUP:  # A closed terminal says so twice, by the shell and the kernel.
            signal.signal(number, signal.SIG_IGN)
        ask()

    numbers = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as nohup leaves it
        numbers.append(signal.SIGHUP)
    before = {number: signal.signal(number, hear) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
