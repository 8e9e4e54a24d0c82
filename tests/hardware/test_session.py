"""A session at a terminal, with an arm that is at once where it is; a person presses keys."""

import threading
from pathlib import Path

from hardware.env import HardwareEnv
from hardware.environments import box_of
from hardware.keys import Key
from hardware.recording import Recorder
from hardware.robot_config import RobotConfig
from hardware.session import Session
from robot_rl.config import RecordConfig
from robot_rl.episodes import Episodes
from robot_rl.metadata import ATTEMPT, Metadata
from robot_rl.reward import Rewards
from robot_rl.reward_sources import LabelReward, LabelSettings
from robot_rl.robot_recording import until_enough
from robot_rl.schema import Schema
from tests.hardware.obedient_arm import ROBOT, ObedientArm

PATIENCE = 60.0


class Slow:
    """A companion that is written once it may be; its episode waits for it."""

    name = "raw/slow"

    def __init__(self) -> None:
        self.may_end = threading.Event()

    def keep(self) -> None:
        self.may_end.wait(PATIENCE)

    def drop(self) -> None:
        self.may_end.set()


class Person:
    """Calls each episode a success, and takes the second one back, twice, while it is written."""

    def __init__(self) -> None:
        self.episodes: list[Slow] = []
        self.recorder: Recorder | None = None

    def begin(self, uuid: str) -> Slow:
        self.episodes.append(Slow())
        if len(self.episodes) != 2:
            self.episodes[-1].may_end.set()
        return self.episodes[-1]

    def pressed(self) -> list[Key]:
        assert self.recorder is not None
        if self.recorder.state == "recording":
            return ["success"]
        if self.episodes[-1].may_end.is_set():
            return []
        self.episodes[-1].may_end.set()
        return ["mistaken", "mistaken"]


def _session(path: Path, attempts: tuple[int, ...] = ()) -> tuple[Session, list[Metadata]]:
    """Until two have succeeded that were meant to; those that are attempts are counted from 1."""
    config, rewards = RobotConfig(workspace=box_of(ROBOT)), Rewards([LabelReward(LabelSettings())])
    env = HardwareEnv(ROBOT, ObedientArm(), config=config, rewards=rewards)
    store = Episodes(path, Schema.of(env, "robot"))
    person = Person()

    def labels() -> dict[str, str]:
        return {ATTEMPT: "aside"} if len(person.episodes) in attempts else {}

    person.recorder = Recorder(store, Metadata(), accompany=person.begin, labels=labels)
    session = Session(env, person.recorder, lambda: None, person.pressed)
    session.run(until_enough(RecordConfig(robot="twin", scripted=2)), seed=0)
    return session, store.metadata()


def test_who_takes_an_episode_back_while_it_is_written_hits_that_one_and_it_counts_no_more(
    tmp_path: Path,
) -> None:
    session, metadata = _session(tmp_path)
    assert [one.success for one in metadata] == [True, False, True]
    assert [one.labels.get("mistaken") for one in metadata] == [None, "session", None]
    assert (session.counts.committed, session.counts.successes) == (3, 2)


def test_attempts_that_succeed_are_labelled_and_not_among_those_that_were_wanted(
    tmp_path: Path,
) -> None:
    session, metadata = _session(tmp_path, attempts=(2, 3))
    assert [one.success for one in metadata] == [True, False, True, True]
    assert [one.is_demonstration for one in metadata] == [True, False, False, True]
    assert [one.labels.get(ATTEMPT) for one in metadata] == [None, "aside", "aside", None]
    assert (session.counts.successes, session.counts.demonstrations) == (3, 2)
