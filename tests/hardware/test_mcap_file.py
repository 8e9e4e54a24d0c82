"""The file beside an episode: whole when it is kept, gone when it is dropped, hidden until then."""

import os
import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

pytest.importorskip("mcap")

from mcap.reader import make_reader

from hardware.mcap_file import McapFile, RawTopic

TOPIC = RawTopic("/wrench", "std_msgs/msg/Float64", "float64 data\n")


def begin(folder: Path) -> McapFile:
    return McapFile(folder, "abc", [TOPIC], {"name": "twin"})


def test_what_was_written_is_read_in_order(tmp_path: Path) -> None:
    file = begin(tmp_path)
    for number in range(1000):
        file.write("/wrench", number.to_bytes(8, "little"), 10 + number)
    file.keep()
    file.keep()
    with (tmp_path / file.name).open("rb") as stream:
        reader = make_reader(stream)
        messages = list(reader.iter_messages())
        assert reader.get_header().profile == "ros2"
        summary = reader.get_summary()
    assert file.dropped == 0
    assert [int.from_bytes(m.data, "little") for _, _, m in messages] == list(range(1000))
    assert [m.log_time for _, _, m in messages] == list(range(10, 1010))
    assert summary is not None
    [channel], [schema] = summary.channels.values(), summary.schemas.values()
    assert (channel.topic, channel.message_encoding) == ("/wrench", "cdr")
    assert (schema.name, schema.encoding) == (TOPIC.type, "ros2msg")


def test_until_it_is_kept_it_is_hidden(tmp_path: Path) -> None:
    file = begin(tmp_path)
    assert [path.name for path in (tmp_path / "mcap").iterdir()] == [".writing-abc.mcap"]
    file.keep()
    assert [path.name for path in (tmp_path / "mcap").iterdir()] == ["abc.mcap"]
    file.drop()
    assert (tmp_path / "mcap/abc.mcap").exists(), "what is kept stays"


def test_a_dropped_file_leaves_nothing(tmp_path: Path) -> None:
    file = begin(tmp_path)
    file.write("/wrench", bytes(8), 1)
    file.drop()
    file.drop()
    assert list((tmp_path / "mcap").iterdir()) == []
    for number in range(5000):
        file.write("/wrench", bytes(8), number)
    assert file.dropped == 0, "nothing is kept for a file that has ended"


@contextmanager
def no_room() -> Iterator[None]:
    """As a full disk answers: no file may grow."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    usual = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, usual)


def test_a_full_disk_is_said_when_it_is_to_be_kept(tmp_path: Path) -> None:
    file = begin(tmp_path)
    with no_room():
        for number in range(100):
            file.write("/wrench", os.urandom(100_000), number)
        with pytest.raises(OSError, match="File too large"):
            file.keep()
        file.drop()
    assert list((tmp_path / "mcap").iterdir()) == []
    opened = [os.path.realpath(path) for path in Path("/proc/self/fd").iterdir()]
    assert not [path for path in opened if str(tmp_path) in path], "it takes room as long as open"
