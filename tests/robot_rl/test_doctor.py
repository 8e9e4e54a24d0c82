"""The doctor looks at everything, says what to type, and falls over nothing."""

import importlib.util
import io
import tomllib
from collections import Counter
from pathlib import Path

import pytest
from rich.console import Console

from robot_rl.doctor import TOP_LEVEL_PACKAGES, Finding, as_table, diagnose, report, required

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def findings(tmp_path_factory: pytest.TempPathFactory) -> list[Finding]:
    return diagnose(tmp_path_factory.mktemp("checkout") / "runs")


def _about(findings: list[Finding], subject: str) -> Finding:
    return next(finding for finding in findings if finding.subject == subject)


def test_it_looks_at_everything_a_run_may_need(findings: list[Finding]) -> None:
    subjects = {finding.subject for finding in findings}
    assert subjects >= {"python", "machine", "packages", "torch", "cuda", "opencv", "renderer"}
    assert subjects >= {"pybullet", "isaacgym", "ros 2", "cameras", "run folder"}


def test_whatever_is_not_there_comes_with_what_to_do(findings: list[Finding]) -> None:
    silent = [f.subject for f in findings if f.status != "ok" and not f.remedy]
    assert set(silent) <= {"cuda"}  # No line to type makes a GPU.


@pytest.mark.parametrize("module", ["pybullet", "mujoco_warp", "isaacgym"])
def test_an_optional_module_is_absent_only_if_it_cannot_be_found(
    findings: list[Finding], module: str
) -> None:
    is_here = importlib.util.find_spec(module) is not None
    assert _about(findings, module).status == ("ok" if is_here else "absent")


def test_the_renderer_is_named_with_the_reason(findings: list[Finding]) -> None:
    renderer = _about(findings, "renderer")
    assert renderer.status == "problem" or ":" in renderer.detail


def test_a_run_folder_that_cannot_be_made_is_a_problem(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    finding = _about(diagnose(file / "runs"), "run folder")
    assert finding.status == "problem"
    assert str(file) in finding.detail


@pytest.mark.parametrize("package", TOP_LEVEL_PACKAGES)
def test_a_second_owner_of_one_of_our_packages_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    other = tmp_path / "rival-1.0.dist-info"
    other.mkdir()
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: rival\nVersion: 1.0\n")
    (other / "RECORD").write_text(f"{package}/__init__.py,,\n")
    monkeypatch.syspath_prepend(tmp_path)
    finding = _about(diagnose(), "name clash")
    assert finding.status == "problem"
    assert f"{package!r} belongs to robot-rl and to rival" in finding.detail
    assert "pip uninstall rival" in finding.remedy


@pytest.mark.parametrize("package", ["sim", "launch"])
def test_a_package_in_the_working_directory_that_hides_another_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    file = tmp_path / package / "__init__.py"
    file.parent.mkdir()
    monkeypatch.chdir(tmp_path)
    # Python passes over a folder of that name as long as it is no package.
    assert "name clash" not in {finding.subject for finding in diagnose()}
    file.touch()
    finding = _about(diagnose(), "name clash")
    assert finding.status == "problem"
    assert finding.detail.startswith(str(file))
    assert finding.remedy


def test_what_is_required_is_what_the_project_says() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert set(required()) == {line.partition(">")[0] for line in project["dependencies"]}
    assert "pybullet" not in required()


LONG = Finding(
    "ros 2", "absent", "for an arm behind ROS 2 " * 5, "source /opt/ros/<distribution>/setup.bash"
)


def test_in_a_pipe_each_finding_is_one_whole_line() -> None:
    pipe = io.StringIO()
    report([LONG, LONG], pipe)
    whole = f"absent   ros 2: {LONG.detail}; to do: {LONG.remedy}"
    assert pipe.getvalue().splitlines() == [whole, whole]


@pytest.mark.parametrize("width", [40, 80])
def test_a_narrow_terminal_loses_no_character(width: int) -> None:
    console = Console(width=width, record=True, file=io.StringIO())
    console.print(as_table([LONG]))
    text = console.export_text()
    assert text.split()[:5] == ["status", "subject", "found", "to", "do"]
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= width
    shown = Counter("".join(text.split()))
    assert shown >= Counter("".join(vars(LONG).values()).replace(" ", ""))


def test_the_table_shows_brackets_as_written() -> None:
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(as_table([Finding("x", "absent", "[red]", 'pip install -e ".[ros]"')]))
    text = console.export_text()
    assert "[red]" in text
    assert 'pip install -e ".[ros]"' in text
