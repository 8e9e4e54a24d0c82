"""The wrench is what the world does to the tool: nothing in free motion, upwards under pressure."""

import numpy as np
import pytest

from controllers.proprioception import PROPRIOCEPTION
from sim.config import EnvConfig
from sim.mujoco_env import MujocoEnv
from sim.peg_insert import PegInsert
from sim.reach import Reach
from sim.task import Box, Start

TWIST, FORCE, TORQUE = slice(6, 12), slice(12, 15), slice(15, 18)
DOWN = np.array([[0, 0, -1.0, 0, 0, 0]])
ONE_THREAD = EnvConfig(threads=1)
OVER_THE_TABLE = PegInsert(
    hole=Box((0.4, 0, 0), (0, 0, 0)), start=Start(Box((0.5, 0, 0.05), (0, 0, 0)), yaw=0.0)
)
"""The tip stands 1 cm above the table, beside the block."""


def _after(env: MujocoEnv, action: np.ndarray, steps: int) -> np.ndarray:
    """Proprioception of the first world after some steps of one action."""
    state = env.reset().final_observation["state"]
    for _ in range(steps):
        state = env.step(action).final_observation["state"]
    return state[0, : len(PROPRIOCEPTION)]


def test_names_stand_in_the_order_of_the_numbers() -> None:
    assert PROPRIOCEPTION[TWIST] == ("vx", "vy", "vz", "wx", "wy", "wz")
    assert PROPRIOCEPTION[FORCE] == ("fx", "fy", "fz")
    assert PROPRIOCEPTION[TORQUE] == ("tx", "ty", "tz")


@pytest.mark.parametrize("task", [Reach(), PegInsert()], ids=lambda task: task.name)
def test_at_rest_in_the_air_nothing_is_felt(task: Reach | PegInsert) -> None:
    with MujocoEnv(task, config=ONE_THREAD) as env:
        felt = _after(env, np.zeros((1, 6)), 10)
    assert np.abs(felt[FORCE]).max() < 0.2
    assert np.abs(felt[TORQUE]).max() < 0.15


def test_free_motion_feels_like_little_against_contact() -> None:
    """What remains is the inertia of the hand."""
    with MujocoEnv(Reach(), config=ONE_THREAD) as env:
        felt = _after(env, DOWN / 2, 5)
    assert felt[8] < -0.03, "it moves down"
    assert np.abs(felt[FORCE]).max() < 1.0


def test_pressing_down_is_felt_as_an_upward_force_of_stiffness_times_action() -> None:
    """About 7 N per millimetre; the joint springs push forwards too, less than the table holds."""
    felt = []
    for share in (0.5, 1.0):
        with MujocoEnv(OVER_THE_TABLE, config=ONE_THREAD) as env:
            felt.append(_after(env, share * DOWN, 25)[FORCE])
    for share, (x, y, z) in zip((0.5, 1.0), felt, strict=True):
        stiffness = z / (share * EnvConfig.translation)
        assert 5e3 < stiffness < 9e3
        assert np.hypot(x, y) < z
    assert felt[0][2] == pytest.approx(felt[1][2] / 2, rel=0.1)


def test_the_tool_frame_sees_the_same_force_with_the_opposite_sign() -> None:
    """The tool's z axis points down."""
    felt = []
    for relative in (False, True):
        config = EnvConfig(threads=1, relative_frame=relative)
        with MujocoEnv(OVER_THE_TABLE, config=config) as env:
            felt.append(_after(env, -DOWN if relative else DOWN, 25)[FORCE])
    np.testing.assert_allclose(felt[0], felt[1] * [1, -1, -1], atol=0.05 * np.abs(felt[0]).max())


def test_the_twist_is_the_rate_of_the_pose() -> None:
    with MujocoEnv(Reach(), config=ONE_THREAD) as env:
        env.reset(seed=1)
        move = np.array([[0.5, -0.4, 0.3, 0.1, 0.1, 0.2]])
        states = [env.step(move).final_observation["state"][0] for _ in range(8)]
    before, now, after = states[-3:]
    np.testing.assert_allclose(now[6:9], (after[:3] - before[:3]) / (2 * env.dt), atol=0.01)
