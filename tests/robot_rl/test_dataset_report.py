"""Faults that were put into episodes are found, and named with what to do; sound ones are not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from robot_rl.cli import main
from robot_rl.dataset_report import Advice, report_on
from robot_rl.env import ArraySpec
from robot_rl.episode import Episode
from robot_rl.schema import Schema
from tests.robot_rl.numbered_episodes import numbered

LENGTH, EPISODES = 60, 24
SCHEMA = Schema(
    env="bench",
    dt=0.05,
    observation={"state": ArraySpec((3,), names=("x", "vx", "gripper"))},
    action=ArraySpec((2,), low=-1, high=1, names=("x", "gripper")),
)


def _episode(number: int, lag: int = 0, idle: int = 0, scale: float = 0.5) -> Episode:
    """A tool that wanders, and moves some steps later than it was told."""
    rng = np.random.default_rng(number)
    action = np.zeros((LENGTH, 2), np.float32)
    action[:, 0] = (scale * rng.normal(size=LENGTH)).clip(-1, 1)
    action[: LENGTH if idle >= LENGTH else idle] = 0
    action[LENGTH - idle :] = 0
    velocity = np.concatenate([np.zeros(1 + lag), action[: LENGTH - lag, 0]])
    position = rng.normal() + velocity.cumsum()
    state = np.stack([position, velocity, np.ones(LENGTH + 1)], axis=1).astype(np.float32)
    success = np.arange(LENGTH) == LENGTH - 1
    made = numbered(number, LENGTH)
    return replace(made, observation={"state": state}, action=action, success=success)


def _advice(**faults: float) -> dict[str, Advice]:
    episodes = [_episode(number, **faults) for number in range(EPISODES)]  # pyright: ignore[reportArgumentType]
    return {one.topic: one for one in report_on(SCHEMA, episodes)}


def test_sound_episodes_need_nothing() -> None:
    found = _advice()
    assert [one.topic for one in found.values() if one.advice] == []
    assert found["episodes"].found == "24, 24 of them successes"
    assert found["length"].found == "60 to 60 steps, median 60 (3.0 s)"
    assert "1 of them constant (gripper)" in found["range of state"].found
    assert found["starts"].found.startswith("x ")


def test_waiting_is_found_and_may_be_trimmed() -> None:
    found = _advice(idle=8)["idle"]
    assert "8 at the start and 8 at the end" in found.found
    assert "--trim-idle" in found.advice


def test_an_arm_that_answers_late_is_found() -> None:
    assert "0 steps later" in _advice()["lag"].found
    found = _advice(lag=3)["lag"]
    assert "3 steps later (150 ms)" in found.found
    assert "action_history=3" in found.advice


def test_actions_at_their_limits_are_found() -> None:
    assert "let a step go further" in _advice(scale=3.0)["saturation"].advice


def test_one_frame_that_stretches_a_range_is_found() -> None:
    episodes = [_episode(number, scale=0.3) for number in range(EPISODES)]
    episodes[3].observation["state"][7, 1] = 500
    found = {one.topic: one for one in report_on(SCHEMA, episodes)}
    assert "stretch the range of vx; look" in found["range of state"].advice


def test_episodes_that_begin_alike_are_found() -> None:
    episodes = [_episode(0) for _ in range(EPISODES)]
    found = {one.topic: one for one in report_on(SCHEMA, episodes)}
    assert "vary arm and objects" in found["starts"].advice


def test_few_episodes_and_failures_are_found() -> None:
    lost = replace(_episode(1), success=np.zeros(LENGTH, bool))
    found = {one.topic: one for one in report_on(SCHEMA, [_episode(0), lost])}
    assert (
        found["episodes"].advice == "record 20 or more; imitate leaves out what was to fail, or did"
    )
    with pytest.raises(ValueError, match="no episodes to look at"):
        report_on(SCHEMA, [])


def test_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = str(tmp_path / "data")
    assert main(["record", data, "--env", "pick_cube", "--episodes", "2"]) == 0
    capsys.readouterr()
    assert main(["dataset", "report", data]) == 0
    told = capsys.readouterr().out
    assert "episodes: 2, 2 of them successes\n  -> record 20 or more" in told
    for topic in ("length", "idle", "saturation", "lag", "range of state", "starts"):
        assert f"\n{topic}: " in told
