"""A folder is one process's, until it ends."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from robot_rl.lock import alone_in, is_locked

HOLD = (
    "import sys, pathlib, robot_rl.lock as lock\n"
    "with lock.alone_in(pathlib.Path(sys.argv[1])): print(1, flush=True); input()"
)


def test_a_folder_is_one_process_s_until_it_is_killed(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    command = [sys.executable, "-c", HOLD, str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        assert is_locked(folder)
        with pytest.raises(BlockingIOError, match="another process works in"), alone_in(folder):
            pass
        other.send_signal(signal.SIGKILL)
    with alone_in(folder):
        assert is_locked(folder)
    assert not is_locked(folder)
