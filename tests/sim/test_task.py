"""What holds for every task: experts succeed, chance does not, rewards are pure, draws in range."""

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controllers.tool_control import upright
from robot_rl.config import SacConfig
from robot_rl.demonstrations import trembling
from sim.config import EnvConfig
from sim.mujoco_env import MujocoEnv
from sim.peg_insert import PegInsert
from sim.peg_remove import PegRemove
from sim.pick_cube import PickCube
from sim.push import Push
from sim.randomization import Randomization
from sim.reach import Reach
from sim.task import Task, Worlds, wrap

TASKS = (Reach, PickCube, PegInsert, PegRemove, Push)
every_task = pytest.mark.parametrize("kind", TASKS, ids=lambda kind: kind.name)
Act = Callable[[MujocoEnv, np.random.Generator], np.ndarray]


def _expert(env: MujocoEnv, rng: np.random.Generator) -> np.ndarray:
    """The scripted expert with the tremble that demonstrations are recorded with."""
    return trembling(env.expert_action(), 0.1, rng)


def _chance(env: MujocoEnv, rng: np.random.Generator) -> np.ndarray:
    return rng.uniform(-1, 1, (env.num_envs, *env.action_spec.shape))


def _success_rate(
    task: Task, act: Act, episodes: int, randomization: Randomization | None = None
) -> float:
    """Share of first episodes, one per world, that succeed; none may diverge."""
    config = EnvConfig(threads=1, randomization=randomization or Randomization())
    with MujocoEnv(task, episodes, seed=0, config=config) as env:
        env.reset()
        rng = np.random.default_rng(0)
        running, won = np.ones(episodes, bool), np.zeros(episodes, bool)
        while running.any():
            step = env.step(act(env, rng))
            assert not step.info["diverged"].any()
            won |= running & step.info["success"]
            running &= ~step.done
    return won.mean()


@every_task
def test_the_trembling_expert_succeeds(kind: type[Task]) -> None:
    """Measured with 128 episodes: reach 100 %, pick_cube 100 %, peg_insert 99 %, push 99 %."""
    assert _success_rate(kind(), _expert, episodes=60) >= 0.9


@every_task
def test_the_expert_copes_with_randomized_physics(kind: type[Task]) -> None:
    assert _success_rate(kind(), _expert, 30, Randomization.wide()) >= 0.8


@every_task
def test_random_actions_hardly_ever_succeed(kind: type[Task]) -> None:
    assert _success_rate(kind(), _chance, episodes=30) <= 0.04


def _some_worlds(task: Task, seed: int, count: int = 16) -> Worlds:
    """Tool anywhere near the bodies, bodies where an episode starts."""
    rng = np.random.default_rng(seed)
    draw = task.draw(rng, count)
    turn = np.tile([1.0, 0, 0, 0], (count, 1))
    poses = {name: np.hstack([p.position, turn]) for name, p in task.place(draw).items()}
    return Worlds(
        tool_position=draw["tool_position"] + rng.uniform(-0.1, 0.1, (count, 3)),
        tool_rotation=upright(draw["tool_yaw"]),
        twist=np.zeros((count, 6)),
        opening=rng.uniform(0, 1, count),
        bodies=poses,
        draw=draw,
        elapsed=np.zeros(count, np.int64),
    )


def _of_world(worlds: Worlds, index: int) -> Worlds:
    """A batch of this one world."""

    def pick(value: np.ndarray | dict[str, np.ndarray]) -> Any:
        if isinstance(value, dict):
            return {key: array[[index]] for key, array in value.items()}
        return value[[index]]

    return Worlds(**{key: pick(value) for key, value in vars(worlds).items()})


@every_task
def test_reward_terms_are_pure(kind: type[Reach]) -> None:
    """They change nothing, repeat themselves, and see one world at a time."""
    task = kind(dense=True)
    worlds = _some_worlds(task, seed=1)
    before = copy.deepcopy(worlds)
    for _, term in task.reward_terms.values():
        values = term(worlds)
        np.testing.assert_equal(vars(worlds), vars(before))
        np.testing.assert_array_equal(values, term(worlds))
        alone = [term(_of_world(worlds, i))[0] for i in range(len(values))]
        np.testing.assert_allclose(values, alone, rtol=1e-12)
        assert np.all((values >= 0) & (values <= 1))


@every_task
def test_reward_is_success_alone_unless_dense(kind: type[Reach]) -> None:
    sparse, dense = kind().reward_terms, kind(dense=True).reward_terms
    assert list(sparse) == ["success"]
    assert sparse["success"][0] == dense["success"][0] == 1.0
    shaping = sum(weight for name, (weight, _) in dense.items() if name != "success")
    for_ever = shaping / (1 - SacConfig.discount)
    assert 0 < for_ever < 1, "to hover beside success for ever must be worth less than success"


@pytest.mark.parametrize("kind", [task for task in TASKS if task is not PegRemove])
@given(seed=st.integers(0, 2**32 - 1))
def test_an_episode_starts_within_the_ranges_of_its_task(kind: type[Reach], seed: int) -> None:
    task = kind()
    draw = task.draw(np.random.default_rng(seed), 20)
    start = task.start
    assert np.all(np.abs(draw["tool_position"] - start.box.centre) <= start.box.half)
    assert np.all(np.abs(draw["tool_yaw"]) <= start.yaw)
    again = task.draw(np.random.default_rng(seed), 20)
    np.testing.assert_equal(draw, again)


@given(angle=st.floats(-100, 100), period=st.floats(0.1, 10))
def test_wrap_is_the_equivalent_angle_nearest_to_zero(angle: float, period: float) -> None:
    wrapped = wrap(np.array(angle), period)
    assert abs(wrapped) <= period / 2 * (1 + 1e-9)
    turns = (angle - wrapped) / period
    assert turns == pytest.approx(round(float(turns)), abs=1e-9)
