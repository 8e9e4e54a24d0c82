"""A run, its checkpoint and its policy file know which learner they are of."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from robot_rl.agent_config import AgentConfig
from robot_rl.agents import agent_from_json, agent_to_json, make_agent
from robot_rl.beginning import beginning_of
from robot_rl.config import (
    DrqConfig,
    DrqV2Config,
    FinetuneConfig,
    LearnerConfig,
    SacConfig,
    TrainConfig,
)
from robot_rl.demonstrations import record, schema_of
from robot_rl.drq import Drq
from robot_rl.drqv2 import DrqV2
from robot_rl.env import ArraySpec
from robot_rl.environments import make_env
from robot_rl.episodes import Episodes
from robot_rl.finetune import finetune
from robot_rl.log import read_log
from robot_rl.message import decode, encode
from robot_rl.offer import Offer
from robot_rl.policy import POLICY, Policy
from robot_rl.ranges import RangeError
from robot_rl.run import Run
from robot_rl.settings import SettingsError
from robot_rl.train import resume, train

DRQ = TrainConfig(
    algorithm="drq",
    env="reach",
    options=("cameras=front", "image_size=32", "privileged=False"),
    demonstrations=2,
    steps=24,
    num_envs=2,
    learning_starts=8,
    capacity=1000,
    evaluate_every=1000,
    evaluation_episodes=2,
    evaluation_envs=2,
    products="float32",
    drq=DrqConfig(hidden=(16, 16), features=8, batch_size=8, cloning_steps=5, critic_warmup=4),
)


V2 = replace(
    DRQ,
    algorithm="drqv2",
    drq=DrqConfig(),
    drqv2=DrqV2Config(hidden=(16, 16), features=8, batch_size=8, cloning_steps=5, utd_ratio=1.0),
)
MEASURED = {"drq": {"deviation", "entropy"}, "drqv2": {"imitation", "noise"}}


@pytest.fixture(scope="module", params=[DRQ, V2], ids=["drq", "drqv2"])
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(replace(request.param, folder=tmp_path_factory.mktemp("run") / "run")).folder


def test_a_run_learns_from_cameras_and_goes_on(run: Path) -> None:
    algorithm = Run.open(run).config(TrainConfig).algorithm
    assert {"critic_loss", "q"} | MEASURED[algorithm] <= read_log(run)[-1].keys()
    resume(run, steps=32)
    assert [row["step"] for row in read_log(run)] == [0, 24, 32]


def test_its_policy_acts_from_a_file(run: Path, tmp_path: Path) -> None:
    policy = Policy.of_run(run)
    loaded = Policy.load(policy.save(tmp_path / "reach.policy"))
    rng = np.random.default_rng(0)
    seen = {
        key: rng.integers(0, 255, (3, *spec.shape)).astype(spec.dtype)
        for key, spec in policy.schema.observation.items()
    }
    assert "images/front" in seen
    np.testing.assert_array_equal(loaded.act(seen), policy.act(seen))


def test_a_robot_goes_on_from_it(run: Path, tmp_path: Path) -> None:
    settings = Run.open(run).config(TrainConfig)
    options = ("image_size=32",)
    config = FinetuneConfig(tmp_path / "robot", run, env="reach", options=options, steps=60)
    assert finetune(config).acted.steps >= 60
    begun = Policy.load(config.run / POLICY)
    assert begun.origin["run"] == str(config.run)
    offer = beginning_of(LearnerConfig(tmp_path, run)).offer
    assert type(offer.agent) is type(settings.agent)
    assert Offer.of_message(decode(offer.to_message())) == offer


def test_a_buffer_goes_to_who_does_not_imitate_all_of_it(run: Path, tmp_path: Path) -> None:
    config = LearnerConfig(tmp_path, run, buffer=True)
    if Run.open(run).config(TrainConfig).algorithm == "drq":
        assert beginning_of(config).buffer is not None
    else:
        with pytest.raises(ValueError, match="most of a buffer is no demonstration; leave"):
            beginning_of(config)


@pytest.mark.parametrize("config", [SacConfig(discount=0.9), DrqConfig(encoder="drqv2"), V2.drqv2])
def test_settings_say_whose_they_are(config: AgentConfig) -> None:
    assert agent_from_json(agent_to_json(config)) == config


def test_an_unknown_learner_is_answered() -> None:
    with pytest.raises(SettingsError, match="is 'ppo'; this version knows sac, drq, drqv2"):
        agent_from_json({"algorithm": "ppo"})


def test_an_offer_of_another_version_is_answered() -> None:
    with pytest.raises(SettingsError, match="another version of robot_rl"):
        Offer.of_message(decode(encode({"schema": {}, "sac": {}})))


def test_demonstrations_whose_state_is_newer_than_their_pictures_are_refused(
    tmp_path: Path,
) -> None:
    with make_env("reach", cameras=("front",), image_size=32) as env:
        options = ("cameras=front", "image_size=32", "apart=True")
        store = Episodes(tmp_path / "data", schema_of(env, "reach", options))
        record(env, store, 1)
    asked = LearnerConfig(tmp_path, demonstrations=store.path)
    assert beginning_of(asked).offer.schema.observation.keys() == {"state"}
    with pytest.raises(ValueError, match="recorded with apart=True"):
        beginning_of(replace(asked, algorithm="drq"))


def test_each_learner_has_settings_of_its_own() -> None:
    specs = {"images/front": ArraySpec((32, 32, 3), "uint8")}, ArraySpec((2,), low=-1, high=1)
    assert type(make_agent(*specs, DRQ.drq)) is Drq
    assert type(make_agent(*specs, V2.drqv2)) is DrqV2
    with pytest.raises(RangeError, match="algorithm is sac, and there are settings of drq; leave"):
        TrainConfig(drq=DRQ.drq)
    with pytest.raises(RangeError, match="choose --algorithm sac"):
        replace(DRQ, sac=SacConfig(discount=0.9))
