"""The environment keeps the contract, repeats itself to the bit, and survives bad physics."""

import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from controllers.serial_chain import SerialChain
from robot_rl import check_env
from robot_rl.env import Step
from robot_rl.environments import make_env
from sim import panda
from sim.batch import Batch
from sim.config import EnvConfig
from sim.mujoco_env import MujocoEnv
from sim.peg_insert import PegInsert
from sim.pick_cube import PickCube
from sim.proprioception import PROPRIOCEPTION
from sim.push import Push
from sim.randomization import Randomization
from sim.reach import Reach
from sim.task import Task
from sim.tool_control import ToolControl, rotate, upright

TASKS = (Reach, PickCube, PegInsert, Push)
every_task = pytest.mark.parametrize("kind", TASKS, ids=lambda kind: kind.name)
WIDE = Randomization.wide()
GRIPPER = PROPRIOCEPTION.index("gripper")


def _env(
    task: Task, num_envs: int = 3, randomization: Randomization | None = None, **config: object
) -> MujocoEnv:
    settings = EnvConfig(threads=1, randomization=randomization or Randomization(), **config)
    return MujocoEnv(task, num_envs, config=settings)


def _actions(env: MujocoEnv, steps: int, seed: int = 0) -> np.ndarray:
    shape = (steps, env.num_envs, *env.action_spec.shape)
    return np.random.default_rng(seed).uniform(-1, 1, shape).astype(np.float32)


def _assert_equal(mine: Step, other: Step, worlds: list[int] | slice = slice(None)) -> None:
    for a, b in (
        (mine.observation["state"], other.observation["state"]),
        (mine.final_observation["state"], other.final_observation["state"]),
        (mine.reward, other.reward),
        (mine.terminated, other.terminated),
        (mine.truncated, other.truncated),
        (mine.info["action_sent"], other.info["action_sent"]),
    ):
        np.testing.assert_array_equal(a[worlds], b[worlds])


class TestContract:
    @every_task
    def test_it_is_kept_with_states(self, kind: type[Task]) -> None:
        check_env(lambda: _env(kind(), 2), steps=kind.horizon + 2)

    @every_task
    def test_it_is_kept_with_randomized_physics_in_the_tool_frame(self, kind: type[Task]) -> None:
        check_env(lambda: _env(kind(), 2, WIDE, relative_frame=True), steps=kind.horizon + 2)

    @every_task
    def test_it_is_kept_with_cameras(self, kind: type[Task]) -> None:
        cameras = {"cameras": ("front", "wrist"), "image_size": 32, "privileged": False}
        with warnings.catch_warnings(action="ignore"):  # No episode ends, which it warns of.
            check_env(lambda: _env(kind(), 1, WIDE, **cameras), steps=10)

    @every_task
    def test_the_reward_is_the_sum_of_its_terms(self, kind: type[Reach]) -> None:
        with _env(kind(dense=True)) as env:
            env.reset()
            step = env.step(env.expert_action())
        total = np.sum(list(step.info["reward_terms"].values()), axis=0)
        assert set(step.info["reward_terms"]) == set(env.task.reward_terms)
        np.testing.assert_allclose(step.reward, total, rtol=1e-6)
        assert np.all(step.reward > 0)


