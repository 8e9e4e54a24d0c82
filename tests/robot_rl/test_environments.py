"""A name becomes an environment, and a wrong one an answer."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from robot_rl.env import Env
from robot_rl.environments import ENVIRONMENTS, make_env
from robot_rl.toy import PointEnv

TWINS = [name for name in ENVIRONMENTS if name.startswith("twin_")]
BATCHED = [name for name in ENVIRONMENTS if name not in TWINS]


@pytest.mark.parametrize("name", [*BATCHED, "gym:Pendulum-v1"])
def test_every_name_makes_an_environment_of_as_many_worlds_as_asked(name: str) -> None:
    with make_env(name, num_envs=2, seed=1) as env:
        assert isinstance(env, Env)
        assert env.num_envs == 2


@pytest.mark.parametrize("name", TWINS)
def test_a_twin_is_one_robot(name: str) -> None:
    with make_env(name, seed=1) as env:
        assert isinstance(env, Env)
        assert env.num_envs == 1
    with pytest.raises(ValueError, match="num_envs=2, but a twin is one robot; set num_envs=1"):
        make_env(name, num_envs=2)


def test_options_reach_the_factory() -> None:
    env = make_env("point", max_steps=7)
    assert isinstance(env, PointEnv)
    assert env.max_steps == 7


def test_options_reach_gymnasium() -> None:
    env = make_env("gym:Pendulum-v1", max_episode_steps=1)
    env.reset()
    assert env.step(env.action_spec.zeros(1)).truncated.all()


@pytest.mark.parametrize(
    ("name", "options", "error", "message"),
    [
        (
            "peg_inset",
            {},
            ValueError,
            "no environment 'peg_inset' (did you mean 'peg_insert' or 'twin_peg_insert'?); "
            "choose point, reach, pick_cube, peg_insert, push, twin_reach, twin_pick_cube, "
            "twin_peg_insert, twin_push, or gym:<id of a Gymnasium environment>",
        ),
        ("xyz", {}, ValueError, "no environment 'xyz'; choose point, reach,"),
        ("gym:Pendulun-v1", {}, ValueError, "Did you mean: `Pendulum`?"),
        (
            "point",
            {"max_step": 3},
            TypeError,
            "environment 'point' has no option 'max_step' (did you mean 'max_steps'?); "
            "choose max_steps, tolerance, dt",
        ),
    ],
)
def test_a_wrong_name_or_option_is_answered_with_the_right_ones(
    name: str, options: dict[str, int], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=re.escape(message)):
        make_env(name, **options)


def test_the_table_loads_no_engine() -> None:
    code = (
        "import sys, robot_rl.environments as e; e.make_env('point');"
        "print(sorted({'mujoco', 'gymnasium', 'torch', 'sim'} & sys.modules.keys()))"
    )
    root = Path(__file__).parents[2]
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "[]"
