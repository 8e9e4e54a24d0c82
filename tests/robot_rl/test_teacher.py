"""A teacher acts by what its pupil does not see, and what it does is what is learned from."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from robot_rl.config import DrqConfig, SacConfig, TrainConfig
from robot_rl.demonstrations import load_or_record
from robot_rl.environments import make_env
from robot_rl.policy import Policy
from robot_rl.ranges import RangeError
from robot_rl.teacher import taught
from robot_rl.train import resume, train

TEACHER = TrainConfig(
    env="reach",
    options=("action_history=1",),
    demonstrations=5,
    steps=8,
    num_envs=2,
    evaluate_every=1000,
    evaluation_episodes=2,
    evaluation_envs=2,
    products="float32",
    sac=SacConfig(hidden=(64, 64), learning_rate=1e-3, cloning_steps=600, batch_size=64),
)
BLIND = {"privileged": False, "cameras": ("front",), "image_size": 32, "action_history": 1}
PUPIL = replace(
    TEACHER,
    algorithm="drq",
    options=("action_history=1", "privileged=False", "cameras=front", "image_size=32"),
    demonstrations=2,
    sac=SacConfig(),
    drq=DrqConfig(hidden=(16, 16), features=8, batch_size=8, cloning_steps=3, critic_warmup=2),
)


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(replace(TEACHER, folder=tmp_path_factory.mktemp("teacher") / "run")).folder


def test_the_teacher_acts_by_what_the_pupil_does_not_see(teacher: Path) -> None:
    policy = Policy.load(teacher)
    with (
        taught("reach", BLIND, teacher) as env,
        make_env("reach", action_history=1) as whole,
        make_env("reach", **BLIND) as bare,
    ):
        assert env.observation_spec == bare.observation_spec
        step, full, own = (one.reset(5) for one in (env, whole, bare))
        for _ in range(4):
            action = env.expert_action()
            np.testing.assert_array_equal(action, policy.act(full.observation))
            for key in bare.observation_spec:
                np.testing.assert_array_equal(step.observation[key], own.observation[key])
            step, full, own = (one.step(action) for one in (env, whole, bare))


def test_a_pupil_learns_from_what_its_teacher_does(teacher: Path, tmp_path: Path) -> None:
    gone = tmp_path / "teacher"
    config = replace(PUPIL, teacher=gone, folder=tmp_path / "run")
    shutil.copytree(teacher, gone)
    run = train(config)
    shutil.rmtree(gone)
    shown = load_or_record(config, run.folder / "demonstrations")
    assert len(shown) == 2
    resume(run.folder, steps=16)  # Whoever has shown it need not be there any more.
    assert all(episode.metadata.success for episode in shown)
    assert shown[0].observation.keys() == {"state", "images/front"}
    other = load_or_record(replace(config, teacher=None), tmp_path / "scripted")
    assert not np.allclose(shown[0].action[:3], other[0].action[:3], atol=1e-3)


def test_a_teacher_who_sees_something_else_is_answered(teacher: Path, tmp_path: Path) -> None:
    options = tuple(option for option in PUPIL.options if "history" not in option)
    config = replace(PUPIL, teacher=teacher, options=options, folder=tmp_path / "run")
    with pytest.raises(ValueError, match=r"differs; train it with the same --options"):
        train(config)
    with pytest.raises(ValueError, match="trained with leash=None, and its pupil has 2; give both"):
        train(replace(config, options=(*PUPIL.options, "leash=2")))
    assert not (tmp_path / "run").exists()
    with pytest.raises(FileNotFoundError, match="no policy"):
        train(replace(config, teacher=tmp_path / "nobody"))


def test_a_teacher_with_nothing_to_show_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RangeError, match="demonstrations is 0; leave one of the two out"):
        TrainConfig(teacher=tmp_path, demonstrations=0)
    with pytest.raises(RangeError, match="dataset has them already"):
        TrainConfig(teacher=tmp_path, dataset=tmp_path)
