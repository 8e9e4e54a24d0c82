"""Gymnasium's environments keep our contract, and ours pass the checks of Gymnasium and SB3."""

import subprocess
import sys
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, cast

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.utils.env_checker import check_env as gymnasium_check
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv, VectorEnv
from gymnasium.wrappers.vector import RecordEpisodeStatistics

from robot_rl.check_env import check_env
from robot_rl.env import ArraySpec, Env, Info, Observation, Step
from robot_rl.environments import make_env
from robot_rl.gymnasium_env import from_gymnasium, to_gymnasium, to_gymnasium_vector
from robot_rl.toy import PointEnv

EPISODE = 7


def pendulum() -> gymnasium.Env:
    return gymnasium.make("Pendulum-v1", max_episode_steps=EPISODE)


class Goal(gymnasium.Env[dict[str, Any], np.ndarray]):
    """Shaped like a Fetch task with a camera; succeeds when the clock is at 4."""

    observation_space = spaces.Dict(
        {
            "observation": spaces.Box(-np.inf, np.inf, (2, 2), np.float64),
            "goals": spaces.Dict({"desired": spaces.Box(-3.0, 3.0, (1,), np.float64)}),
            "wrist": spaces.Box(0, 255, (4, 5, 3), np.uint8),
        }
    )
    action_space = spaces.Box(np.array([[0.0], [-4.0]]), np.array([[1.0], [8.0]]), dtype=np.float64)
    clock = 0

    def look(self) -> dict[str, Any]:
        return {
            "observation": np.full((2, 2), self.clock + 0.25),
            "goals": {"desired": np.array([2.5])},
            "wrist": np.full((4, 5, 3), self.clock, np.uint8),
        }

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        super().reset(seed=seed)
        self.clock = 0
        return self.look(), {}

    def step(self, action: np.ndarray) -> tuple[dict[str, Any], float, bool, bool, dict[str, Any]]:
        assert action in self.action_space
        self.clock += 1
        done = self.clock == 4
        return self.look(), float(action.sum()), done, done, {"is_success": done}


class CameraPoint(PointEnv):
    """The toy, seen by a camera as well."""

    def __init__(self, num_envs: int = 1) -> None:
        super().__init__(num_envs, max_steps=10, tolerance=0.4)
        self.observation_spec["images/wrist"] = ArraySpec((40, 40, 3), "uint8", 0, 255)

    def _observe(self) -> Observation:
        seen = super()._observe()
        shade = (127 * (1 + seen["state"][:, 0])).astype(np.uint8)
        return seen | {"images/wrist": np.tile(shade[:, None, None, None], (1, 40, 40, 3))}


def vector_of(
    kind: Callable[..., VectorEnv], mode: AutoresetMode, make: Callable[[], gymnasium.Env]
) -> VectorEnv:
    return kind([make] * 2, autoreset_mode=mode)


@pytest.mark.parametrize("mode", AutoresetMode)
@pytest.mark.parametrize("kind", [SyncVectorEnv, AsyncVectorEnv])
@pytest.mark.parametrize("make", [pendulum, Goal])
def test_every_reset_mode_keeps_the_contract(
    make: Callable[[], gymnasium.Env], kind: type[VectorEnv], mode: AutoresetMode
) -> None:
    check_env(lambda: from_gymnasium(vector_of(kind, mode, make)), steps=20)


@pytest.mark.parametrize(
    "make",
    [
        lambda: from_gymnasium("Pendulum-v1", 3, max_episode_steps=EPISODE),
        lambda: from_gymnasium(gymnasium.make("MountainCarContinuous-v0", max_episode_steps=9)),
        lambda: from_gymnasium(to_gymnasium(CameraPoint())),
        lambda: from_gymnasium(to_gymnasium_vector(CameraPoint(3))),
    ],
    ids=["id", "single", "ours and back", "our vector and back"],
)
def test_any_source_keeps_the_contract(make: Callable[[], Any]) -> None:
    check_env(make, steps=60)


@pytest.mark.parametrize("mode", AutoresetMode)
def test_an_episode_is_the_one_gymnasium_plays_to_its_last_observation(mode: AutoresetMode) -> None:
    env, raw = from_gymnasium(vector_of(SyncVectorEnv, mode, pendulum)), pendulum()
    step, (seen, _) = env.reset(seed=5), raw.reset(seed=5)
    np.testing.assert_array_equal(step.observation["state"][0], seen)
    for action in np.random.default_rng(0).uniform(-1, 1, (EPISODE, 2, 1)).astype(np.float32):
        step = env.step(action)
        seen, reward, _, truncated, _ = raw.step(2.0 * action[0])
        np.testing.assert_array_equal(step.final_observation["state"][0], seen)
        assert (step.reward[0], step.truncated[0]) == (np.float32(reward), truncated)
    assert step.truncated.all()
    np.testing.assert_array_equal(step.observation["state"][0], raw.reset()[0])


