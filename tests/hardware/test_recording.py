"""Episodes on disk are what was recorded; a kill at any moment costs the running one alone."""

from __future__ import annotations

import io
import os
import pty
import random
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from hardware.keys import Keys
from hardware.recording import EpisodeLimits, Recorder
from hardware.timing import Timing
from robot_rl.env import ArraySpec
from robot_rl.episodes import Episodes
from robot_rl.metadata import Metadata
from robot_rl.robot_step import REWARD
from robot_rl.schema import Schema
from robot_rl.transition import Transition

ROOT = Path(__file__).parents[2]
DT = 0.05
SCHEMA = Schema(
    observation={"state": ArraySpec((2,)), "images/front": ArraySpec((8, 8, 3), "uint8")},
    action=ArraySpec((1,)),
    dt=DT,
    env="test",
    contract={"name": "test"},
)


def frame(number: int) -> dict[str, np.ndarray]:
    return {
        "state": np.array([number, -number], np.float32),
        "images/front": np.full((8, 8, 3), number % 256, np.uint8),
    }


def transition(number: int, dt: float = DT, **changes: object) -> Transition:
    values = {
        "observation": frame(number),
        "next_observation": frame(number + 1),
        "action": np.array([number], np.float32),
        "policy_action": np.array([number + 0.5], np.float32),
        "reward": 0.0,
        "terminated": False,
        "truncated": False,
        "sensor_stamp": 100 + number * dt,
        "command_stamp": 100.01 + number * dt,
        "source": "demo",
        "extra": {"reasons": np.array(number)},
    }
    return Transition(**values | changes)  # pyright: ignore[reportArgumentType]


