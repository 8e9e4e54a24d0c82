"""Each world has its own picture, and pictures for people and policies do not mix."""

import numpy as np
import pytest

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
