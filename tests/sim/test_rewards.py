"""Simulated environments with sources of reward from a file, beside the task's own truth."""

from pathlib import Path

import numpy as np
import pytest

from robot_rl.check_env import check_env
from robot_rl.env import Env, Info, Step
from robot_rl.environments import make_env
from sim.mujoco_env import MujocoEnv

BOX = "- kind: pose_box\n  lower: [0.3, -0.3, {low}]\n  upper: [0.8, 0.3, 0.9]\n  steps: 1\n"


@pytest.fixture
def anywhere(tmp_path: Path) -> str:
    """The tool is in this box from the start, whatever the task says."""
    (tmp_path / "anywhere.yaml").write_text(BOX.format(low=-1))
    return str(tmp_path / "anywhere.yaml")


@pytest.fixture
def nowhere(tmp_path: Path) -> str:
    (tmp_path / "nowhere.yaml").write_text(BOX.format(low=0.8))
    return str(tmp_path / "nowhere.yaml")


@pytest.mark.parametrize("name", ["reach", "twin_reach"])
def test_the_file_decides_and_the_truth_stays_known(name: str, anywhere: str) -> None:
    with make_env(name, rewards=anywhere) as env:
        env.reset(seed=0)
        step = env.step(env.action_spec.zeros(1))
    assert step.terminated[0]
    assert step.info[Info.SUCCESS][0]
    assert step.reward[0] == 1
    assert not step.info[Info.TRUE_SUCCESS][0]
    assert step.info[Info.READINGS]["pose_box/steps"][0] == 1


def test_what_the_task_knows_is_never_paid_where_the_file_decides(nowhere: str) -> None:
    with make_env("reach", rewards=nowhere) as env:
        step, truths = env.reset(seed=0), []
        while not step.done[0]:
            step = env.step(env.expert_action())  # pyright: ignore[reportAttributeAccessIssue]
            truths.append(step.info[Info.TRUE_SUCCESS][0])
            assert step.reward[0] == 0
    assert any(truths)
    assert step.truncated[0]


def test_a_world_whose_physics_diverges_is_paid_nothing(
    tmp_path: Path, anywhere: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # The engine leaves its warnings in a file there.
    with make_env("pick_cube", rewards=anywhere, linger=5) as env:
        assert isinstance(env, MujocoEnv)
        env.reset(seed=0)
        states = env.world_states()
        states[0, 1 + 9] = 1e11  # The cube, far beyond what the engine takes for a position.
        env.set_world_states(states)
        step = env.step(env.action_spec.zeros(1))
    assert step.info["diverged"][0]
    assert not step.info[Info.SUCCESS][0]
    assert step.reward[0] == 0
    assert (step.terminated[0], step.truncated[0]) == (False, True)


def test_the_contract_is_kept(anywhere: str) -> None:
    check_env(lambda: make_env("reach", 2, rewards=anywhere), steps=5)


def test_success_that_lingers_is_seen_in_more_than_one_frame() -> None:
    with make_env("reach", linger=4) as env:
        step, successes = env.reset(seed=0), 0
        while not step.done[0]:
            step = env.step(env.expert_action())  # pyright: ignore[reportAttributeAccessIssue]
            successes += bool(step.info[Info.SUCCESS][0])
    assert successes >= 5
    assert step.terminated[0]
    assert Info.TRUE_SUCCESS not in step.info, "for the task itself judges"


@pytest.mark.parametrize("name", ["peg_insert", "twin_peg_insert"])
def test_pressing_too_hard_fails_as_on_a_robot(name: str, anywhere: str) -> None:
    """Whatever else is said of it: the box is full of success."""
    settings = {"rewards": anywhere, "linger": 1_000, "leash": 2.0}
    with make_env(name, **settings) as env:
        bold = _press(env)
    with make_env(name, force_limit=80.0, **settings) as env:
        stopped = _press(env)
        felt = [env.observation_spec["state"].names.index(axis) for axis in ("fx", "fy", "fz")]
    assert bold.info[Info.SUCCESS][0]
    assert bold.reward[0] == 1
    assert np.linalg.norm(stopped.info[Info.FINAL_OBSERVATION]["state"][0, felt]) > 80
    assert stopped.terminated[0]
    assert not stopped.info[Info.SUCCESS][0]
    assert not stopped.info[Info.TRUE_SUCCESS][0]
    assert stopped.reward[0] == 0


def _press(env: Env) -> Step:
    """The last step of an episode in which the tool only goes down."""
    step, down = env.reset(seed=0), env.action_spec.zeros(1)
    down[:, 2] = -1
    while not step.done[0]:
        step = env.step(down)
    return step


def test_nobody_labels_episodes_of_a_simulator(tmp_path: Path) -> None:
    (tmp_path / "label.yaml").write_text("- kind: label\n")
    with pytest.raises(ValueError, match="nobody labels episodes in a simulator"):
        make_env("reach", rewards=str(tmp_path / "label.yaml"))


def test_a_time_out_is_none_of_the_tasks_successes(nowhere: str) -> None:
    with make_env("reach", rewards=nowhere) as env:
        step = env.reset(seed=0)
        while not step.done[0]:
            step = env.step(env.action_spec.zeros(1))
    np.testing.assert_array_equal(step.terminated, [False])