class Said:
    """What a recorder said."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, bool]] = []

    def __call__(self, text: str, warning: bool) -> None:
        self.lines.append((text, warning))


def recorder(path: Path, limits: EpisodeLimits | None = None, say: Said | None = None) -> Recorder:
    return Recorder(Episodes(path, SCHEMA), Metadata(task="test"), limits, say or Said())


def fill(one: Recorder, length: int, dt: float = DT, start: int = 0) -> None:
    for number in range(start, start + length):
        one.add(transition(number, dt))


def test_an_episode_comes_back_as_it_was_added_with_numbers_of_its_own(tmp_path: Path) -> None:
    one = recorder(tmp_path)
    for _ in range(2):
        one.begin()
        fill(one, 20)
        assert one.end()
        one.wait()
    for number, episode in enumerate(Episodes(tmp_path)):
        assert episode.step.tolist() == list(range(20))
        assert episode.metadata.episode == number
        assert episode.observation["state"][:, 0].tolist() == list(range(21))
        assert episode.action[:, 0].tolist() == list(range(20))
        assert episode.extra["reasons"].tolist() == list(range(20))
        assert episode.sensor_stamp[3] == pytest.approx(100.15)
        assert episode.metadata.termination_reason == "stopped"
        assert episode.metadata.success is False
    assert one.counts.committed == 2
    assert Episodes(tmp_path).verify() == []


@pytest.mark.parametrize("success", [True, False])
def test_a_verdict_is_the_last_transitions(tmp_path: Path, success: bool) -> None:
    one = recorder(tmp_path)
    one.begin()
    fill(one, 5)
    one.end(success)
    one.wait()
    episode = Episodes(tmp_path)[0]
    assert episode.success.tolist() == [False] * 4 + [success]
    assert episode.reward.tolist() == [0.0] * 4 + [float(success)]
    assert episode.terminated.tolist() == [False] * 4 + [True]
    assert episode.metadata.success is success
    assert episode.metadata.termination_reason == ("success" if success else "failure")
    assert one.counts.successes == success


def test_what_the_environment_ends_is_committed(tmp_path: Path) -> None:
    one = recorder(tmp_path)
    one.begin()
    assert one.add(transition(0))
    assert not one.add(transition(1, terminated=True, success=True, reward=1.0))
    one.wait()
    assert Episodes(tmp_path)[0].metadata.success is True
    assert not one.add(transition(2)), "no episode runs"


def test_an_episode_ends_at_its_limit(tmp_path: Path) -> None:
    one = recorder(tmp_path, EpisodeLimits(steps=7))
    one.begin()
    fill(one, 20)
    one.wait()
    episode = Episodes(tmp_path)[0]
    assert episode.truncated.tolist() == [False] * 6 + [True]
    assert episode.metadata.termination_reason == "time-out"


def test_no_action_spans_a_gap(tmp_path: Path) -> None:
    one = recorder(tmp_path, EpisodeLimits(gap=0.4))
    one.begin()
    fill(one, 5)
    assert not one.add(transition(5, sensor_stamp=101.0))
    one.wait()
    episode = Episodes(tmp_path)[0]
    assert len(episode) == 4, "the fifth led to the first observation after the gap"
    assert episode.metadata.termination_reason == "no observation for 0.80 s"


def test_an_episode_ends_where_the_clock_is_set_back_and_the_next_begins(tmp_path: Path) -> None:
    now = [100.0]
    one = Recorder(Episodes(tmp_path, SCHEMA), Metadata(), say=Said(), clock=lambda: now[0])
    one.begin()
    fill(one, 5)
    assert not one.add(transition(5, sensor_stamp=40.25))
    one.wait()
    one.begin()
    now[0] = 30.0
    assert one.add(transition(0, sensor_stamp=30.0))
    assert one.add(transition(1, sensor_stamp=30.05))
    one.end()
    one.wait()
    first, second = Episodes(tmp_path)
    assert first.metadata.termination_reason == "the clock was set back by 59.95 s"
    assert (len(first), len(second)) == (4, 2)


def test_discarding_leaves_nothing_and_the_next_is_numbered_on(tmp_path: Path) -> None:
    one = recorder(tmp_path)
    one.begin()
    fill(one, 5)
    assert one.discard() == 5
    assert list(Episodes(tmp_path).path.glob("episodes/.*")) == []
    one.begin()
    fill(one, 3)
    one.end()
    one.wait()
    assert [len(episode) for episode in Episodes(tmp_path)] == [3]
    assert one.counts.discarded == 1


def test_what_was_seen_before_an_episode_is_not_of_it_however_late_it_is_told(
    tmp_path: Path,
) -> None:
    now = transition(10).sensor_stamp
    one = Recorder(Episodes(tmp_path, SCHEMA), Metadata(), say=Said(), clock=lambda: now)
    one.begin()
    assert one.add(transition(7)), "it goes on"
    fill(one, 10, start=8)
    one.end()
    one.wait()
    assert Episodes(tmp_path)[0].observation["state"][0, 0] == 10


def test_an_episode_without_transitions_is_none(tmp_path: Path) -> None:
    one = recorder(tmp_path)
    one.begin()
    assert not one.end(success=True)
    assert len(one) == 0
    assert one.state == "idle"
    assert Episodes(tmp_path).verify() == []


def test_two_episodes_at_once_are_refused(tmp_path: Path) -> None:
    one = recorder(tmp_path)
    one.begin()
    with pytest.raises(RuntimeError, match="end it before the next"):
        one.begin()


def test_a_slow_episode_is_marked_and_said(tmp_path: Path) -> None:
    said = Said()
    one = recorder(tmp_path, say=said)
    one.begin()
    fill(one, 21, dt=DT / 0.94)
    one.end()
    one.wait()
    metadata = Episodes(tmp_path).metadata()[0]
    assert metadata.fps_declared == pytest.approx(20)
    assert metadata.fps_achieved == pytest.approx(18.8)
    assert metadata.labels == {"rate": "18.80 of 20.00 Hz achieved"}
    [(line, warning)] = said.lines
    assert warning
    assert line.endswith("21 transitions; marked, rate 18.80 of 20.00 Hz achieved")
    assert one.counts.marked == 1


def test_an_episode_at_its_rate_has_no_mark(tmp_path: Path) -> None:
    said = Said()
    one = recorder(tmp_path, say=said)
    one.begin()
    fill(one, 21, dt=DT / 0.96)
    one.end()
    one.wait()
    assert Episodes(tmp_path).metadata()[0].labels == {}
    assert [warning for _, warning in said.lines] == [False]


def test_gaps_are_counted_and_beating_clocks_are_none() -> None:
    timing = Timing(DT)
    for stamp in (0.0, 0.05, 0.15, 0.2, 0.2, 0.4, 0.45):
        timing.add(stamp, stamp)
    assert timing.gaps == 1
    assert timing.longest == pytest.approx(0.2)
    assert timing.marks()["gaps"] == "1, the longest 200 ms"


def test_stamps_that_stand_still_tell_no_rate() -> None:
    timing = Timing(DT)
    timing.add(1.0, 1.0)
    timing.add(1.0, 1.0)
    assert timing.rate is None
    assert timing.marks() == {}


@pytest.mark.parametrize("limits", [{"steps": 0}, {"gap": 0.0}, {"gap": float("nan")}])
def test_limits_that_make_no_sense_are_refused(limits: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(limits))} is .*; give"):
        EpisodeLimits(**limits)  # pyright: ignore[reportArgumentType]


def test_what_comes_while_the_last_episode_is_written_begins_no_earlier(tmp_path: Path) -> None:
    one = recorder(tmp_path)
    episodes = Episodes(tmp_path)
    for _ in range(3):
        one.begin()
        deadline = time.monotonic() + 20
        while one.state != "recording" and time.monotonic() < deadline:
            time.sleep(0.001)
        committed = one.counts.committed
        assert len(episodes) == committed, "the last is durable before the next runs"
        fill(one, 50)
        one.end()
    one.wait()
    assert len(episodes) == 3


def test_ending_an_episode_takes_nothing_of_what_writing_it_takes(tmp_path: Path) -> None:
    one, ending, writing = recorder(tmp_path), [], []
    for _ in range(3):
        one.begin()
        fill(one, 400)
        began = time.perf_counter()
        one.end()
        ended = time.perf_counter()
        one.wait()
        ending.append(ended - began)
        writing.append(time.perf_counter() - began)
    assert min(ending) < 0.1 * min(writing)


@contextmanager
def no_room() -> Iterator[None]:
    """As a full disk answers: no file may grow."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    usual = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (64, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, usual)


