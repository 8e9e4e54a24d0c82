"""What a person types, and what comes back."""

import subprocess
import sys
from pathlib import Path

import pytest

import robot_rl
from robot_rl.cli import main

COMMANDS = (
    *("demo", "train", "evaluate", "record", "replay", "dataset", "pretrain", "options"),
    *("doctor", "up"),
)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "reach"
    assert main(["record", str(path), "--env", "reach", "--episodes", "2"]) == 0
    return path


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    assert f"robot-rl {command}" in capsys.readouterr().out


def test_the_version_is_that_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"robot-rl {robot_rl.__version__}\n"


def test_help_loads_nothing_heavy() -> None:
    heavy = "torch", "mujoco", "zarr", "matplotlib", "gymnasium", "scipy", "cv2"
    program = (
        "import sys\nfrom robot_rl.cli import main\n"
        "try: main(['--help'])\nexcept SystemExit: pass\n"
        f"print('HEAVY', [name for name in {heavy} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert "HEAVY []" in done.stdout


def test_a_recorded_dataset_is_summarised_and_whole(
    dataset: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["dataset", "info", str(dataset)]) == 0
    printed = capsys.readouterr().out
    assert "2 episodes, 2 of them successes" in printed
    assert "goal_x goal_y goal_z" in printed
    assert main(["dataset", "verify", str(dataset)]) == 0
    assert "all whole" in capsys.readouterr().out


def test_a_replayed_episode_ends_as_it_was_recorded(
    dataset: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["replay", str(dataset), "--episode", "1"]) == 0
    assert "deviation of the state 0" in capsys.readouterr().out


def test_a_corrupt_episode_is_found_named_and_moved_aside(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = tmp_path / "reach"
    main(["record", str(store), "--env", "reach", "--episodes", "2"])
    broken = sorted((store / "episodes").iterdir())[0]
    chunk = max((f for f in broken.rglob("*") if f.is_file()), key=lambda f: f.stat().st_size)
    content = bytearray(chunk.read_bytes())
    content[len(content) // 2] ^= 0xFF
    chunk.write_bytes(content)
    assert main(["replay", str(store)]) == 1
    assert "robot-rl dataset verify" in capsys.readouterr().err
    assert main(["dataset", "verify", str(store)]) == 1
    assert broken.name in capsys.readouterr().out
    assert main(["dataset", "verify", str(store), "--repair"]) == 0
    assert list((store / "quarantine").iterdir())
    capsys.readouterr()
    assert main(["dataset", "verify", str(store)]) == 0
    assert "1 episodes committed; all whole" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "answer"),
    [
        (["train", "--env", "pick_cup"], "did you mean"),
        (["train", "--options", "clearence=1"], "has no option clearence"),
        (["evaluate", "/nowhere/run"], "holds no run"),
        (["dataset", "info", "/nowhere/data"], "no episode store"),
        (["record", "data", "--env", "point"], "no scripted expert"),
    ],
)
def test_a_mistake_is_answered_in_a_line(
    arguments: list[str],
    answer: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 1
    error = capsys.readouterr().err
    assert error.startswith("robot-rl: ")
    assert answer in error


def test_a_field_that_does_not_exist_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["train", "--sac.learning-rat", "3"])
    assert ended.value.code != 0
    printed = capsys.readouterr()
    assert "--sac.learning-rat" in printed.out + printed.err
