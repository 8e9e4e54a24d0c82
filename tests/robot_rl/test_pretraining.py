"""An encoder that learns from pictures alone, on episodes that a script has recorded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from robot_rl.agent_config import DrqConfig
from robot_rl.config import PretrainConfig, TrainConfig
from robot_rl.demonstrations import record, schema_of
from robot_rl.encoder_file import read_encoder
from robot_rl.environments import make_env, parse_options
from robot_rl.episodes import Episodes
from robot_rl.pretraining import Moments, contrast, pretrain
from robot_rl.train import train

ENV = "pick_cube"
OPTIONS = ("cameras=front,wrist", "image_size=32", "privileged=False")

pytestmark = pytest.mark.usefixtures("exact")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "pick"
    with make_env(ENV, **parse_options(OPTIONS)) as env:
        record(env, Episodes(path, schema_of(env, ENV, OPTIONS)), 10)
    return path


def test_the_loss_asks_each_row_for_its_partner() -> None:
    one, nothing = torch.eye(3), torch.zeros(3, 3, dtype=torch.bool)
    right = contrast(one, one, nothing).item()
    others = 2 * np.exp(0.0)
    assert right == pytest.approx(-np.log(np.exp(10) / (np.exp(10) + others)), abs=1e-6)
    assert contrast(one, one.roll(1, 0), nothing).item() > 5


def test_pairs_of_one_moment_are_no_others() -> None:
    moments = Moments(np.array([0, 0, 1]), np.array([4, 9, 4]), np.array([5, 6, 5]))
    assert moments.same(3).tolist() == [
        [False, True, False],  # 4 and 6 of episode 0.
        [False, False, False],
        [False, False, False],
    ]
    alike = torch.ones(3, 3) / 3**0.5
    none = torch.zeros(3, 3, dtype=torch.bool)
    assert contrast(alike, alike, moments.same(3)) < contrast(alike, alike, none)


def test_it_learns_to_tell_moments_of_episodes_that_it_has_not_seen(
    dataset: Path, tmp_path: Path
) -> None:
    output = tmp_path / "eyes.weights"
    config = PretrainConfig(
        (dataset,), output, encoder="small", updates=120, learning_rate=1e-3, products="float32"
    )
    seen: list[int] = []
    pretrained = pretrain(config, lambda update, loss: seen.append(update))
    assert seen == list(range(1, 121))
    assert pretrained.untrained.chance == pretrained.found.chance < 0.05
    assert pretrained.found.share > pretrained.untrained.share + 0.1
    assert [plot.name for plot in pretrained.plots if plot.exists()] == [
        "loss.png",
        "neighbours.png",
    ]
    assert f"--drq.encoder small --encoder-file {output}" in str(pretrained)
    run = train(
        TrainConfig(
            algorithm="drq",
            env=ENV,
            options=OPTIONS,
            dataset=dataset,
            encoder_file=output,
            steps=8,
            num_envs=2,
            learning_starts=4,
            capacity=100,
            evaluation_episodes=2,
            evaluation_envs=2,
            products="float32",
            folder=tmp_path / "run",
            drq=DrqConfig(
                hidden=(16,), features=8, batch_size=8, cloning_steps=2, frozen=True, shift=0
            ),
        )
    )
    agent = run.load_checkpoint(Episodes(dataset).schema).state["agent"]
    for name, value in read_encoder(output, "small", 3).state_dict().items():
        assert torch.equal(agent["senses"][f"encoders.0.{name}"], value)


def test_too_few_episodes_are_answered(dataset: Path, tmp_path: Path) -> None:
    config = PretrainConfig((dataset,), tmp_path / "eyes.weights", hold_out=0.05)
    with pytest.raises(ValueError, match="10 episodes, of which 0 would be held out, are too few"):
        pretrain(config)
