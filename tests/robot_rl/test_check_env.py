"""The toy environment keeps the contract; each variant breaks one rule and is caught."""

import warnings
from collections.abc import Callable

import numpy as np
import pytest

from robot_rl.check_env import ContractError, check_env
from robot_rl.env import ArraySpec, Env, Info, Step
from robot_rl.toy import PointEnv, point_expert


class Point(PointEnv):
    """Short episodes with a wide goal, so that both kinds of end appear."""

    def __init__(self) -> None:
        super().__init__(num_envs=3, max_steps=10, tolerance=0.4)


class Altered(Point):
    """Every returned step passes through ``alter``."""

    def alter(self, step: Step) -> Step:
        return step

    def reset(self, seed: int | None = None) -> Step:
        return self.alter(super().reset(seed))

    def step(self, action: np.ndarray) -> Step:
        return self.alter(super().step(action))


def altered(alter: Callable[[Step], object]) -> type[Altered]:
    return type("Variant", (Altered,), {"alter": lambda self, step: alter(step)})


def with_state(change: Callable[[np.ndarray], np.ndarray]) -> type[Altered]:
    return altered(lambda s: s._replace(observation={"state": change(s.observation["state"])}))


def with_info(**changes: object) -> type[Altered]:
    return altered(lambda s: s._replace(info=s.info | changes))


def with_spec(**specs: object) -> type[Point]:
    def init(self: Point) -> None:
        Point.__init__(self)
        vars(self).update(specs)

    return type("Variant", (Point,), {"__init__": init})


class LateSpecs(Point):
    def __init__(self) -> None:
        super().__init__()
        del self.observation_spec

    def reset(self, seed: int | None = None) -> Step:
        self.observation_spec = {"state": ArraySpec((6,))}
        return super().reset(seed)


class NoFinal(Altered):
    def alter(self, step: Step) -> Step:
        step.info.pop(Info.FINAL_OBSERVATION, None)
        return step


class FinalOfNextEpisode(Altered):
    def alter(self, step: Step) -> Step:
        final = {key: array.copy() for key, array in step.observation.items()}
        return step._replace(info=step.info | {Info.FINAL_OBSERVATION: final})


class StaleFinal(Altered):
    """At an end, the last observation is the one before the action."""

    before: np.ndarray

    def alter(self, step: Step) -> Step:
        if step.done.any():
            final = step.info[Info.FINAL_OBSERVATION]["state"]
            final[step.done] = self.before[step.done]
        self.before = step.observation["state"].copy()
        return step


class FinalOfEveryWorldIsOld(StaleFinal):
    def alter(self, step: Step) -> Step:
        if Info.FINAL_OBSERVATION in step.info:
            step.info[Info.FINAL_OBSERVATION]["state"][:] = self.before
        self.before = step.observation["state"].copy()
        return step


class NeverReset(Point):
    def _restart(self, worlds: np.ndarray) -> None:
        if worlds.all() and not self._age.any():
            super()._restart(worlds)
        self._age[worlds] = 0


class EndedAtReset(Point):
    def reset(self, seed: int | None = None) -> Step:
        step = super().reset(seed)
        return step._replace(truncated=~step.truncated)


class Unseeded(Point):
    def reset(self, seed: int | None = None) -> Step:
        return super().reset()


class EntropyPerCopy(Point):
    def __init__(self) -> None:
        super().__init__()
        self.offset = np.float32(np.random.default_rng().uniform())

    def _reward(self, success: np.ndarray) -> np.ndarray:
        return super()._reward(success) + self.offset


class ReusedBuffer(Altered):
    def __init__(self) -> None:
        super().__init__()
        self.buffer = np.zeros((3, 6), np.float32)

    def alter(self, step: Step) -> Step:
        self.buffer[:] = step.observation["state"]
        return step._replace(observation={"state": self.buffer})


class SharedConstant(Altered):
    """Never changes the array itself, but a caller who does would change every step."""

    reward = np.zeros(3, np.float32)

    def alter(self, step: Step) -> Step:
        return step._replace(reward=self.reward)


class ReturnsItsState(Altered):
    """Reads the observation it returned in the step before."""

    last = np.zeros((3, 6), np.float32)

    def reset(self, seed: int | None = None) -> Step:
        self.last = np.zeros((3, 6), np.float32)
        return super().reset(seed)

    def alter(self, step: Step) -> Step:
        drift = np.abs(self.last[:, 0])
        self.last = step.observation["state"]
        return step._replace(reward=drift)


