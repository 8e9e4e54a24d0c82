"""What ``record --robot`` and ``replay`` make of their settings before any robot is needed."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from hardware.saver import Counts
from robot_rl.cli import main
from robot_rl.config import RecordConfig, ReplayConfig
from robot_rl.env import ArraySpec
from robot_rl.episodes import Episodes
from robot_rl.ranges import RangeError
from robot_rl.robot_recording import record_on_robot, until_enough
from robot_rl.robot_replay import is_for_robot
from robot_rl.schema import Schema


def test_scripted_without_a_robot_is_answered() -> None:
    with pytest.raises(RangeError, match=r"add --robot twin, or type --episodes 5"):
        RecordConfig(scripted=5)


def test_a_script_needs_a_task(tmp_path: Path) -> None:
    config = RecordConfig(tmp_path / "data", env="", robot="twin", scripted=5)
    with pytest.raises(TypeError, match="without a task nobody can demonstrate"):
        record_on_robot(config)
    assert not (tmp_path / "data").exists()


def test_an_unknown_robot_is_answered_with_the_known_ones(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["record", str(tmp_path / "data"), "--robot", "fr33", "--scripted", "1"]) == 1
    assert "did you mean 'fr3'" in capsys.readouterr().err
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("committed", "successes", "demonstrations", "expected"),
    [
        (4, 4, 4, False),
        (7, 4, 4, False),
        (8, 4, 4, True),
        (8, 3, 3, False),
        (8, 4, 3, False),
        (9, 5, 4, True),
        (24, 24, 24, True),
    ],
)
def test_there_are_enough_once_as_many_misses_stand_beside_the_successes(
    committed: int, successes: int, demonstrations: int, expected: bool
) -> None:
    config = RecordConfig(robot="twin", scripted=4, near_misses=1)
    counts = Counts(committed, successes, demonstrations)
    session: Any = SimpleNamespace(failures=committed - successes, counts=counts)
    assert until_enough(config)(session) is expected


def test_an_expert_that_nearly_always_fails_is_given_up() -> None:
    counts = Counts(successes=1, demonstrations=1)
    session: Any = SimpleNamespace(failures=31, counts=counts)
    with pytest.raises(RuntimeError, match="failed in 31 episodes, and succeeded in 1"):
        until_enough(RecordConfig(robot="twin", scripted=2))(session)


@pytest.mark.parametrize(
    ("settings", "folder"),
    [
        ({}, "runs/recorded/peg_insert"),
        ({"robot": "twin"}, "runs/recorded/twin-peg_insert"),
        ({"robot": "mine/ur5.yaml", "env": ""}, "runs/recorded/mine-ur5.yaml"),
        ({"dataset": Path("data/peg"), "robot": "twin"}, "data/peg"),
    ],
)
def test_episodes_have_a_folder_by_default(settings: dict[str, str], folder: str) -> None:
    assert RecordConfig(**settings).folder == Path(folder)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    ("env", "contract", "robot", "expected"),
    [
        ("peg_insert", {"options": []}, "", False),
        ("peg_insert", {"options": []}, "twin", True),
        ("robot", {"options": ["robot=twin"]}, "", True),
        ("twin", {"name": "twin", "joints": {}}, "", True),
    ],
)
def test_a_replay_goes_where_the_dataset_is_from(
    tmp_path: Path, env: str, contract: dict[str, object], robot: str, expected: bool
) -> None:
    specs = {"state": ArraySpec((1,))}
    Episodes(tmp_path, Schema(specs, ArraySpec((1,)), 0.05, env, contract))
    assert is_for_robot(ReplayConfig(tmp_path, robot=robot)) is expected
