"""A program in a session of its own: what to run, and what it says while it runs."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

_LINES = 10
"""How many of the last lines are kept."""
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


@dataclass(frozen=True)
class Program:
    """What to run."""

    name: str
    """Stands before each of its lines."""
    command: tuple[str, ...]
    stage: int = 0
    """Lower stages start earlier and end later."""
    respawn: bool = False
    """Start it again when it ends by itself."""
    grace: float = 2.0
    """Time that it has to end after SIGINT, before it is killed [s]."""


class Running:
    """A program that was started.

    Attributes:
        program: What runs.
        started: When, on the machine's monotonic clock [s].
        said: Its last lines.
        silent: Whether it has closed its output.
        pipe: Its output; never blocks.

    Raises:
        OSError: It cannot be started.
    """

    def __init__(self, program: Program, environment: Mapping[str, str]) -> None:
        self.program = program
        self.started = time.monotonic()
        self.said: deque[str] = deque(maxlen=_LINES)
        self.silent = False
        self._rest = b""
        self._process = subprocess.Popen(
            program.command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=end_with_parent if sys.platform == "linux" else None,
        )
        assert self._process.stdout is not None
        self.pipe = self._process.stdout
        os.set_blocking(self.pipe.fileno(), False)

    @property
    def status(self) -> int | None:
        """None while it runs."""
        return self._process.poll()

    def lines(self) -> Iterator[str]:
        """What it has said since the last call, whole lines only until it is silent."""
        for line in self._new_lines():
            text = line.decode(errors="replace").rstrip()
            self.said.append(text)
            yield text

    def send(self, number: signal.Signals) -> None:
        """Signals it and the processes it started."""
        if self.status is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)

    def kill(self) -> None:
        """Ends it and the processes it started, now."""
        self.send(signal.SIGKILL)
        self._process.wait()

    def close(self) -> None:
        """Closes the pipe."""
        self.pipe.close()

    def _new_lines(self) -> list[bytes]:
        try:
            while chunk := os.read(self.pipe.fileno(), 65536):
                self._rest += chunk
            self.silent = True
        except BlockingIOError:
            pass
        *lines, self._rest = self._rest.split(b"\n")
        if self.silent and self._rest:
            lines.append(self._rest)
            self._rest = b""
        return lines


def end_with_parent() -> None:
    """In the new process: SIGINT when we are killed, so that it is not left over."""
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, int(signal.SIGINT))
