"""The policy's loop: acts while it is wanted, rests on an error and says why."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np

from hardware.policy_runner import PolicyRunner
from robot_rl.env import Observation, Step
from robot_rl.toy import PointEnv
from tests.robot_rl.remembers import Remembers


class Flaky(PointEnv):
    """Its robot goes away after some steps, until it is mended."""

    left = 10**9

    def step(self, action: np.ndarray) -> Step:
        self.left -= 1
        if self.left < 0:
            raise ConnectionError("joint_states is silent for 200 ms")
        return super().step(action)


def _act(observation: Observation) -> np.ndarray:
    return np.zeros((1, 2), np.float32)


@contextmanager
def _running(runner: PolicyRunner) -> Iterator[None]:
    thread = threading.Thread(target=runner.run)
    thread.start()
    yield
    runner.end()
    thread.join(timeout=10)
    assert not thread.is_alive()


def _wait(condition: Callable[[], object]) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.001)


def test_nothing_is_done_before_it_is_wanted_and_nothing_after() -> None:
    runner = PolicyRunner(Flaky(), _act)
    with _running(runner):
        assert runner.counts.steps == 0
        runner.resume()
        _wait(lambda: runner.counts.steps > 5)
        runner.pause()
    steps = runner.counts.steps
    assert steps > 5
    assert not runner.active


def test_an_error_pauses_it_and_a_person_lets_it_go_on() -> None:
    env = Flaky()
    env.left = 3
    runner = PolicyRunner(env, _act)
    with _running(runner):
        runner.resume()
        _wait(lambda: runner.error)
        assert runner.error == "joint_states is silent for 200 ms"
        assert not runner.active
        env.left = 10**9
        runner.resume()
        _wait(lambda: runner.counts.steps > 10)
        assert runner.error == ""


def test_after_its_episodes_it_rests() -> None:
    runner = PolicyRunner(Flaky(), _act, episodes=2)
    with _running(runner):
        runner.resume()
        _wait(lambda: runner.counts.steps > 0 and not runner.active)
    assert runner.counts.episodes == 2


def test_what_acts_by_memory_is_told_of_beginnings_and_ends() -> None:
    runner = PolicyRunner(PointEnv(max_steps=2), act := Remembers(), episodes=1)
    with _running(runner):
        runner.resume()
        _wait(lambda: runner.counts.steps > 0 and not runner.active)
    assert act.told == [[True], [False], [True]]


class TakenOver(PointEnv):
    """A person commands in the second step."""

    steps = 0

    def step(self, action: np.ndarray) -> Step:
        self.steps += 1
        step = super().step(action)
        return step._replace(info=step.info | {"intervened": np.array([self.steps == 2])})


def test_a_plan_from_before_a_takeover_is_not_followed() -> None:
    runner = PolicyRunner(TakenOver(max_steps=4), act := Remembers(), episodes=1)
    with _running(runner):
        runner.resume()
        _wait(lambda: runner.counts.steps > 0 and not runner.active)
    assert act.told == [[True], [False], [True], [False], [True]]
