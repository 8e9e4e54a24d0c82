"""What a person hears who looks at a dataset, or at what is none."""

from pathlib import Path

import pytest

from robot_rl.cli import main


def _answer(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    assert main(arguments) == 1
    error = capsys.readouterr().err
    assert error.startswith("robot-rl: ")
    assert error.count("\n") == 1
    assert "Errno" not in error
    return error


def test_repair_without_verify_is_refused_with_the_line_to_type(
    capsys: pytest.CaptureFixture[str],
) -> None:
    answer = _answer(["dataset", "info", "data/reach", "--repair"], capsys)
    assert "robot-rl dataset verify data/reach --repair" in answer


def test_a_dataset_that_is_missing_can_be_recorded(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = _answer(["dataset", "info", str(tmp_path / "reach")], capsys)
    assert answer.endswith(f"`robot-rl record {tmp_path}/reach` makes one\n")
    assert "schema" not in answer


def test_the_folder_of_a_run_points_to_its_demonstrations(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    demonstrations = tmp_path / "reach" / "demonstrations"
    main(["record", str(demonstrations), "--env", "reach", "--episodes", "1"])
    answer = _answer(["dataset", "info", str(tmp_path / "reach")], capsys)
    assert f"there is one in {demonstrations}" in answer


@pytest.mark.parametrize("command", [["record"], ["dataset", "info"], ["dataset", "verify"]])
def test_a_file_is_no_dataset(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    (tmp_path / "afile").touch()
    assert "it is a file; " in _answer([*command, str(tmp_path / "afile")], capsys)


def test_who_cannot_be_recorded_leaves_no_dataset(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = _answer(["record", str(tmp_path / "data"), "--env", "point"], capsys)
    assert "point has no scripted expert; choose reach, pick_cube, peg_insert or push" in answer
    assert not (tmp_path / "data").exists()


def test_recording_another_task_says_what_is_there_and_what_was_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = str(tmp_path / "reach")
    main(["record", store, "--env", "reach", "--episodes", "1"])
    assert main(["record", store, "--env", "pick_cube"]) == 1
    assert "it holds reach, you asked for pick_cube" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments", [["--episodes", "0"], ["--episodes", "-2"], ["--noise", "-1"]]
)
def test_numbers_without_sense_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    answer = _answer(["record", str(tmp_path / "data"), "--env", "reach", *arguments], capsys)
    assert "give at least" in answer
    assert not (tmp_path / "data").exists()
