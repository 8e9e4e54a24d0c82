"""Scripted successes, and attempts beside each that nearly were one."""

import numpy as np
import pytest

from robot_rl.cli import main
from robot_rl.config import RecordConfig
from robot_rl.episodes import Episodes
from robot_rl.near_misses import SCENE
from robot_rl.ranges import RangeError


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Episodes:
    path = tmp_path_factory.mktemp("near") / "data"
    asked = ("--env", "reach", "--episodes", "3", "--near-misses", "3", "--options", "linger=4")
    assert main(["record", str(path), *asked]) == 0
    return Episodes(path)


def test_each_success_has_attempts_beside_it_that_begin_where_it_began(store: Episodes) -> None:
    scenes: dict[str, list[np.ndarray]] = {}
    for episode in store:
        start = episode.observation["state"][0]
        scenes.setdefault(episode.metadata.labels[SCENE], []).append(start)
    assert len(scenes) == 3
    for starts in scenes.values():
        assert len(starts) == 4
        np.testing.assert_array_equal(starts, np.tile(starts[0], (4, 1)))
    assert len({starts[0].tobytes() for starts in scenes.values()}) == 3


def test_successes_last_and_attempts_mostly_fail(store: Episodes) -> None:
    kinds: dict[str, list[int]] = {}
    for episode in store:
        kinds.setdefault(episode.metadata.labels[SCENE], []).append(int(episode.success.sum()))
    first, *others = zip(*kinds.values(), strict=True)
    assert min(first) >= 5
    assert np.mean([frames == 0 for frames in np.ravel(others)]) > 0.5


def test_they_are_made_in_simulation_only() -> None:
    with pytest.raises(RangeError, match=r"near_misses goes without robot; .*--keep-failures"):
        RecordConfig(robot="twin", near_misses=2)
