"""Keys that repeat while they are held, as a twist; a key that is let go stops."""

import io
import os
import pty

import numpy as np
import pytest

from hardware.jog import RELEASE, Jog
from hardware.keys import Keys


def test_a_key_moves_the_tool_until_a_moment_after_its_last_repeat() -> None:
    jog = Jog(speed=0.05, turn=0.3)
    assert jog.twist(0.0) is None
    for now in (0.0, 0.1, 0.2):
        jog.press([b"s"], now)
        np.testing.assert_array_equal(jog.twist(now), [-0.05, 0, 0, 0, 0, 0])
    assert jog.twist(0.2 + RELEASE) is not None
    assert jog.twist(0.21 + RELEASE) is None


def test_the_last_key_counts_and_any_other_stops() -> None:
    jog = Jog(speed=0.05, turn=0.3)
    jog.press([b"w", b"u"], 0.0)
    np.testing.assert_array_equal(jog.twist(0.0), [0, 0, 0, 0, 0, 0.3])
    jog.press([b" "], 0.1)
    assert jog.twist(0.1) is None
    assert not jog.ended


@pytest.mark.parametrize("key", [b"q", b"\x1b"])
def test_a_key_ends_it_and_nothing_moves_then(key: bytes) -> None:
    jog = Jog(speed=0.05, turn=0.3)
    jog.press([b"w", key, b"w"], 0.0)
    assert jog.ended
    assert jog.twist(0.0) is None


def test_keys_of_a_terminal_come_as_they_are_and_arrows_are_no_escape() -> None:
    ours, theirs = pty.openpty()
    with os.fdopen(theirs) as terminal, Keys(terminal) as keys:
        assert keys.interactive
        os.write(ours, b"w\x1b[Cq")
        assert keys.presses() == [b"w", b"\x1b[C", b"q"]
    os.close(ours)


def test_who_has_no_terminal_cannot_jog(monkeypatch: pytest.MonkeyPatch) -> None:
    jog = pytest.importorskip("hardware.ros.jog")
    monkeypatch.setattr("sys.stdin", io.StringIO("w"))
    with pytest.raises(ValueError, match="type robot-rl jog in a terminal of its own"):
        jog.jog()
