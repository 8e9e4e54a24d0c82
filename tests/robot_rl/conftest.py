"""What several tests of a run need."""

from pathlib import Path

import pytest

from robot_rl.config import SacConfig, TrainConfig
from robot_rl.train import train


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run in the simulator, of some seconds, that learning elsewhere starts from."""
    folder = tmp_path_factory.mktemp("source") / "run"
    train(
        TrainConfig(
            env="reach",
            num_envs=2,
            demonstrations=2,
            steps=40,
            learning_starts=20,
            evaluate_every=40,
            evaluation_episodes=2,
            evaluation_envs=2,
            folder=folder,
            sac=SacConfig(hidden=(32, 32), batch_size=32, cloning_steps=20, critic_warmup=10),
        )
    )
    return folder
