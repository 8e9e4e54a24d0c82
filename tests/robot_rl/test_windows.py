"""Stretches never leave their episode."""

from __future__ import annotations

import numpy as np
import pytest

from robot_rl.chunk_config import Behind, ChunkConfig
from robot_rl.env import ArraySpec
from robot_rl.episode import Episode
from robot_rl.windows import Windows
from tests.robot_rl.numbered_episodes import numbered

ACTION = ArraySpec((3,), low=-1, high=1, names=("x", "gripper", "z"))


def _windows(
    episodes: list[Episode], history: int, horizon: int, trim: bool = False, behind: Behind = "rest"
) -> Windows:
    config = ChunkConfig(history=history, horizon=horizon, steps=1, behind=behind)
    return Windows(episodes, ["state"], ACTION, config, trim)


@pytest.fixture
def episodes() -> list[Episode]:
    """Observations 100 * episode + step; actions half of that."""
    return [numbered(0, 4), numbered(1, 6)]


def test_histories_begin_with_the_first_and_plans_end_with_rest(episodes: list[Episode]) -> None:
    windows = _windows(episodes, 3, 4)
    assert len(windows) == 10
    found = windows.gather(np.array([0, 3, 4, 7]))
    assert found.observation["state"][:, :, 0].tolist() == [
        [0, 0, 0],
        [1, 2, 3],
        [100, 100, 100],
        [101, 102, 103],
    ]
    assert found.action[0, :, 0].tolist() == [0, 0.5, 1, 1.5]
    assert found.action[1, :, 0].tolist() == [1.5, 0, 0, 0]
    assert found.action[1, :, 1].tolist() == [1.5] * 4  # The gripper stays.
    assert found.action[3, :, 0].tolist() == [51.5, 52, 52.5, 0]


def test_what_came_after_the_last_action_is_not_observed(episodes: list[Episode]) -> None:
    assert _windows(episodes, 1, 2).observations("state")[:, 0].tolist() == [
        *range(4),
        *range(100, 106),
    ]


def test_the_range_of_actions_holds_what_stands_behind_the_ends(episodes: list[Episode]) -> None:
    actions = _windows(episodes, 1, 2).actions
    assert actions[:10, 0].tolist() == [0, 0.5, 1, 1.5, 50, 50.5, 51, 51.5, 52, 52.5]
    assert actions[10:].tolist() == [[0, 1.5, 0], [0, 52.5, 0]]


def test_where_actions_say_where_to_be_the_last_repeats(episodes: list[Episode]) -> None:
    found = _windows(episodes, 1, 4, behind="repeat").gather(np.array([2]))
    assert found.action[0, :, 0].tolist() == [1, 1.5, 1.5, 1.5]


def test_idle_ends_are_left_out_where_that_is_asked_for() -> None:
    episode = numbered(1, 6)
    episode.action[:2] = 0
    episode.action[5:] = (0, episode.action[4, 1], 0)
    windows = _windows([numbered(0, 4), episode], 2, 3, trim=True)
    assert windows.observations("state")[:, 0].tolist() == [1, 2, 3, 102, 103, 104]
    found = windows.gather(np.array([3, 5]))
    assert found.observation["state"][0, :, 0].tolist() == [102, 102]
    assert found.action[1, :, 0].tolist() == [52, 0, 0]
