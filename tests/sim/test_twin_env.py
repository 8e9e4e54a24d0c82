"""A twin behind the environment contract: what was trained in MuJoCo runs in it unchanged."""

import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from robot_rl import check_env
from robot_rl.env import Info
from sim import environments
from sim.config import EnvConfig
from sim.gap import gap_profile
from sim.mujoco_env import MujocoEnv
from sim.peg_insert import PegInsert
from sim.pick_cube import PickCube
from sim.push import Push
from sim.randomization import Randomization
from sim.reach import Reach
from sim.task import Task

pytest.importorskip("pybullet")

from sim.twin_env import TwinEnv

FELT = ("fx", "fy", "fz", "tx", "ty", "tz")
TASKS = (Reach, PickCube, PegInsert, Push)
every_task = pytest.mark.parametrize("kind", TASKS, ids=lambda kind: kind.name)


def _env(task: Task, gap: str = "none", **config: Any) -> TwinEnv:
    return TwinEnv(task, gap_profile(gap), config=EnvConfig(**config))


def _success(env: TwinEnv, episodes: int) -> float:
    """Share of episodes in which the expert, trembling a little, succeeds."""
    rng, ends = np.random.default_rng(1), []
    env.reset(seed=0)
    while len(ends) < episodes:
        action = env.expert_action()
        action[:, :6] += 0.1 * rng.standard_normal((1, 6)).astype(np.float32)
        step = env.step(action)
        if step.done[0]:
            ends.append(step.info[Info.SUCCESS][0])
    return float(np.mean(ends))


class TestContract:
    @every_task
    @pytest.mark.parametrize("gap", ["none", "lab-2"])
    def test_it_is_kept(self, kind: type[Task], gap: str) -> None:
        check_env(lambda: _env(kind(), gap), steps=kind().horizon + 2)

    def test_it_is_kept_with_cameras_in_the_tool_frame(self) -> None:
        config = {"cameras": ("front", "wrist"), "image_size": 24, "relative_frame": True}
        with warnings.catch_warnings(action="ignore"):  # No episode ends, which it warns of.
            check_env(lambda: _env(PickCube(), "lab-2", privileged=False, **config), steps=20)

    @every_task
    def test_specs_are_mujocos(self, kind: type[Task]) -> None:
        config = EnvConfig(cameras=("front",), threads=1)
        with _env(kind(), cameras=("front",)) as env, MujocoEnv(kind(), config=config) as other:
            assert env.observation_spec == other.observation_spec
            assert env.action_spec == other.action_spec
            assert (env.dt, env.return_range) == (other.dt, other.return_range)


class TestLikeMujoco:
    @every_task
    def test_a_seed_begins_the_same_episode(self, kind: type[Task]) -> None:
        with _env(kind()) as env, MujocoEnv(kind(), config=EnvConfig(threads=1)) as other:
            steps = env.reset(seed=3), other.reset(seed=3)
        mine, theirs = (step.observation["state"] for step in steps)
        np.testing.assert_allclose(mine, theirs, atol=1e-6)

    def test_a_seed_given_at_the_start_does_so_too(self) -> None:
        with TwinEnv(Push(), seed=3) as env:
            first, again, second = (
                env.reset(seed).observation["state"] for seed in (None, 3, None)
            )
        np.testing.assert_array_equal(first, again)
        assert not np.isclose(second, again).all()

    def test_and_the_same_noise(self) -> None:
        with (
            TwinEnv(Reach(), gap_profile("lab-2"), seed=3) as env,
            TwinEnv(Reach(), gap_profile("lab-2"), seed=9) as other,
        ):
            given, asked = env.reset(), other.reset(seed=3)
        np.testing.assert_array_equal(given.observation["state"], asked.observation["state"])

    @pytest.mark.parametrize("leash", [0.0, 2.0])
    def test_without_a_gap_free_motion_is_the_same(self, leash: float) -> None:
        """Force and torque roughly: MuJoCo's sensors take the acceleration before damping.

        Closed fingers rest on their stops, which yield by micrometres in MuJoCo.
        """
        rng, config = np.random.default_rng(0), EnvConfig(threads=1, leash=leash)
        with _env(Reach(), leash=leash) as env, MujocoEnv(Reach(), config=config) as other:
            felt = np.isin(env.observation_spec["state"].names, FELT)
            env.reset(seed=2)
            other.reset(seed=2)
            for _ in range(20):
                action = rng.uniform(-1, 1, (1, 6))
                mine, theirs = env.step(action), other.step(action)
                state, meant = (step.observation["state"] for step in (mine, theirs))
                np.testing.assert_allclose(state[:, ~felt], meant[:, ~felt], atol=5e-4)
                np.testing.assert_allclose(state[:, felt], meant[:, felt], atol=1.0)
                sent = Info.ACTION_SENT
                np.testing.assert_allclose(mine.info[sent], theirs.info[sent], atol=1e-4)