def test_an_observation_is_flattened_by_key_and_images_stay() -> None:
    env = from_gymnasium(Goal())
    assert env.observation_spec == {
        "images/wrist": ArraySpec((4, 5, 3), "uint8", 0, 255),
        "state": ArraySpec(
            (5,), names=("goals/desired.0", *(f"observation.{i}" for i in range(4)))
        ),
    }
    step = env.reset()
    np.testing.assert_array_equal(step.observation["state"], [[2.5, 0.25, 0.25, 0.25, 0.25]])
    assert step.observation["images/wrist"].shape == (1, 4, 5, 3)


@pytest.mark.parametrize(("action", "total"), [([-1, -1], -4.0), ([1, 1], 9.0), ([0, 3], 8.5)])
def test_actions_span_the_bounds_of_the_box(action: list[float], total: float) -> None:
    env = from_gymnasium(Goal())
    env.reset()
    assert env.step(np.array([action], np.float32)).reward[0] == total


@pytest.mark.parametrize("mode", AutoresetMode)
def test_success_is_of_the_step_that_ended_and_no_time_out_beside_it(mode: AutoresetMode) -> None:
    env = from_gymnasium(vector_of(SyncVectorEnv, mode, Goal))
    env.reset()
    steps = [env.step(env.action_spec.zeros(2)) for _ in range(8)]
    success = [step.info[Info.SUCCESS].tolist() for step in steps]
    assert success == [[False] * 2] * 3 + [[True] * 2] + [[False] * 2] * 3 + [[True] * 2]
    assert [step.terminated.all() for step in steps] == [all(row) for row in success]
    assert not any(step.truncated.any() for step in steps)


def test_an_environment_without_a_notion_of_success_tells_none() -> None:
    env = from_gymnasium("Pendulum-v1")
    env.reset()
    assert Info.SUCCESS not in env.step(env.action_spec.zeros(1)).info


def test_a_world_repeats_its_last_action_instead_of_nan() -> None:
    env = from_gymnasium("Pendulum-v1", 2)
    env.reset()
    env.step(np.array([[0.5], [-0.5]], np.float32))
    sent = env.step(np.array([[np.nan], [0.25]], np.float32)).info[Info.ACTION_SENT]
    np.testing.assert_array_equal(sent, [[0.5], [0.25]])


def test_the_seed_of_the_constructor_decides_the_first_episode_only() -> None:
    first, second = (from_gymnasium("Pendulum-v1", seed=3) for _ in range(2))
    start = first.reset().observation["state"]
    np.testing.assert_array_equal(start, second.reset().observation["state"])
    assert not np.array_equal(start, first.reset().observation["state"])


def test_dt_is_the_one_of_the_environment_before_that_of_its_video() -> None:
    assert from_gymnasium("Pendulum-v1").dt == 0.05
    assert from_gymnasium("MountainCarContinuous-v0").dt == 1 / 30


class Foreign(VectorEnv[Any, Any, Any]):
    num_envs = 2
    single_observation_space = spaces.Box(-1, 1, (1,))
    single_action_space = spaces.Box(-1, 1, (1,))


class Unbounded(Goal):
    action_space = spaces.Box(-np.inf, np.inf, (2,))


