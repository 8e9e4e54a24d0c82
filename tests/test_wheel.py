"""What an installation puts onto a machine, seen in the wheel."""

import configparser
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = {"robot_rl", "controllers", "sim", "hardware"}
SOURCES = ("pyproject.toml", "README.md", "LICENSE", *PACKAGES, "launch", "tests", "benchmarks")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """Built from a copy, so that it neither sees nor leaves anything in the checkout."""
    folder = tmp_path_factory.mktemp("checkout")
    for name in SOURCES:
        source, target = ROOT / name, folder / name
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", "dist"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return zipfile.ZipFile(next((folder / "dist").glob("*.whl")))


def test_the_wheel_has_exactly_four_top_level_packages(wheel: zipfile.ZipFile) -> None:
    top_level = {name.partition("/")[0] for name in wheel.namelist()}
    assert {name for name in top_level if not name.endswith(".dist-info")} == PACKAGES


def test_every_module_and_model_is_in_the_wheel(wheel: zipfile.ZipFile) -> None:
    wanted = {
        str(path.relative_to(ROOT))
        for package in PACKAGES
        for pattern in ("*.py", "*.xml", "*.yaml")
        for path in (ROOT / package).rglob(pattern)
    }
    assert {"sim/panda.xml", "hardware/robots/twin.yaml"} <= wanted
    assert wanted <= set(wheel.namelist())


def test_the_command_robot_rl_and_every_node_are_installed(wheel: zipfile.ZipFile) -> None:
    path = next(name for name in wheel.namelist() if name.endswith("entry_points.txt"))
    scripts = configparser.ConfigParser()
    scripts.read_string(wheel.read(path).decode())
    nodes = [path.stem for path in (ROOT / "hardware" / "ros").glob("*_node.py")]
    assert dict(scripts["console_scripts"]) == {
        "robot-rl": "robot_rl.cli:main",
        **{f"robot-rl-{node.replace('_', '-')}": f"hardware.ros.{node}:main" for node in nodes},
    }