class KeepsTheAction(Point):
    """Applies the action of the step before, and keeps no copy of it."""

    last = np.zeros((3, 2), np.float32)

    def reset(self, seed: int | None = None) -> Step:
        self.last = np.zeros((3, 2), np.float32)
        return super().reset(seed)

    def step(self, action: np.ndarray) -> Step:
        delayed, self.last = self.last, action
        return super().step(delayed)


class OverwritesTheAction(Point):
    def step(self, action: np.ndarray) -> Step:
        action *= 0.5
        return super().step(action)


class PoisonedByNan(Point):
    def step(self, action: np.ndarray) -> Step:
        self._velocity[np.isnan(action).any(axis=1)] = np.nan
        return super().step(action)


class FailsAfterNan(PoisonedByNan):
    def step(self, action: np.ndarray) -> Step:
        if np.isnan(action).any():
            raise FloatingPointError("not a number")
        return super().step(action)


class RejectsNan(Point):
    def step(self, action: np.ndarray) -> Step:
        if not np.isfinite(action).all():
            raise ValueError("action is not finite")
        return super().step(action)


class ClosesOnce(Point):
    closed = False

    def close(self) -> None:
        if self.closed:
            raise RuntimeError("already closed")
        self.closed = True


class EntersAnother(Point):
    def __enter__(self) -> PointEnv:  # pyright: ignore[reportIncompatibleMethodOverride]
        return PointEnv()


class Crashes(Point):
    def _move(self, sent: np.ndarray) -> None:
        raise ZeroDivisionError("no mass")


BROKEN = {
    "specs are readable before reset": LateSpecs,
    "num_envs is a positive int": with_spec(num_envs=0),
    "dt is a positive time": with_spec(dt=0.0),
    "observation_spec has keys": with_spec(observation_spec={}),
    "'state' is a float32 vector": with_spec(
        observation_spec={"state": ArraySpec((6,), "float64")}
    ),
    "images are uint8 of shape (H, W, channels)": with_spec(
        observation_spec={"images/wrist": ArraySpec((3, 64, 64), "uint8")}
    ),
    "bounds of a spec are in order": with_spec(
        observation_spec={"state": ArraySpec((6,), low=1.0, high=0.0)}
    ),
    "action_spec is a float32 vector": with_spec(action_spec=ArraySpec((2, 1), low=-1, high=1)),
    "action_spec has finite bounds": with_spec(action_spec=ArraySpec((2,))),
    "reset and step return a Step": altered(tuple),
    "observation has the keys of observation_spec": altered(
        lambda s: s._replace(observation=s.observation | {"extra": s.reward})
    ),
    "observation['state'] is a numpy array": altered(
        lambda s: s._replace(observation={"state": s.observation["state"].tolist()})
    ),
    "observation['state'] has shape (3, 6)": with_state(lambda state: state[0]),
    "observation['state'] has dtype float32": with_state(lambda state: state.astype(float)),
    "observation['state'] is finite": with_state(lambda state: state * np.float32(np.nan)),
    "observation['state'] is within [-1.0, 1.0]": with_spec(
        observation_spec={"state": ArraySpec((6,), low=-1.0, high=1.0)}
    ),
    "reward has shape (3,)": altered(lambda s: s._replace(reward=s.reward[:, None])),
    "reward has dtype float32": altered(lambda s: s._replace(reward=s.reward.astype(float))),
    "reward is finite": altered(lambda s: s._replace(reward=s.reward * np.float32(np.nan))),
    "terminated has dtype bool": altered(lambda s: s._replace(terminated=s.terminated.astype(int))),
    "truncated is a numpy array": altered(lambda s: s._replace(truncated=False)),
    "success has shape (3,)": with_info(success=np.array(True)),
    "intervened is a numpy array": with_info(intervened=False),
    "action_sent is within [-1.0, 1.0]": with_info(action_sent=np.full((3, 2), 2, np.float32)),
    "age['camera'] has shape (3,)": with_info(age={"camera": np.zeros(1)}),
    "reward_terms['reach'] is a numpy array": with_info(reward_terms={"reach": 0.0}),
    "final_observation['state'] has shape (3, 6)": with_info(
        final_observation={"state": np.zeros(6, np.float32)}
    ),
    "terminated and truncated exclude each other": altered(
        lambda s: s._replace(truncated=s.done, terminated=s.done)
    ),
    "terminated and truncated are arrays of their own": altered(
        lambda s: s._replace(truncated=s.terminated)
    ),
    "a new episode has not ended": EndedAtReset,
    "final_observation is in info when a world ends": NoFinal,
    "final_observation of a running world is its observation": FinalOfEveryWorldIsOld,
    "final_observation of a truncated world is what the action led to": StaleFinal,
    "final_observation of a terminated world is what the action led to": StaleFinal,
    "a terminated world is reset within the same step": FinalOfNextEpisode,
    "a truncated world is reset within the same step": NeverReset,
    "the same seed gives the same episodes": Unseeded,
    "the same seed gives the same episodes in a second copy": EntropyPerCopy,
    "returned arrays never change later": ReusedBuffer,
    "every step returns new arrays": SharedConstant,
    "spoiling given and returned arrays does not reach the environment": ReturnsItsState,
    "step leaves the given action as it was": OverwritesTheAction,
    "after an action of nan, observation['state'] is finite": PoisonedByNan,
    "an action that is not finite raises only ValueError": FailsAfterNan,
    "close can be repeated": ClosesOnce,
    "'with' gives the environment itself": EntersAnother,
    "nothing raises": Crashes,
}


