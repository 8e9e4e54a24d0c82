"""How the tests are shared out among workers, and what several of them need."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

_ROBOTS = "tests/ros/"
_NICE = 15
"""By how much all other tests yield to robots, whose cameras yield by 10 themselves: beside
training at the same priority they come seldom, and so late that a robot rightly stops."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Robots first, for they take longest."""
    items.sort(key=lambda item: not item.nodeid.startswith(_ROBOTS))


def pytest_runtest_setup(item: pytest.Item) -> None:
    """A worker that has no robots yields to the one that has."""
    if not item.nodeid.startswith(_ROBOTS):
        os.setpriority(os.PRIO_PROCESS, 0, max(_NICE, os.getpriority(os.PRIO_PROCESS, 0)))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """One worker has all robots, for two at once are too much for two cores; then file by file."""
    from xdist.scheduler import LoadFileScheduling

    class OneRobotAtATime(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return _ROBOTS if nodeid.startswith(_ROBOTS) else super()._split_scope(nodeid)

    return OneRobotAtATime(config, log)


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run in the simulator, of some seconds, that learning elsewhere starts from."""
    pytest.importorskip("torch")
    from robot_rl.config import SacConfig, TrainConfig
    from robot_rl.train import train

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


@pytest.fixture
def exact() -> Iterator[None]:
    """One thread, as in training, and products in float32."""
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    yield
    torch.set_float32_matmul_precision(before)