class TestRepetition:
    @every_task
    def test_a_snapshot_reproduces_the_next_100_steps_to_the_bit(self, kind: type[Task]) -> None:
        with _env(kind(), 3, WIDE) as env:
            env.reset(seed=1)
            actions = _actions(env, 107)
            for action in actions[:7]:
                env.step(action)
            snapshot = env.snapshot()
            steps = [env.step(action) for action in actions[7:]]
            env.restore(snapshot)
            for action, step in zip(actions[7:], steps, strict=True):
                _assert_equal(env.step(action), step)

    def test_a_snapshot_continues_in_another_environment(self) -> None:
        with _env(PickCube(), 3, WIDE) as env, _env(PickCube(), 3, WIDE) as other:
            env.reset(seed=1)
            other.reset(seed=2)
            other.restore(env.snapshot())
            for action in _actions(env, 20):
                _assert_equal(env.step(action), other.step(action))

    def test_restoring_shows_what_was_seen_there(self) -> None:
        """The felt force included."""
        with _env(PegInsert()) as env:
            env.reset()
            for _ in range(20):
                step = env.step(env.expert_action())
            snapshot = env.snapshot()
            env.reset()
            again = env.restore(snapshot)
        np.testing.assert_array_equal(again.observation["state"], step.observation["state"])

    def test_another_seed_gives_other_episodes(self) -> None:
        with _env(PegInsert()) as env:
            first, second = (env.reset(seed=seed).observation["state"] for seed in (1, 2))
        assert not np.isclose(first, second)[:, :2].any()

    def test_episodes_of_a_seed_do_not_depend_on_what_came_before(self) -> None:
        with _env(PickCube(), 3, WIDE) as env:
            first = env.reset(seed=5)
            for action in _actions(env, 30):
                env.step(action)
            _assert_equal(env.reset(seed=5), first)

    @pytest.mark.parametrize("worlds", [2, 4])
    def test_states_of_another_number_of_worlds_are_refused(self, worlds: int) -> None:
        with _env(Reach()) as env, _env(Reach(), worlds) as other:
            other.reset()
            with pytest.raises(ValueError, match="do not fit 3 worlds of reach"):
                env.set_world_states(other.world_states())

    def test_states_of_another_task_are_refused(self) -> None:
        with _env(Reach()) as env, _env(Push()) as other:
            with pytest.raises(ValueError, match="take them from the same task"):
                env.set_world_states(other.world_states())

    def test_states_that_are_not_finite_are_refused_by_row(self) -> None:
        with _env(Reach()) as env:
            env.reset()
            states = env.world_states()
            states[1, 5] = np.nan
            with pytest.raises(ValueError, match=r"rows \[1\] are not finite"):
                env.set_world_states(states)


class TestActions:
    def test_an_action_that_is_not_finite_holds_tool_and_gripper(self) -> None:
        with _env(PickCube(), 2) as env:
            env.reset()
            close = np.tile([0, 0, 0, 0, 0, 0, -0.9], (2, 1))
            for _ in range(20):
                before = env.step(close).observation["state"]
            bad = close.copy()
            bad[0] = [np.nan, 0, 0, 0, 0, 0, 1]
            for _ in range(10):
                step = env.step(bad)
        state = step.observation["state"]
        np.testing.assert_allclose(state[0, :6], before[0, :6], atol=2e-3)
        np.testing.assert_allclose(state[:, GRIPPER], 0.05, atol=0.01)
        np.testing.assert_allclose(step.info["action_sent"][0], close[0], atol=1e-6)

    def test_one_bad_action_does_not_reach_the_other_worlds(self) -> None:
        with _env(Reach()) as env, _env(Reach()) as other:
            env.reset(seed=1)
            other.reset(seed=1)
            for action in _actions(env, 10):
                bad = action.copy()
                bad[1, 3] = np.inf
                _assert_equal(env.step(bad), other.step(action), [0, 2])

    def test_a_wrong_shape_is_answered_with_what_the_action_holds(self) -> None:
        with _env(PickCube(), 2) as env:
            env.reset()
            with pytest.raises(ValueError, match=r"\(2, 6\).*takes \(2, 7\): x, y, .*gripper"):
                env.step(np.zeros((2, 6)))

    def test_the_tool_never_leaves_the_workspace_far(self) -> None:
        """The target cannot; the arm follows it up to its compliance."""
        low, high = map(np.array, EnvConfig.workspace)
        with _env(Reach(), 8) as env:
            env.reset()
            push = np.sign(_actions(env, 1)[0])
            for _ in range(40):
                state = env.step(push).final_observation["state"]
        position = state[:, :3] + [0.5, 0, 0.1]
        assert np.all((position > low - 0.01) & (position < high + 0.01))

    def test_in_the_tool_frame_the_same_motion_is_the_turned_action(self) -> None:
        with _env(PegInsert(), 4) as env, _env(PegInsert(), 4, relative_frame=True) as relative:
            env.reset(seed=1)
            relative.reset(seed=1)
            for action in _actions(env, 15):
                rotation = upright(np.zeros(4)) @ _rotation(env)
                turned = [rotate(rotation, a) for a in (action[:, :3], action[:, 3:])]
                base = env.step(np.clip(np.hstack(turned) / 2, -1, 1))
                tool = relative.step(action / 2)
            seen, mine = base.observation["state"], tool.observation["state"]
            back = _rotation(env).transpose(0, 2, 1) @ upright(np.zeros(4))
        del seen, mine, back