@pytest.mark.filterwarnings("ignore:no episode ended")
@pytest.mark.parametrize(("rule", "make"), BROKEN.items(), ids=BROKEN)
def test_every_broken_rule_is_caught_by_name(rule: str, make: type[Point]) -> None:
    with pytest.raises(ContractError) as caught:
        check_env(make, steps=80)
    assert rule in caught.value.violations


def test_a_kept_action_is_caught() -> None:
    with pytest.raises(ContractError, match="spoiling given and returned arrays"):
        check_env(KeepsTheAction)


@pytest.mark.parametrize("make", [Point, RejectsNan])
def test_an_environment_of_the_contract_passes_without_a_warning(make: type[Point]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(make)


def test_an_environment_that_is_given_stays_open() -> None:
    env = ClosesOnce()
    check_env(env)
    assert not env.closed


def test_hardware_is_driven_without_comparing_two_runs() -> None:
    check_env(Unseeded(), deterministic=False)


def test_a_missing_member_is_named() -> None:
    class Headless:
        num_envs = 1

    with pytest.raises(ContractError, match="no dt, observation_spec, action_spec, reset, step"):
        check_env(Headless)  # pyright: ignore[reportArgumentType]


def test_all_violations_are_reported_at_once() -> None:
    make = altered(lambda s: s._replace(reward=s.reward.astype(float), truncated=s.truncated[:1]))
    with pytest.raises(ContractError) as caught:
        check_env(make)
    assert str(caught.value).splitlines() == [
        "2 broken rules of the environment contract (robot_rl/env.py):",
        "  - reward has dtype float32: float64, at step 0",
        "  - truncated has shape (3,): (1,), at step 0",
    ]


def test_a_check_too_short_for_an_episode_to_end_says_so() -> None:
    with pytest.warns(UserWarning, match="no episode ended within 3 steps"):
        check_env(Point, steps=3)


def test_the_toy_is_an_env() -> None:
    assert isinstance(PointEnv(), Env)


def test_the_toy_names_the_shape_it_wants() -> None:
    with pytest.raises(ValueError, match=r"shape \(2,\); give one of shape \(3, 2\)"):
        PointEnv(3).step(np.zeros(2))


def test_the_expert_of_the_toy_succeeds_and_chance_rarely_does() -> None:
    def success(act: Callable[[Step], np.ndarray]) -> float:
        env, ended, succeeded = PointEnv(64), 0, 0
        step = env.reset(seed=0)
        for _ in range(100):
            step = env.step(act(step))
            ended, succeeded = ended + step.done.sum(), succeeded + step.terminated.sum()
        return succeeded / ended

    rng = np.random.default_rng(0)
    assert success(lambda step: point_expert(step.observation)) == 1.0
    assert success(lambda step: rng.uniform(-1, 1, (64, 2))) < 0.25