@pytest.mark.parametrize(
    ("kind", "least"), [(Reach, 1.0), (PegInsert, 0.9), (PickCube, 0.9), (Push, 0.8)]
)
def test_the_expert_succeeds(kind: type[Task], least: float) -> None:
    with _env(kind()) as env:
        assert _success(env, 10) >= least


def test_the_expert_holds_a_cube_that_seems_to_run_ahead_of_the_tool() -> None:
    """For the arm is known 80 ms later than the cube, and moves fast."""
    with environments.make_twin(PickCube, gap="lab-2", delay=0.08, leash=2.0) as env:
        assert _success(env, 5) >= 0.8


def test_a_wider_gap_is_harder() -> None:
    """For an expert that knows nothing of it: peg_insert in 10 episodes."""
    rates = []
    for gap in ("none", "lab-2"):
        with _env(PegInsert(), gap) as env:
            rates.append(_success(env, 10))
    assert rates[1] < rates[0]


def test_the_age_of_each_stream_is_told() -> None:
    with _env(Reach(), "lab-2", cameras=("front",), image_size=16) as env:
        env.reset(seed=0)
        ages = [env.step(env.action_spec.zeros(1)).info[Info.AGE] for _ in range(30)]
    np.testing.assert_allclose([age["state"] for age in ages], 0.06, atol=1e-9)
    pictures = np.array([age["images/front"][0] for age in ages])
    assert pictures.min() == pytest.approx(0.06)
    assert np.isin(np.round(pictures, 6), [0.06, 0.11, 0.16, 0.21]).all()


def test_a_person_sees_it_from_the_side() -> None:
    with _env(PegInsert()) as env:
        env.reset(seed=0)
        picture = env.picture(64, 48)
    assert picture.shape == (48, 64, 3)
    assert np.ptp(picture) > 100


def test_it_draws_no_physics() -> None:
    with pytest.raises(ValueError, match="leave randomization out, choose gap"):
        _env(Reach(), randomization=Randomization.wide())


def test_options_reach_task_configuration_and_profile() -> None:
    make = environments.make_twin_peg_insert
    with make(clearance=0.002, gap="lab-1", privileged=False) as env:
        assert env.task == PegInsert(clearance=0.002)
        assert env.twin.profile == gap_profile("lab-1")
        assert not env.config.privileged
    with make(gap="lab-1", delay=0.08) as late:
        assert late.twin.profile == replace(gap_profile("lab-1"), observation_delay=0.1)


def test_an_unknown_option_is_answered_with_the_valid_ones() -> None:
    with pytest.raises(TypeError, match=r"reach has no option gab; choose from .*gap.*tolerance"):
        environments.make_twin_reach(gab="lab-1")


def test_a_crop_is_a_part_of_a_larger_picture() -> None:
    seen = []
    for options in ({"image_size": 64}, {"image_size": 32, "crop": "wrist:0.25:0.5:0.75:1"}):
        with environments.make_twin(Reach, cameras="wrist", **options) as env:
            seen.append(env.reset(seed=1).observation["images/wrist"])
    np.testing.assert_array_equal(seen[1], seen[0][:, 32:, 16:48])
