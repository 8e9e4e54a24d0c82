"""Nothing that was put into an outbox is lost, whatever becomes of memory, learner and process."""

import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robot_rl.outbox import Key, Outbox

MESSAGE = bytes(1000)


def _fill(outbox: Outbox, count: int, stream: int = 1, start: int = 0) -> list[Key]:
    keys = [Key(stream, step // 4, step % 4) for step in range(start, start + count)]
    for key in keys:
        outbox.put(key, bytes([key.step]) * 1000)
    return keys


def _keys(outbox: Outbox, count: int = 1000, beyond: int = -1) -> list[Key]:
    return [parcel.key for parcel in outbox.waiting(count, beyond)]


def test_messages_wait_in_order_until_they_are_taken(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path)
    keys = _fill(outbox, 10)
    assert _keys(outbox) == keys
    assert _keys(outbox, 3) == keys[:3]
    outbox.taken(keys[4])
    assert _keys(outbox) == keys[5:]
    assert len(outbox) == 5


def test_a_sender_goes_on_after_what_it_has_sent(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path)
    keys = _fill(outbox, 10)
    sent = outbox.waiting(4)[-1].number
    assert _keys(outbox, 4, sent) == [], "no more are under way at once"
    assert _keys(outbox, 7, sent) == keys[4:7]
    outbox.taken(keys[6])
    assert _keys(outbox, 3, sent) == keys[7:10]
    assert outbox.waiting(3, 9) == []


def test_beyond_its_memory_messages_wait_on_disk(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path, memory=3500)
    keys = _fill(outbox, 10)
    assert outbox.on_disk == 0, "nobody who puts waits for the disk"
    outbox.spool()
    assert outbox.on_disk == len(list(tmp_path.iterdir())) == 7
    assert _keys(outbox) == keys
    assert all(p.message == bytes([p.key.step]) * 1000 for p in outbox.waiting(10))
    outbox.taken(keys[-1])
    assert list(tmp_path.iterdir()) == []
    _fill(outbox, 3, start=10)
    outbox.spool()
    assert outbox.on_disk == 0, "there is room again"


def test_what_a_sender_leaves_is_sent_first_by_the_next(tmp_path: Path) -> None:
    for stream in (7, 3, 5):  # numbers of streams say nothing of their order
        outbox = Outbox(tmp_path, memory=2500)
        _fill(outbox, 4, stream)
        outbox.close()
        outbox.close()
    last = Outbox(tmp_path)
    _fill(last, 2, 9)
    assert [key.stream for key in _keys(last)] == [7] * 4 + [3] * 4 + [5] * 4 + [9] * 2
    last.taken(Key(7, 0, 3))
    last.taken(Key(3, 0, 1))
    assert [key.stream for key in _keys(last)] == [3] * 2 + [5] * 4 + [9] * 2
    assert len(list(tmp_path.iterdir())) == 6


def test_an_answer_about_another_stream_takes_nothing(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path)
    _fill(outbox, 3)
    outbox.taken(Key(2, 9, 9))
    assert len(outbox) == 3


def test_a_process_that_is_killed_leaves_the_oldest_without_a_hole(tmp_path: Path) -> None:
    killed = Outbox(tmp_path, memory=2500)
    keys = _fill(killed, 6)
    killed.taken(keys[0])
    killed.put(Key(1, 9, 9), MESSAGE)
    killed.spool()
    assert _keys(Outbox(tmp_path)) == keys[1:5]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(-5, 8), max_size=30), st.integers(0, 6000))
def test_whatever_happens_the_rest_is_there_in_order(
    tmp_path_factory: pytest.TempPathFactory, steps: list[int], memory: int
) -> None:
    """A positive number puts so many messages, a negative one takes as many, 0 begins anew."""
    folder = tmp_path_factory.mktemp("outbox")
    outbox, expected, count = Outbox(folder, memory), [], 0
    for step in steps:
        if step > 0:
            expected += _fill(outbox, step, start=count)
            count += step
            if step % 2:
                outbox.spool()
        elif step < 0 and expected:
            outbox.taken(expected[min(-step, len(expected)) - 1])
            expected = expected[-step:]
        elif step == 0:
            outbox.close()
            outbox = Outbox(folder, memory)
        assert _keys(outbox) == expected


def test_one_thread_puts_while_another_sends_and_a_third_spools(tmp_path: Path) -> None:
    outbox, got = Outbox(tmp_path, memory=20_000), []
    writer = threading.Thread(target=_fill, args=(outbox, 300))
    ended = threading.Event()

    def spool() -> None:
        while not ended.is_set():
            outbox.spool(memory=0)

    spooler = threading.Thread(target=spool)
    for thread in (writer, spooler):
        thread.start()
    while len(got) < 300:
        for parcel in outbox.waiting(7):
            got.append(parcel.key)
            outbox.taken(parcel.key)
    ended.set()
    for thread in (writer, spooler):
        thread.join()
    assert list(tmp_path.iterdir()) == []
    assert got == sorted(got)
    assert len(set(got)) == 300
