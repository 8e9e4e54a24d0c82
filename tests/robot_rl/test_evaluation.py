"""Evaluation favours no episode and says how sure it is."""

import numpy as np
import pytest

from robot_rl.env import ArraySpec, Info, Step
from robot_rl.evaluation import Evaluation, evaluate
from robot_rl.toy import PointEnv, point_expert


class ShortOrLong:
    """Each episode is, by a coin, a success after one step or a failure after nine."""

    dt = 1.0
    action_spec = ArraySpec((1,), low=-1, high=1)

    def __init__(self, num_envs: int) -> None:
        self.observation_spec = {"state": ArraySpec((1,))}
        self.num_envs = num_envs
        self._rng = np.random.default_rng(0)

    def _draw(self) -> np.ndarray:
        return np.where(self._rng.random(self.num_envs) < 0.5, 1, 9)

    def reset(self, seed: int | None = None) -> Step:
        self._rng = np.random.default_rng(seed)
        self._length, self._age = self._draw(), np.zeros(self.num_envs, int)
        return self._step(np.zeros(self.num_envs, bool))

    def step(self, action: np.ndarray) -> Step:
        self._age += 1
        done = self._age >= self._length
        step = self._step(done)
        self._length = np.where(done, self._draw(), self._length)
        self._age[done] = 0
        return step

    def _step(self, done: np.ndarray) -> Step:
        success = done & (self._length == 1)
        state = {"state": np.zeros((self.num_envs, 1), np.float32)}
        return Step(
            state, success.astype(np.float32), success, done & ~success, {Info.SUCCESS: success}
        )

    def close(self) -> None: ...

    def __enter__(self) -> "ShortOrLong":
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None: ...


def test_short_successes_are_not_counted_more_often() -> None:
    env = ShortOrLong(100)
    rate = evaluate(env, lambda observation: np.zeros((100, 1)), episodes=4000).rate
    assert rate.low < 0.5 < rate.high
    assert rate.estimate == pytest.approx(0.5, abs=0.02)


def test_as_many_episodes_count_as_were_asked_for() -> None:
    env = PointEnv(num_envs=3, seed=0)
    outcome = evaluate(env, lambda o: np.zeros((3, 2)), episodes=7)
    assert len(outcome.length) == 7


def test_every_policy_meets_the_same_episodes() -> None:
    starts: list[np.ndarray] = []

    class Watched(PointEnv):
        def reset(self, seed: int | None = None) -> Step:
            step = super().reset(seed)
            starts.append(step.observation["state"].copy())
            return step

    for act in (point_expert, lambda o: np.zeros((4, 2))):
        evaluate(Watched(num_envs=4, seed=0), act, episodes=12)
    assert np.array_equal(starts[:3], starts[3:])
    assert not np.array_equal(starts[0], starts[1])


def test_no_episode_of_gymnasiums_is_counted_twice() -> None:
    asked: list[int] = []

    class Seeded(PointEnv):
        def reset(self, seed: int | None = None) -> Step:
            assert seed is not None
            asked.extend(range(seed, seed + self.num_envs))  # As its vector environments do.
            return super().reset(seed)

    evaluate(Seeded(num_envs=4, seed=0), point_expert, episodes=12)
    assert len(set(asked)) == len(asked) == 12


def test_success_is_what_an_episode_ends_with() -> None:
    class Fleeting(PointEnv):
        def step(self, action: np.ndarray) -> Step:
            step = super().step(action)
            return step._replace(info=step.info | {Info.SUCCESS: ~step.done})

    rate = evaluate(Fleeting(num_envs=4, seed=0), point_expert, episodes=8).rate
    assert rate.estimate == 0


def test_the_same_seed_gives_the_same_evaluation() -> None:
    env = PointEnv(num_envs=4, seed=0)
    first, second = (evaluate(env, point_expert, episodes=8, seed=3) for _ in range(2))
    assert np.array_equal(first.length, second.length)
    assert first.rate.estimate == 1


def test_length_is_that_of_successes_and_nan_without_any() -> None:
    success = np.array([True, False, True])
    outcome = Evaluation(success, np.array([10, 99, 20]), success.astype(float))
    assert outcome.success_length == 15
    assert outcome.rate.low < 2 / 3 < outcome.rate.high
    assert np.isnan(Evaluation(~success[:1], np.array([9]), np.zeros(1)).success_length)


def test_an_environment_without_a_notion_of_success_is_measured_by_its_return() -> None:
    class Silent(PointEnv):
        def step(self, action: np.ndarray) -> Step:
            step = super().step(action)
            step.info.pop(Info.SUCCESS)
            return step

    outcome = evaluate(Silent(num_envs=2, seed=0), point_expert, episodes=4)
    assert outcome.success is None
    assert np.isnan(outcome.rate.estimate)
    assert outcome.score.tolist() == [1] * 4
    assert outcome.scalars("greedy")["greedy_return"] == 1
