"""A file is old or new, whatever happens; and a disk without room is answered alike everywhere."""

import errno
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from robot_rl import arrays, durable
from robot_rl.env import ArraySpec
from robot_rl.log import Log
from robot_rl.run import Run
from robot_rl.schema import Schema
from robot_rl.settings import save_settings


@dataclass(frozen=True)
class Settings:
    text: str = "x" * 100_000


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """A disk that refuses to write any more, as a full one does."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def _save_replay(folder: Path) -> None:
    arrays.save(folder / "replay.npz", {"reward": np.zeros(25_000, np.float32)}, {})


def _save_settings(folder: Path) -> None:
    save_settings(Settings(), folder / "config.json")


def _save_checkpoint(folder: Path) -> None:
    schema = Schema({"state": ArraySpec((3,))}, ArraySpec((2,)), 0.05, "reach")
    Run(folder, {}).save_checkpoint({"weights": np.zeros(25_000, np.float32)}, 1, schema)


def _begin_log(folder: Path) -> None:
    Log(folder).write(0, {"x" * 100_000: 1.0})


@pytest.mark.parametrize("save", [_save_replay, _save_settings, _save_checkpoint, _begin_log])
def test_a_disk_without_room_is_answered_alike(
    tmp_path: Path, save: Callable[[Path], None]
) -> None:
    with largest_file(10_000), pytest.raises(OSError, match="cannot write") as caught:
        save(tmp_path)
    assert caught.value.errno == errno.EFBIG
    answer = r".*/\S+ \(File too large\): it takes 0\.1 MB and [0-9.]+ MB are free; make room"
    assert caught.match(f"cannot write {answer}")
    assert not list(tmp_path.rglob("*.new"))


def test_an_error_while_writing_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "file"
    durable.replace(path, b"old")
    with pytest.raises(KeyError), durable.replacing(path) as file:
        file.write({b"new": b"new"}[b"other"])
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_other_errors_stay_what_they_are(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere"):
        durable.replace(tmp_path / "nowhere" / "file", b"content")


def test_a_size_that_is_not_known_is_not_told(tmp_path: Path) -> None:
    answer = pytest.raises(OSError, match=r"too large\): [0-9.]+ MB are free")
    with largest_file(1), answer, durable.replacing(tmp_path / "file") as file:
        file.write(b"content")


def test_settings_are_old_or_new_on_a_full_disk(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    save_settings(Settings("few"), path)
    before = path.read_bytes()
    with largest_file(10_000), pytest.raises(OSError, match="what was there before is intact"):
        save_settings(Settings(), path)
    assert path.read_bytes() == before
