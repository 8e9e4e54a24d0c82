"""Processes that begin where imports end: a server imports once, and forks each of them.

What runs in them is what a console script runs, in a process of its own; only the second or two in
which Python reads its modules is not paid by each test again.
"""

from __future__ import annotations

import faulthandler
import functools
import importlib
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

NODES = (
    *("arm_node", "camera_node", "controller_node", "policy_node", "recorder_node", "safety_node"),
    *("teleop_node", "twin_camera_node"),
)
LEARNER = ("robot_rl.remote_learner", "robot_rl.progress", "torch._dynamo")
"""The last is read by torch itself, with its first optimiser."""
_SERVER = multiprocessing.get_context("forkserver")
_SERVER.set_forkserver_preload([*(f"hardware.ros.{node}" for node in NODES), *LEARNER])


@functools.cache
def _logs() -> tempfile.TemporaryDirectory[str]:
    """Where they speak; it goes with us. The forked ones ask for none."""
    return tempfile.TemporaryDirectory(prefix="forked-")


class Forked:
    """As much of ``subprocess.Popen`` as tests use; output and errors go into one file.

    Args:
        module: Has a ``main``, which returns the exit status.
        arguments: What it finds in ``sys.argv``.
        environment: Its environment.
        folder: Where it runs.
    """

    def __init__(
        self, module: str, arguments: list[str], environment: Mapping[str, str], folder: Path
    ) -> None:
        handle, self._said = tempfile.mkstemp(".log", f"{module}-", _logs().name)
        os.close(handle)
        self.args = [module, *arguments]
        settings = (module, arguments, dict(environment), str(folder), self._said)
        self._process = _SERVER.Process(target=_run, args=settings, daemon=True)
        self._process.start()
        assert self._process.pid is not None
        self.pid: int = self._process.pid

    @property
    def returncode(self) -> int | None:
        """Exit status, negative for a signal; None while it runs."""
        return self._process.exitcode

    def poll(self) -> int | None:
        """The same."""
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Exit status, once it has ended."""
        self._process.join(timeout)
        if self.returncode is None:
            raise subprocess.TimeoutExpired(self.args, timeout or 0.0)
        return self.returncode

    def communicate(self, timeout: float | None = None) -> tuple[str, None]:
        """All that it said, once it has ended."""
        self.wait(timeout)
        said = Path(self._said).read_text(errors="replace")
        return said, None

    def send_signal(self, number: int) -> None:
        """Signals it, if it still runs."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """Ends it now."""
        self.send_signal(signal.SIGKILL)


Process = subprocess.Popen[Any] | Forked
"""A process of a test, however it was started."""


def _run(
    module: str, arguments: list[str], environment: dict[str, str], folder: str, said: str
) -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    output = os.open(said, os.O_WRONLY | os.O_APPEND)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(output, stream.fileno())
    faulthandler.enable()  # SIGABRT then tells where it stands.
    sys.argv = [module, *arguments]
    raise SystemExit(importlib.import_module(module).main())


def _end_with_parent() -> None:
    """Ends this process with the one that asked for it: the server lives as long as any of us."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os.kill(os.getpid(), signal.SIGKILL)