def test_an_episode_without_room_is_said_kept_and_tried_again(tmp_path: Path) -> None:
    said = Said()
    one = recorder(tmp_path, say=said)
    one.begin()
    fill(one, 30)
    with no_room():
        one.end()
        with pytest.raises(OSError, match="no room for an episode"):
            one.wait()
    assert "no room" in said.lines[0][0]
    assert len(Episodes(tmp_path)) == 0
    one.begin()
    one.wait()
    assert [len(episode) for episode in Episodes(tmp_path)] == [30]
    assert one.state == "recording"


class File:
    """A companion that tells what was done to it."""

    def __init__(self, done: list[str], uuid: str, full: bool = False) -> None:
        self.name, self._done, self._full = f"raw/{uuid}", done, full

    def keep(self) -> None:
        self._done.append(f"keep {self.name}")
        if self._full:
            raise OSError("no room")

    def drop(self) -> None:
        self._done.append(f"drop {self.name}")


def test_a_companion_lives_and_dies_with_its_episode(tmp_path: Path) -> None:
    done: list[str] = []
    store = Episodes(tmp_path, SCHEMA)
    one = Recorder(store, Metadata(), say=Said(), accompany=lambda uuid: File(done, uuid))
    one.begin()
    fill(one, 3)
    one.discard()
    assert [line.split()[0] for line in done] == ["drop"]
    one.begin()
    fill(one, 3)
    one.end()
    one.wait()
    metadata = store.metadata()[0]
    assert done[1:] == [f"keep raw/{metadata.uuid}"]
    assert metadata.labels == {"raw": f"raw/{metadata.uuid}"}


def test_an_episode_without_room_for_its_companion_goes_alone(tmp_path: Path) -> None:
    done: list[str] = []
    said, store = Said(), Episodes(tmp_path, SCHEMA)
    one = Recorder(store, Metadata(), say=said, accompany=lambda uuid: File(done, uuid, full=True))
    one.begin()
    fill(one, 3)
    one.end()
    one.wait()
    assert [line.split()[0] for line in done] == ["keep", "drop"]
    assert store.metadata()[0].labels == {}
    assert "could not be written and is dropped: no room" in said.lines[0][0]


