"""A name becomes an environment, and a wrong one an answer."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from robot_rl.env import Env
from robot_rl.environments import ENVIRONMENTS, make_env, parse_options
from robot_rl.toy import PointEnv

TWINS = [name for name in ENVIRONMENTS if name.startswith("twin_")]
BATCHED = [name for name in ENVIRONMENTS if name not in (*TWINS, "robot")]


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
            "choose point, detour, reach, pick_cube, peg_insert, peg_remove, push, twin_reach, "
            "twin_pick_cube, twin_peg_insert, twin_peg_remove, twin_push, robot, gym:<id of a "
            "Gymnasium environment>, or module:",
        ),
        ("xyz", {}, ValueError, "no environment 'xyz'; choose point, detour, reach,"),
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


@pytest.mark.parametrize("num_envs", [0, -3])
@pytest.mark.parametrize("name", ["point", "reach", "gym:Pendulum-v1", "robot_rl.toy:PointEnv"])
def test_less_than_one_world_is_refused_of_every_kind(name: str, num_envs: int) -> None:
    with pytest.raises(ValueError, match=f"^num_envs is {num_envs}; give at least 1$"):
        make_env(name, num_envs)


OWN = """
import robot_rl.toy

class Mine(robot_rl.toy.PointEnv):
    pass

def of_one_world(seed):
    return Mine(1, seed)

def no_env(num_envs, seed):
    return object()
"""


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A module of somebody's own, importable by the name that is returned."""
    (tmp_path / "own_tasks.py").write_text(OWN)
    (tmp_path / "own_broken.py").write_text("import own_missing_part")
    monkeypatch.syspath_prepend(tmp_path)
    return "own_tasks"


def test_an_environment_of_ones_own_is_made_with_worlds_seed_and_options(own: str) -> None:
    with make_env(f"{own}:Mine", 3, 5, max_steps=7) as env:
        assert isinstance(env, PointEnv)
        assert (env.num_envs, env.max_steps) == (3, 7)
        same = PointEnv(3, 5).reset().observation["state"]
        assert (env.reset().observation["state"] == same).all()


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("own_task:Mine", ValueError, "no module 'own_task' for the environment 'own_task:Mine'; "),
        ("own_tasks.sub:Mine", ValueError, "no module 'own_tasks.sub' for"),
        ("own_broken:Mine", ModuleNotFoundError, "No module named 'own_missing_part'"),
        ("own_tasks:Mina", ValueError, "no class or function 'Mina' (did you mean 'Mine'?)"),
        ("own_tasks:", ValueError, "no class or function ''; write module:factory"),
        ("own_tasks:robot_rl", ValueError, "no class or function 'robot_rl'"),
        ("own_tasks:of_one_world", TypeError, "unexpected keyword argument 'num_envs'; its"),
        ("own_tasks:no_env", TypeError, "makes object, which lacks num_envs, dt,"),
    ],
)
def test_a_wrong_environment_of_ones_own_is_answered(
    own: str, name: str, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=re.escape(message)):
        make_env(name)


def test_an_option_that_ones_own_lacks_is_answered(own: str) -> None:
    with pytest.raises(TypeError, match=r"no option 'max_step' \(did you mean 'max_steps'\?\)"):
        make_env(f"{own}:Mine", max_step=3)


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


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("0.0005", 0.0005),
        ("front,wrist", ("front", "wrist")),
        ("false", False),
        ("none", "none"),
        ("None", None),
    ],
)
def test_a_typed_option_becomes_what_it_says(typed: str, meant: object) -> None:
    assert parse_options([f"an-option={typed}"]) == {"an_option": meant}


def test_a_typed_option_without_a_value_is_answered_with_an_example() -> None:
    with pytest.raises(ValueError, match=r"'gap' is no option; write name=value"):
        parse_options(["gap"])


def test_a_twin_without_a_gap_can_be_typed() -> None:
    with make_env("twin_reach", **parse_options(["gap=none"])) as env:
        assert env.num_envs == 1
