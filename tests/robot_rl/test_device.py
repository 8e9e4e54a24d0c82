"""Where torch learns; who acts needs no more than a processor."""

from pathlib import Path

import numpy as np
import pytest
import torch

from robot_rl.config import SacConfig, TrainConfig
from robot_rl.environments import make_env
from robot_rl.perception import precision
from robot_rl.policy import Policy
from robot_rl.train import prepare_torch, train

GPU = torch.cuda.is_available()


@pytest.mark.skipif(GPU, reason="there is a GPU")
def test_a_device_that_is_not_there_is_refused() -> None:
    with pytest.raises(ValueError, match=r"device is 'cuda', and .*; choose cpu"):
        prepare_torch(1, "float32", "cuda")
    assert torch.zeros(1).device.type == "cpu"
    with pytest.raises(ValueError, match=r"device is 'gpu', and .*; choose cpu"):
        prepare_torch(1, "float32", "gpu")


def test_narrow_products_are_taken_where_the_processor_has_kernels_for_them() -> None:
    capable = torch.ops.mkldnn._is_mkldnn_bf16_supported()
    try:
        prepare_torch(1, "bfloat16")
        assert precision() is (torch.bfloat16 if capable else torch.float32)
    finally:
        prepare_torch(1, "float32")
    assert precision() is torch.float32


@pytest.mark.skipif(not GPU, reason="no GPU")
def test_what_learned_on_a_gpu_acts_on_the_processor(tmp_path: Path) -> None:
    config = TrainConfig(
        env="reach",
        steps=300,
        demonstrations=2,
        evaluate_every=300,
        evaluation_episodes=4,
        evaluation_envs=4,
        device="cuda",
        folder=tmp_path / "run",
        sac=SacConfig(hidden=(32, 32), batch_size=32, cloning_steps=20, critic_warmup=20),
    )
    try:
        run = train(config)
        Policy.load(run.folder).save(tmp_path / "reach.policy")
    finally:
        prepare_torch(1, "float32", "cpu")
    with make_env("reach", 4) as env:
        action = Policy.load(tmp_path / "reach.policy").act(env.reset(0).observation)
    assert action.shape == (4, *env.action_spec.shape)
    assert np.isfinite(action).all()
