"""What a person, a scheduler and a closed terminal send; each in a process of its own."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

STEP = """
import signal, sys, time
from robot_rl.interruption import Interruption, interruptible
{before}
with interruptible(), Interruption() as interruption:
    print("ready", flush=True)
    while not interruption.asked:
        time.sleep(0.01)
    print("saving", flush=True)
    sys.stdin.readline()
print("saved", flush=True)
"""


@contextmanager
def running(before: str = "") -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", STEP.format(before=before)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert line(process) == "ready"
    yield process
    process.kill()
    process.communicate()


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def go_on(process: subprocess.Popen[str]) -> str:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()
    return line(process)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_first_signal_is_a_wish(number: signal.Signals) -> None:
    with running() as process:
        process.send_signal(number)
        assert line(process) == "saving"
        assert go_on(process) == "saved"


def test_a_closed_terminal_says_so_twice_and_is_heard_once() -> None:
    with running() as process:
        process.send_signal(signal.SIGHUP)
        assert line(process) == "saving"
        process.send_signal(signal.SIGHUP)
        assert go_on(process) == "saved"


def test_a_second_ctrl_c_ends_it_at_once() -> None:
    with running() as process:
        process.send_signal(signal.SIGINT)
        assert line(process) == "saving"
        process.send_signal(signal.SIGINT)
        assert line(process) == ""
        assert process.wait(20) != 0


def test_what_nohup_has_us_ignore_stays_ignored() -> None:
    with running("signal.signal(signal.SIGHUP, signal.SIG_IGN)") as process:
        process.send_signal(signal.SIGHUP)
        process.send_signal(signal.SIGTERM)
        assert line(process) == "saving"
