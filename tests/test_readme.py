"""The README's promises that a machine can check."""

import re
import runpy
from pathlib import Path

import pytest

from robot_rl.check_env import check_env
from robot_rl.cli import main
from robot_rl.run import Run

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
ROOT = Path(__file__).parents[1]


LOOP, OWN_ENV = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def test_the_python_example_runs(tmp_path: Path) -> None:
    script = tmp_path / "example.py"
    script.write_text(LOOP, encoding="utf-8")
    names = runpy.run_path(str(script))
    assert len(names["replay"]) == 800
    assert names["agent"].updates == 100


def test_the_environment_of_ones_own_keeps_the_contract_and_learns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "balance.py").write_text(OWN_ENV, encoding="utf-8")
    assert "In `balance.py`" in README
    check_env(lambda: runpy.run_path(str(tmp_path / "balance.py"))["Balance"](3))
    command = "robot-rl train --env balance:Balance --demonstrations 0"
    assert command in " ".join(README.split())
    monkeypatch.chdir(tmp_path)
    short = "--steps 64 --evaluation-episodes 4 --evaluation-envs 2 --folder run"
    sizes = "--learning-starts 32 --sac.batch-size 16 --sac.hidden 16 16 --options gain=0.1"
    assert main([*command.split()[1:], *short.split(), *sizes.split()]) == 0
    assert Run.open(tmp_path / "run").steps[-1] == 64
    assert "report: " in capsys.readouterr().out


@pytest.mark.parametrize(("example", "most"), [(LOOP, 12), (OWN_ENV, 18)])
def test_the_python_examples_stay_short(example: str, most: int) -> None:
    code = [
        line for line in example.splitlines() if line and not line.startswith(("import", "from"))
    ]
    assert len(code) <= most


def test_every_file_it_points_to_exists() -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", README)
    assert len(links) > 3
    assert [link for link in links if not (ROOT / link).exists()] == []
