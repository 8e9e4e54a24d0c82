"""Real small programs, started, watched and ended as one."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from hardware.program import Program
from hardware.supervisor import ProgramError, Supervisor

WAITS = "import signal\nprint('up', flush=True)\nsignal.pause()"
"""Ends on SIGINT."""
PRINTS_PID = f"import os\nprint(os.getpid(), flush=True)\n{WAITS}"
DEAF = f"import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n{WAITS}"
FAILS = "print('up')\nprint('over')\nraise SystemExit(3)"
FAILS_AFTER = "import pathlib\nwhile not pathlib.Path({file!r}).exists(): pass\n" + FAILS
# os.write, for print may be interrupted in the middle of its own work.
TELLS = """
import os, signal
def end(*_):
    os.write(1, b"hears\\n")
    os.write(1, b"ends\\n")
    raise SystemExit
signal.signal(signal.SIGINT, end)
os.write(1, b"up\\n")
signal.pause()
"""
PARENT = f"""
import signal, subprocess, sys
subprocess.Popen([sys.executable, "-c", {PRINTS_PID!r}])
signal.pause()
"""


def python(
    name: str, code: str, stage: int = 0, respawn: bool = False, grace: float = 5.0
) -> Program:
    return Program(name, (sys.executable, "-I", "-S", "-c", code), stage, respawn, grace)


class Heard:
    """What was said, and what happens when all programs are up."""

    def __init__(self, programs: Iterable[Program], when_up: Callable[[], object]) -> None:
        self.lines: list[tuple[str, str]] = []
        self._missing = {program.name for program in programs}
        self._when_up = when_up

    def __call__(self, name: str, line: str) -> None:
        self.lines.append((name, line))
        if line == "up" and name in self._missing:
            self._missing.discard(name)
            if not self._missing:
                self._when_up()

    def of(self, name: str) -> list[str]:
        return [line for who, line in self.lines if who == name]


def interrupt(number: int = signal.SIGINT) -> None:
    os.kill(os.getpid(), number)


def supervised(
    *programs: Program,
    when_up: Callable[[], object] = interrupt,
    steady: float = 0.0,
) -> Heard:
    heard = Heard(programs, when_up)
    Supervisor(programs, heard, steady=steady).run()
    return heard


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_one_signal_ends_all_of_them(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    heard = supervised(
        python("arm", WAITS), python("safety", WAITS, 1), when_up=lambda: interrupt(number)
    )
    assert {name for name, _ in heard.lines} == {"arm", "safety"}
    assert signal.getsignal(number) is before


def test_higher_stages_have_ended_before_lower_ones_hear_of_it() -> None:
    programs = [
        python(name, TELLS, stage) for stage, name in enumerate(("arm", "safety", "policy"))
    ]
    lines = [(name, line) for name, line in supervised(*programs).lines if line != "up"]
    assert lines == [
        (name, line) for name in ("policy", "safety", "arm") for line in ("hears", "ends")
    ]


def test_one_that_ignores_the_request_is_killed_and_named() -> None:
    began = time.monotonic()
    heard = supervised(python("arm", WAITS), python("camera", DEAF, 1, grace=0.2))
    assert heard.of("camera") == ["up", "did not end in time, and is killed"]
    assert time.monotonic() - began < 5


def test_a_second_request_kills_at_once() -> None:
    def twice() -> None:
        interrupt()
        threading.Timer(0.1, interrupt).start()

    began = time.monotonic()
    supervised(python("camera", DEAF, grace=60), when_up=twice)
    assert time.monotonic() - began < 30


def test_one_that_ends_by_itself_ends_the_others_with_its_name_status_and_last_lines(
    tmp_path: Path,
) -> None:
    file = tmp_path / "arm is up"
    heard = Heard([python("arm", WAITS)], file.touch)
    safety = python("safety", FAILS_AFTER.format(file=str(file)), 1)
    with pytest.raises(ProgramError, match=r"^safety ended by itself, status 3.*\n *up\n *over$"):
        Supervisor([python("arm", PRINTS_PID), safety], heard).run()
    assert not alive(int(heard.of("arm")[0]))


def test_one_that_is_killed_from_outside_is_told_from_one_that_failed() -> None:
    code = "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)"
    with pytest.raises(ProgramError, match=r"policy ended by itself, killed by SIGKILL.* nothing$"):
        supervised(python("policy", code))


def test_a_driver_that_ends_is_started_again() -> None:
    once = "import os\nprint(os.getpid(), flush=True)\n"
    restarts: list[str] = []

    def say(name: str, line: str) -> None:
        restarts.append(line)
        if sum(line.isdigit() for line in restarts) == 3:
            interrupt()

    Supervisor([python("arm", once, respawn=True)], say, steady=0.0).run()
    pids = [line for line in restarts if line.isdigit()]
    assert len(set(pids)) == len(pids) >= 3
    assert restarts[1] == "ended by itself, status 0; it is started again"


def test_a_driver_that_ends_at_once_is_not_started_for_ever() -> None:
    with pytest.raises(ProgramError, match="arm ended by itself, status 3"):
        supervised(python("arm", FAILS, respawn=True), when_up=lambda: None, steady=60.0)


def test_nothing_is_left_when_one_cannot_be_started(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    code = f"import os\nopen({str(pid)!r}, 'w').write(str(os.getpid()))\n{WAITS}"
    missing = Program("safety", (str(tmp_path / "missing"),), 1)
    with pytest.raises(FileNotFoundError, match="missing"):
        Supervisor([python("arm", code), missing], lambda *_: None).run()
    assert not pid.exists() or not alive(int(pid.read_text()))


def test_processes_that_a_program_started_end_with_it() -> None:
    heard = supervised(python("arm", PARENT))
    eventually(lambda: not alive(int(heard.of("arm")[0])))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's end")
def test_programs_end_when_the_supervisor_itself_is_killed() -> None:
    code = (
        "import sys\nfrom hardware.program import Program\n"
        "from hardware.supervisor import Supervisor\n"
        f"program = Program('arm', (sys.executable, '-I', '-S', '-c', {PRINTS_PID!r}))\n"
        "Supervisor([program], lambda name, line: print(line, flush=True)).run()"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    with process:
        assert process.stdout is not None
        pid = int(process.stdout.readline())
        process.kill()
    eventually(lambda: not alive(pid))


def test_a_closed_terminal_keeps_nobody_alive() -> None:
    lines: list[str] = []

    def broken(name: str, line: str) -> None:
        lines.append(line)
        if line == "up":
            interrupt()
        raise BrokenPipeError

    Supervisor([python("arm", WAITS)], broken).run()
    assert lines[0] == "up"


def test_lines_come_whole_and_the_last_one_even_without_its_end() -> None:
    code = "import os\nfor part in (b'fi', b'rst\\nse', b'cond'):\n    os.write(1, part)"
    heard = Heard((), lambda: None)
    with pytest.raises(ProgramError):
        Supervisor([python("arm", code)], heard).run()
    assert heard.of("arm") == ["first", "second"]


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # A zombie whose new parent has not fetched it yet runs no more.
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"


def eventually(condition: Callable[[], bool], timeout: float = 10.0) -> None:
    end = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)
