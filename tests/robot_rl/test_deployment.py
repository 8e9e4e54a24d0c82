"""What is measured of a policy on a robot; any environment of one world will do."""

import numpy as np
import pytest

from robot_rl.deployment import Deployed, deploy
from robot_rl.env import Info, Observation, Step
from robot_rl.progress import DeploymentMonitor
from robot_rl.toy import PointEnv
from tests.robot_rl.remembers import Remembers


class StampedPoint(PointEnv):
    """A point whose observation is 30 ms old when a command leaves, 20 times a second."""

    _now = 0.0

    def step(self, action: np.ndarray) -> Step:
        step = super().step(action)
        stamps = {"sensor": np.array([self._now]), "command": np.array([self._now + 0.03])}
        self._now += 0.05
        return step._replace(info=step.info | {"stamps": stamps, "reasons": np.array([4])})

    def scene(self) -> np.ndarray:
        return np.array([self._now])


def _home(observation: Observation) -> np.ndarray:
    return -np.sign(observation["state"][:, :2])


def test_episodes_are_counted_with_rate_and_latency() -> None:
    seen: list[int] = []
    with StampedPoint() as env:
        deployed = deploy(env, _home, 3, watch=lambda d: seen.append(len(d.success)))
    assert seen == [1, 2, 3]
    assert len(deployed.length) == 3
    assert deployed.rate == pytest.approx(20)
    assert deployed.latency_percentile(50) == pytest.approx(0.03)
    assert deployed.reasons == 4
    assert "20.0 steps/s; sensor to command median 30.0 ms" in str(deployed)


def test_a_scene_is_kept_for_each_step_but_the_last_which_shows_the_next_episode() -> None:
    with StampedPoint() as env:
        deployed = deploy(env, _home, 2)
    assert [len(scenes) for scenes in deployed.scenes] == [n - 1 for n in deployed.length]


def test_without_stamps_there_is_no_latency() -> None:
    with PointEnv() as env:
        assert np.isnan(deploy(env, _home, 1).latency_percentile(50))


def test_success_has_an_interval() -> None:
    rate = Deployed(success=[True] * 8 + [False] * 2).evaluation.rate
    assert 0.4 < rate.low < rate.estimate == 0.8 < rate.high < 1


def test_only_who_knows_what_is_where_can_be_filmed_and_that_is_said_at_once() -> None:
    seen: list[Deployed] = []
    with (
        PointEnv() as env,
        pytest.raises(ValueError, match="only a twin can be filmed"),
    ):
        deploy(env, _home, 50, watch=seen.append, filmed=True)
    assert len(seen) == 1


def test_an_episode_of_one_step_tells_no_rate() -> None:
    monitor = DeploymentMonitor(2)
    monitor(Deployed(success=[True], length=[1]))
    assert monitor.deployed is not None
    assert np.isnan(monitor.deployed.rate)


def test_what_acts_by_memory_is_told_when_an_episode_begins() -> None:
    with PointEnv(max_steps=3) as env:
        deploy(env, act := Remembers(), 2)
    begins, goes_on, ends = [True], [False], [True]
    assert act.told == [begins, *2 * [goes_on, goes_on, ends]]
    assert act.asked == 6


class TakenOver(PointEnv):
    """A person has it in the second step of each episode."""

    _steps = 0

    def step(self, action: np.ndarray) -> Step:
        step, self._steps = super().step(action), self._steps + 1
        return step._replace(info=step.info | {Info.INTERVENED: np.array([self._steps % 3 == 2])})


def test_what_acts_by_memory_is_told_that_a_person_went_elsewhere() -> None:
    with TakenOver(max_steps=3) as env:
        deploy(env, act := Remembers(), 1)
    assert act.told == [[True], [False], [True], [True]]
