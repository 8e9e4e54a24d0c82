"""What can be set about an environment is read from its sources."""

import ast
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from robot_rl.cli import main
from robot_rl.environments import ENVIRONMENTS, make_env
from robot_rl.options import options_of


def test_a_task_lists_its_own_settings_and_those_of_its_simulation() -> None:
    options = {option.name: option for option in options_of("peg_insert")}
    clearance = options["clearance"]
    assert (clearance.kind, clearance.default) == ("float", "0.001")
    assert clearance.meaning == "Hole width minus peg width [m]."
    assert options["hole"].default == "Box(centre=(0.5, 0.0, 0.0), half=(0.03, 0.03, 0.0))"
    assert options["randomization"].default == "Randomization(...)"
    assert options.keys() >= {"cameras", "translation", "dense"}


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_every_option_says_what_it_is_and_is_taken(name: str) -> None:
    for option in options_of(name):
        assert option.meaning
        assert option.kind
    numbers = ("float", "int", "bool")
    defaults = {o.name: ast.literal_eval(o.default) for o in options_of(name) if o.kind in numbers}
    make_env(name, **defaults).close()


def test_the_command_prints_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["options", "push"]) == 0
    printed = capsys.readouterr().out
    assert "tolerance: float = 0.025\n    Distance of the cube's centre from the goal" in printed
    assert main(["options", "point"]) == 0
    assert "max_steps: int = 50\n    Steps after which an episode" in capsys.readouterr().out


def test_the_help_of_train_points_there(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["train", "--help"])
    assert "robot-rl options" in " ".join(capsys.readouterr().out.split())


def test_an_environment_of_ones_own_has_the_option_that_all_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bare_task.py").write_text("def make(num_envs, seed): ...\n")
    monkeypatch.chdir(tmp_path)
    assert main(["options", "bare_task:make"]) == 0
    assert capsys.readouterr().out.startswith("action_history: int = 0\n")


@dataclass(frozen=True)
class Mine:
    """Settings of somebody's own factory."""

    size: int
    """How large."""
    names: tuple[str, ...] = field(default_factory=lambda: ("a",))


def make_mine(num_envs: int, seed: int, **options: object) -> None: ...


make_mine.settings = (Mine,)  # pyright: ignore[reportFunctionMemberAccess]


def test_a_factory_that_names_its_dataclasses_lists_their_fields() -> None:
    *lines, _, _, _ = [str(option) for option in options_of(f"{__name__}:make_mine")]
    assert lines == ["size: int\n    How large.", "names: tuple[str, ...] = ('a',)"]


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("gym:Pendulum-v1", "those of gymnasium.make"),
        ("peg_inset", "did you mean 'peg_insert'"),
    ],
)
def test_an_environment_without_a_list_is_answered(
    name: str, answer: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["options", name]) == 1
    assert answer in capsys.readouterr().err
