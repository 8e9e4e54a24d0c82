"""The processes of a robot beside this one: what ``robot-rl up`` starts, as long as needed."""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO

from robot_rl.command_line import words_of
from robot_rl.config import UpConfig

DOMAIN, RANGE = "ROS_DOMAIN_ID", "ROS_AUTOMATIC_DISCOVERY_RANGE"
_DOMAINS = 100
"""Domains above 101 collide with ports that Linux gives away."""
_GRACE = 10.0
"""Time in which all of them end [s]."""


@contextmanager
def running(settings: UpConfig) -> Iterator[None]:
    """Runs ``robot-rl up`` with these settings; who looks for it will wait.

    Unless the user has chosen a ROS domain, the robot gets one of its own on this machine, so that
    nobody else's robot is met.

    Raises:
        RuntimeError: At the end, if the processes ended by themselves; with their last words.
    """
    os.environ.setdefault(DOMAIN, str(1 + os.getpid() % _DOMAINS))
    os.environ.setdefault(RANGE, "LOCALHOST")
    with tempfile.TemporaryFile("w+") as said:
        command = [sys.executable, "-m", "robot_rl.cli", "up", *words_of(settings, UpConfig())]
        process = subprocess.Popen(
            command, stdout=said, stderr=said, start_new_session=True, preexec_fn=with_us()
        )
        try:
            yield
        except ConnectionError as error:
            if process.poll() is not None:
                raise RuntimeError(_last_words(said)) from error
            raise
        finally:
            end(process)


def with_us() -> Callable[[], None]:
    """What a new process does first, so that it ends when we are killed, as with Ctrl-C."""
    # By name: robot_rl knows no hardware until somebody asks for it.
    return importlib.import_module("hardware.program").end_with_parent


def end(process: subprocess.Popen[bytes], grace: float = _GRACE) -> None:
    """As Ctrl-C does; kills what has not ended after ``grace`` [s]."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
    try:
        process.wait(grace)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _last_words(said: IO[str]) -> str:
    said.seek(0)
    lines = said.read().splitlines()[-10:]
    return "the robot's processes ended by themselves:\n  " + "\n  ".join(lines)
