"""Each world has its own picture, and pictures for people and policies do not mix."""

import numpy as np
import pytest

from robot_rl.depth import distance_of
from sim.config import EnvConfig
from sim.mujoco_env import MujocoEnv
from sim.pick_cube import PickCube
from sim.push import Push
from sim.reach import Reach


def test_a_picture_for_people_is_the_same_after_one_for_policies() -> None:
    with MujocoEnv(PickCube(), config=EnvConfig(image_size=48)) as env:
        env.reset(seed=1)
        first = env.picture(48, 48)
        env.render("front")
        assert first.shape == (48, 48, 3)
        np.testing.assert_array_equal(env.picture(48, 48), first)


def test_each_world_shows_its_own_scene() -> None:
    with MujocoEnv(Push(), 2, config=EnvConfig(image_size=64)) as env:
        env.reset(seed=1)
        pictures = [env.render("front", world) for world in (0, 1, 0)]
    np.testing.assert_array_equal(pictures[0], pictures[2])
    assert (pictures[0] != pictures[1]).mean() > 0.01


def test_an_unknown_camera_is_answered_with_those_there_are() -> None:
    config = EnvConfig(cameras=("fornt",))
    with MujocoEnv(Reach(), config=config) as env, pytest.raises(ValueError, match="front"):
        env.reset()


def test_close_can_be_repeated() -> None:
    env = MujocoEnv(Reach())
    env.reset()
    before = env.render("front")
    env.close()
    env.close()
    np.testing.assert_array_equal(
        env.render("front"), before
    )  # A renderer opens when it is wanted.
    env.close()


def test_a_crop_is_a_part_of_a_larger_picture() -> None:
    wide, close = (
        EnvConfig(image_size=96),
        EnvConfig(image_size=48, cameras=("wrist",), crop=("wrist:0.25:0.5:0.75:1",)),
    )
    with MujocoEnv(Reach(), config=wide) as env:
        env.reset(seed=1)
        whole = env.render("wrist")
    with MujocoEnv(Reach(), config=close) as env:
        seen = env.reset(seed=1).observation["images/wrist"][0]
        spec = env.observation_spec["images/wrist"]
    np.testing.assert_array_equal(seen, whole[48:, 24:72])
    assert (spec.shape, spec.crop) == ((48, 48, 3), (0.25, 0.5, 0.75, 1))


def test_the_depth_of_a_camera_is_a_camera() -> None:
    config = EnvConfig(image_size=64, cameras=("wrist_depth",))
    with MujocoEnv(PickCube(), config=config) as env:
        grey = env.reset(seed=1).observation["images/wrist_depth"][0]
        assert env.observation_spec["images/wrist_depth"].shape == grey.shape == (64, 64, 3)
        with pytest.raises(ValueError, match="no camera 'fornt'; the model has front"):
            env.render("fornt_depth")
    away = distance_of(grey)
    assert 0.05 < away[60, 32] < 0.15 < np.median(away[:8]) < 0.6  # The fingers, and the table.


def test_a_crop_of_a_camera_that_nobody_looks_at_is_refused() -> None:
    config = EnvConfig(cameras=("front",), crop=("wrist:0.25:0.5:0.75:1",))
    with pytest.raises(ValueError, match=r"camera 'wrist' is not there; choose .* front"):
        MujocoEnv(Reach(), config=config)
