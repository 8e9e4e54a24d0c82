"""Keys of a terminal and the services of a robot are one person's presses."""

import os
import pty
import time
from collections.abc import Callable, Collection, Sequence

from robot_rl.presses import presses
from robot_rl.toy import PointEnv

PATIENCE = 20.0


class Served(PointEnv):
    """Has services, of which somebody has called one."""

    def __init__(self) -> None:
        super().__init__()
        self.keys: tuple[str, ...] = ()

    def pressed(self, keys: Collection[str]) -> list[str]:
        self.keys = tuple(keys)
        return ["redo"]


def heard(pressed: Callable[[], Sequence[str]], count: int) -> list[str]:
    """So many presses beside those of the service; a terminal takes a moment."""
    found: list[str] = []
    end = time.monotonic() + PATIENCE
    while len(found) < count and time.monotonic() < end:
        found += [key for key in pressed() if key != "redo"]
    return found


def test_keys_of_a_terminal_count_beside_the_services_of_a_robot() -> None:
    ours, theirs = pty.openpty()
    robot = Served()
    with os.fdopen(theirs) as terminal, presses(robot, terminal) as pressed:
        assert pressed() == ["redo"]
        assert robot.keys == ("redo", "mistaken")
        os.write(ours, b"xzsf")
        assert heard(pressed, 3) == ["mistaken", "success", "failure"]
    os.close(ours)


def test_what_comes_through_a_pipe_is_nobodys_press() -> None:
    source, sink = os.pipe()
    os.write(sink, b"x")
    with os.fdopen(source) as stream, presses(Served(), stream) as pressed:
        assert pressed() == ["redo"]
    os.close(sink)


def test_nobody_sits_beside_a_simulator_whose_terminal_stays_as_it_is() -> None:
    ours, theirs = pty.openpty()
    with os.fdopen(theirs) as terminal, presses(PointEnv(), terminal) as pressed:
        os.write(ours, b"x\n")
        assert list(pressed()) == []
        assert terminal.readline() == "x\n"
    os.close(ours)