class Pair(Goal):
    observation_space = spaces.Tuple([spaces.Box(-1, 1, (1,))])


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: from_gymnasium("Pendulun-v1"), ValueError, "Did you mean: `Pendulum`"),
        (lambda: from_gymnasium("Nowhere-v0"), ValueError, "pip install gymnasium-robotics"),
        (lambda: from_gymnasium("CartPole-v1"), TypeError, "choose one with a float Box"),
        (lambda: from_gymnasium(Unbounded()), ValueError, "has infinite bounds; wrap it in"),
        (lambda: from_gymnasium(Pair()), TypeError, "'' is a Tuple; Box and Dict are supported"),
        (lambda: from_gymnasium(Foreign()), TypeError, "autoreset_mode SAME_STEP or DISABLED"),
        (lambda: from_gymnasium(Goal(), 4), ValueError, "num_envs is 4, but .* has 1; leave it"),
        (lambda: from_gymnasium(Goal(), size=4), TypeError, r"options \['size'\] need an id"),
        (
            lambda: from_gymnasium(cast("Any", PointEnv())),
            TypeError,
            "is not a Gymnasium environment",
        ),
        (lambda: from_gymnasium(Goal()).step(np.zeros(2)), ValueError, r"one of shape \(1, 2\)"),
        (lambda: to_gymnasium(PointEnv(2)), ValueError, "has 2 worlds.*use to_gymnasium_vector"),
    ],
)
def test_an_error_names_what_is_wrong_and_what_to_do(
    make: Callable[[], object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        make()


def test_without_gymnasium_the_install_line_is_given() -> None:
    code = "import sys; sys.modules['gymnasium'] = None; import robot_rl.gymnasium_env"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "ImportError: Gymnasium is missing; run: pip install 'gymnasium" in done.stderr


@pytest.mark.parametrize(
    "make",
    [
        PointEnv,
        CameraPoint,
        *(partial(make_env, task) for task in ("reach", "pick_cube", "peg_insert", "push")),
    ],
)
def test_ours_passes_the_checks_of_gymnasium_and_stable_baselines(make: Callable[[], Env]) -> None:
    stable_baselines = pytest.importorskip("stable_baselines3.common.env_checker")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", message=".*Box observation space m.* value is")
        warnings.filterwarnings("ignore", message=".*Not able to test alternative render modes")
        gymnasium_check(to_gymnasium(make()))
        stable_baselines.check_env(to_gymnasium(make()))


def test_state_alone_is_a_box_and_images_make_it_a_dict() -> None:
    assert isinstance(to_gymnasium(PointEnv()).observation_space, spaces.Box)
    space = to_gymnasium(CameraPoint()).observation_space
    assert isinstance(space, spaces.Dict)
    assert space["images/wrist"] == spaces.Box(0, 255, (40, 40, 3), np.uint8)


class CountedResets(PointEnv):
    resets = 0

    def reset(self, seed: int | None = None) -> Step:
        self.resets += 1
        return super().reset(seed)


def test_a_reset_after_the_end_goes_on_with_the_episode_that_has_begun() -> None:
    ours, twin = CountedResets(max_steps=3), PointEnv(max_steps=3)
    env, action = to_gymnasium(ours), np.ones(2, np.float32)
    env.reset(seed=0)
    twin.reset(seed=0)
    for _ in range(2):
        env.step(action)
        twin.step(action[None])
    seen, _, _, truncated, info = env.step(action)
    expected = twin.step(action[None])
    assert truncated
    assert info["is_success"] is False
    np.testing.assert_array_equal(seen, expected.final_observation["state"][0])
    np.testing.assert_array_equal(env.reset()[0], expected.observation["state"][0])
    assert ours.resets == 1
    env.reset()
    assert ours.resets == 2


def test_our_vector_tells_ends_as_gymnasium_does() -> None:
    env, twin = to_gymnasium_vector(CameraPoint(4)), CameraPoint(4)
    seen, _ = env.reset(seed=1)
    twin.reset(seed=1)
    assert seen in env.observation_space
    ended = 0
    for action in np.random.default_rng(0).uniform(-1, 1, (20, 4, 2)).astype(np.float32):
        seen, _, terminated, truncated, infos = env.step(action)
        done, expected = terminated | truncated, twin.step(action)
        assert seen in env.observation_space
        np.testing.assert_array_equal(infos["_success"], ~done)
        assert ("final_obs" in infos) == done.any()
        for world in np.flatnonzero(done):
            ended += 1
            assert infos["_final_obs"][world]
            assert infos["final_info"]["_success"][world]
            assert infos["final_info"]["success"][world] == terminated[world]
            for key, array in infos["final_obs"][world].items():
                np.testing.assert_array_equal(array, expected.final_observation[key][world])
    assert ended > 4


def test_wrappers_of_gymnasium_count_the_episodes_of_our_vector() -> None:
    env = RecordEpisodeStatistics(to_gymnasium_vector(PointEnv(3, max_steps=5, tolerance=0.0)))
    env.reset(seed=0)
    for _ in range(10):
        env.step(np.zeros((3, 2), np.float32))
    assert list(env.length_queue) == [5] * 6


def test_our_vector_refuses_to_be_reset_in_part() -> None:
    env = to_gymnasium_vector(PointEnv(2))
    with pytest.raises(ValueError, match="leave reset_mask out"):
        env.reset(options={"reset_mask": np.array([True, False])})
