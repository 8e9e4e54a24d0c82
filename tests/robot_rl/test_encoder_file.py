"""Weights of an encoder come from a file that fits, and from nowhere else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from robot_rl.agent_config import EncoderName
from robot_rl.config import DrqConfig, DrqV2Config, LearnerConfig, TrainConfig
from robot_rl.drq import Drq
from robot_rl.drqv2 import DrqV2
from robot_rl.encoder_file import read_encoder, write_encoder
from robot_rl.encoders import make_encoder
from robot_rl.ranges import RangeError
from robot_rl.sac import Sac
from robot_rl.weights_file import CheckpointError
from tests.robot_rl.pixel_batches import ACTIONS, IMAGE, SPEC, batch, parameters

CONFIG = DrqConfig(hidden=(16, 16), features=8, batch_size=16, return_range=(0.0, 1.0))
V2 = DrqV2Config(hidden=(16, 16), features=8, batch_size=16, encoder="small")

pytestmark = pytest.mark.usefixtures("exact")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    torch.manual_seed(7)
    return write_encoder(tmp_path / "eyes.weights", "small", make_encoder("small", 3), {})


@pytest.mark.parametrize("name", ["small", "drqv2", "resnet10", "resnet18"])
def test_what_was_written_is_read(name: EncoderName, tmp_path: Path) -> None:
    encoder = make_encoder(name, 3)
    path = write_encoder(tmp_path / "deep" / "eyes.weights", name, encoder, {"found": 0.5})
    again = read_encoder(path, name, 3)
    images = torch.randint(0, 256, (2, 3, 64, 64)).float()
    torch.testing.assert_close(again(images), encoder(images), rtol=0, atol=0)


def test_a_whole_classifier_with_the_usual_names_is_read(tmp_path: Path) -> None:
    """As torchvision saves a resnet18: blocks layer1.0 to layer4.1, counts of batches, a head."""
    weights = {"conv1.weight": torch.randn(64, 3, 7, 7)}
    inputs = 64
    for stage, outputs in enumerate((64, 128, 256, 512), 1):
        for block in range(2):
            name = f"layer{stage}.{block}"
            weights[f"{name}.conv1.weight"] = torch.randn(outputs, inputs, 3, 3)
            weights[f"{name}.conv2.weight"] = torch.randn(outputs, outputs, 3, 3)
            if inputs != outputs:
                weights[f"{name}.downsample.0.weight"] = torch.randn(outputs, inputs, 1, 1)
            inputs = outputs
    for name, kernel in list(weights.items()):
        norm = name.replace("conv", "bn").replace("downsample.0", "downsample.1")
        for part in ("weight", "bias", "running_mean", "running_var"):
            weights[norm.replace("weight", part)] = torch.rand(len(kernel))
        weights[norm.replace("weight", "num_batches_tracked")] = torch.tensor(3)
    weights |= {"fc.weight": torch.randn(1000, 512), "fc.bias": torch.randn(1000)}
    torch.save(weights, tmp_path / "resnet18.pth")
    with pytest.warns(UserWarning, match="batch normalisation, and here are groups"):
        encoder = read_encoder(tmp_path / "resnet18.pth", "resnet18", 3)
    for name, value in encoder.state_dict().items():
        assert torch.equal(value, weights[name])


def test_files_that_do_not_fit_are_answered(file: Path, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no encoder .*none\.weights; give a file"):
        read_encoder(tmp_path / "none.weights", "small", 3)
    with pytest.raises(ValueError, match="holds the encoder small, and not resnet10; choose small"):
        read_encoder(file, "resnet10", 3)
    with pytest.raises(
        ValueError, match=r"9 channels .*:\n  0.weight has shape \(32, 3, 3, 3\), and"
    ):
        read_encoder(file, "small", 9)
    torch.save(nn.Linear(2, 2).state_dict(), tmp_path / "linear.pth")
    with pytest.raises(ValueError, match=r"0.bias is missing(\n.*)+and \d+ more"):
        read_encoder(tmp_path / "linear.pth", "small", 3)
    torch.save(torch.zeros(3), tmp_path / "bare.pth")
    with pytest.raises(
        ValueError, match=r"bare\.pth holds a Tensor; save the network's state_dict"
    ):
        read_encoder(tmp_path / "bare.pth", "small", 3)
    (tmp_path / "cut.pth").write_bytes(file.read_bytes()[:500])
    with pytest.raises(CheckpointError, match=r"cut\.pth is damaged"):
        read_encoder(tmp_path / "cut.pth", "small", 3)


@pytest.mark.parametrize("kind", [Drq, DrqV2])
def test_every_camera_begins_with_it(kind: type[Drq | DrqV2], file: Path) -> None:
    agent = kind(SPEC, ACTIONS, CONFIG if kind is Drq else V2)  # pyright: ignore[reportArgumentType]
    agent.load_encoder(file)
    wanted = parameters(read_encoder(file, "small", 3))
    for encoder in agent.senses.encoders:
        assert torch.equal(parameters(encoder), wanted)


def test_a_frozen_encoder_stays_and_the_rest_learns(file: Path) -> None:
    agent = Drq(SPEC, ACTIONS, replace(CONFIG, frozen=True, critic_warmup=0))
    agent.load_encoder(file)
    parts = agent.heads, agent.critics, agent.actor
    kept, before = parameters(agent.senses), [parameters(part) for part in parts]
    for seed in range(3):
        agent.clone(batch(seed))
    agent.keep_clone()
    for seed in range(4):
        agent.update(batch(seed))
    assert torch.equal(parameters(agent.senses), kept)
    for part, parameter in zip(parts, before, strict=True):
        assert not torch.equal(parameters(part), parameter)


def test_who_sees_nothing_has_no_use_for_it(file: Path) -> None:
    with pytest.raises(ValueError, match=r"no encoder to load .*; choose drq or drqv2"):
        Sac({"state": SPEC["state"]}, ACTIONS).load_encoder(file)
    with pytest.raises(RangeError, match="looks at no pictures; leave it out"):
        TrainConfig(encoder_file=file)


def test_random_weights_are_not_frozen(tmp_path: Path) -> None:
    frozen = DrqConfig(frozen=True)
    with pytest.raises(RangeError, match=r"random; give --encoder-file, or leave --drq\.frozen"):
        TrainConfig(algorithm="drq", drq=frozen)
    with pytest.raises(RangeError, match="give --encoder-file"):
        LearnerConfig(tmp_path, demonstrations=tmp_path, algorithm="drq", drq=frozen)
    TrainConfig(algorithm="drq", drq=frozen, encoder_file=tmp_path)


def test_images_of_other_channels_are_named(file: Path) -> None:
    stacked = {"images/front": replace(IMAGE, shape=(32, 32, 9))}
    with pytest.raises(ValueError, match="images of 9 channels"):
        Drq(stacked, ACTIONS, CONFIG).load_encoder(file)
