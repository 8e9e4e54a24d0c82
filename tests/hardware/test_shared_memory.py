"""Shared memory of killed nodes is taken back, and nobody else's is touched."""

import fcntl
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hardware.dds_profile import use_dds_profile
from hardware.shared_memory import take_back

SIZE = 1 << 20
ROOT = Path(__file__).parents[2]


def _segment(folder: Path, name: str, age: float = 60.0) -> Path:
    (folder / name).write_bytes(os.urandom(SIZE))
    lock = folder / f"{name}_el"
    lock.touch()
    _date(lock, age)
    return lock


def test_what_a_dead_process_has_left_is_removed(tmp_path: Path) -> None:
    _segment(tmp_path, "fastdds_0123456789abcdef")
    _segment(tmp_path, "fastdds_port7411")
    assert take_back(tmp_path) == 2 * SIZE
    assert list(tmp_path.iterdir()) == []
    assert take_back(tmp_path) == 0


@pytest.mark.parametrize("left", [b"", b"\1\0\0\0 half of it"], ids=["nothing", "half"])
def test_what_a_process_was_killed_over_is_removed(tmp_path: Path, left: bytes) -> None:
    half, young = tmp_path / "fastdds_port7411", tmp_path / "fastdds_port7413"
    for path in (half, young):
        path.write_bytes(left)
    whole = tmp_path / "fastdds_port7415"
    whole.write_bytes((2).to_bytes(4, sys.byteorder))
    for path in (half, whole):
        _date(path, 60.0)
    take_back(tmp_path)
    assert sorted(tmp_path.iterdir()) == [young, whole]


def test_what_somebody_holds_stays(tmp_path: Path) -> None:
    lock = _segment(tmp_path, "fastdds_0123456789abcdef")
    with lock.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert take_back(tmp_path) == 0
        assert len(list(tmp_path.iterdir())) == 2


def test_what_was_just_made_and_what_is_not_of_fast_dds_stays(tmp_path: Path) -> None:
    _segment(tmp_path, "fastdds_0123456789abcdef", age=1.0)
    _segment(tmp_path, "psm_0123")
    assert take_back(tmp_path) == 0
    assert len(list(tmp_path.iterdir())) == 4


def test_a_machine_without_such_memory_is_left_alone(tmp_path: Path) -> None:
    assert take_back(tmp_path / "nothing") == 0


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="no shared memory as on Linux")
def test_fast_dds_holds_its_locks_as_we_think(tmp_path: Path) -> None:
    """A node that lives loses nothing; one that was killed leaves what is then taken back."""
    pytest.importorskip("rclpy")
    code = (
        "import rclpy; rclpy.init(); n = rclpy.create_node('n'); print('up', flush=True); input()"
    )
    environment = use_dds_profile(os.environ) | {"ROS_DOMAIN_ID": "29"}
    environment["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
    node = subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
    )
    assert node.stdout is not None
    assert node.stdout.readline() == b"up\n"
    segment = _segment_of(node.pid)
    lock = segment.with_name(f"{segment.name}_el")
    for path in (segment, lock):
        _date(path, 60.0)
    take_back()
    assert segment.exists()
    node.kill()
    node.wait()
    take_back()
    assert not segment.exists()
    assert not lock.exists()


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="no shared memory as on Linux")
def test_nothing_that_a_killed_process_left_keeps_a_node_waiting() -> None:
    """Fast DDS would wait for the rest of this port until somebody kills it."""
    pytest.importorskip("rclpy")
    domain, base, gain = 28, 7400, 250
    half = Path(f"/dev/shm/fastdds_port{base + gain * domain + 11}")
    half.unlink(missing_ok=True)
    half.touch()
    _date(half, 60.0)
    code = "import rclpy; from hardware.ros.context import new_context as new; " + (
        "rclpy.create_node('n', context=new())"
    )
    environment = use_dds_profile(os.environ) | {"ROS_DOMAIN_ID": str(domain)}
    environment |= {"ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST", "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, timeout=60)
    assert done.returncode == 0


def _date(path: Path, age: float) -> None:
    stamp = time.time() - age
    os.utime(path, (stamp, stamp))


def _segment_of(pid: int) -> Path:
    """The segment that a process has mapped."""
    maps, end = "", time.monotonic() + 20
    while time.monotonic() < end:
        maps = Path(f"/proc/{pid}/maps").read_text()
        if found := re.search(r"/dev/shm/fastdds_[0-9a-f]{16}$", maps, re.MULTILINE):
            return Path(found[0])
        time.sleep(0.01)
    raise AssertionError(f"Fast DDS has made no segment: {maps}")