RECORDS = f"""
import sys, time
from pathlib import Path
sys.path.insert(0, {str(ROOT)!r})
from tests.hardware.test_recording import fill, recorder
one = recorder(Path(sys.argv[1]))
print("up", flush=True)
while True:
    one.begin()
    while one.state != "recording":
        time.sleep(0.001)
    fill(one, 40)
    one.end(success=True)
    print(one.counts.committed, flush=True)
"""


def test_a_kill_at_any_moment_costs_the_running_episode_alone(tmp_path: Path) -> None:
    """Real processes, killed at random moments; what they said was committed is there."""
    rng, said = random.Random(0), 0
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    for turn in range(6):
        dataset = tmp_path / str(turn)
        process = subprocess.Popen(
            [sys.executable, "-c", RECORDS, str(dataset)],
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        threading.Timer(rng.uniform(0.0, 1.2), process.kill).start()
        numbers = [int(line) for line in process.stdout.read().split("\n")[:-1]]
        process.wait()
        store = Episodes(dataset)
        findings = store.verify()
        assert len(findings) <= 1, "the running episode, or nothing"
        assert all(finding.problem.startswith("unfinished") for finding in findings)
        assert max(numbers, default=0) <= len(store) <= len(numbers) + 1
        assert all(len(episode) == 40 for episode in store)
        said += max(numbers, default=0)
    assert said > 0


def test_keys_come_from_a_terminal_that_is_left_as_it_was() -> None:
    master, slave = pty.openpty()
    with os.fdopen(slave) as stream:
        before = os.popen(f"stty -a < {os.ttyname(slave)}").read()
        with Keys(stream) as keys:
            assert keys.pressed() == []
            os.write(master, b"nz\x1b[Cr\x1b[D")
            deadline, pressed = time.monotonic() + 5, []
            while len(pressed) < 4 and time.monotonic() < deadline:
                pressed += keys.pressed()
            assert pressed == ["next", "next", "redo", "redo"]
            assert " -icanon" in os.popen(f"stty -a < {os.ttyname(slave)}").read()
        assert os.popen(f"stty -a < {os.ttyname(slave)}").read() == before
    os.close(master)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        (b"sfxq", ["success", "failure", "mistaken", "stop"]),
        (b"\x1b", ["stop"]),
        (b"\x1b[A\x1b[B\x1bOP\x1b[5~", []),
        (b"\n\xffN", []),
    ],
)
def test_keys_from_a_pipe(typed: bytes, meant: list[str]) -> None:
    source, sink = os.pipe()
    os.write(sink, typed)
    os.close(sink)
    with os.fdopen(source) as stream, Keys(stream) as keys:
        assert keys.pressed() == meant
        assert keys.pressed() == [], "the end of a pipe is no key"


def test_without_a_terminal_nobody_presses_keys() -> None:
    with Keys(io.StringIO("sss")) as keys:
        assert keys.pressed() == []


def test_takeovers_cost_the_step_before_and_a_verdict_is_paid_by_a_term(tmp_path: Path) -> None:
    store = Episodes(tmp_path, SCHEMA)
    one = Recorder(store, Metadata(), say=Said(), costs={"intervention": 0.5})
    one.begin()
    for number, person in enumerate([False, False, True, True, False, True]):
        terms = {"success": 0.0, "intervention": 0.0}
        extra = {REWARD + name: np.array(term) for name, term in terms.items()}
        one.add(transition(number, intervened=person, extra=extra))
    one.end(success=True)
    one.wait()
    episode = store[0]
    assert episode.extra[f"{REWARD}intervention"].tolist() == [0, -0.5, 0, 0, -0.5, 0]
    assert episode.extra[f"{REWARD}success"].tolist() == [0, 0, 0, 0, 0, 1]
    assert episode.reward.tolist() == [0, -0.5, 0, 0, -0.5, 1]
