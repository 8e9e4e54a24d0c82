"""``launch/`` is a ROS package and never a Python one: it would hide ROS's own ``launch``.

ROS's ``launch`` and colcon come from a ROS installation; tests that need them run where it is.
"""

import ast
import importlib
import os
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest

from hardware.graph import GraphSettings

ROOT = Path(__file__).parents[1]
LAUNCH = ROOT / "launch"
LAUNCH_FILES = sorted(LAUNCH.rglob("*.py"))
AMENT = Path(sys.prefix) / "share" / "ament_cmake_core"
ANYWHERE = {"namespace", "params_file", "log_level"} | {
    field.name for field in fields(GraphSettings)
}
each_file = pytest.mark.parametrize("file", LAUNCH_FILES, ids=lambda file: file.name)


def imported(tree: ast.AST) -> Iterator[str]:
    """Full names of what a file imports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_nothing_makes_launch_importable() -> None:
    assert not list(LAUNCH.rglob("__init__.py"))
    assert not (ROOT / "launch.py").exists()


def test_colcon_finds_only_the_launch_package() -> None:
    # A package.xml or setup.py at the root would make colcon build, and break on, the whole.
    assert [path.parent for path in ROOT.glob("*/package.xml")] == [LAUNCH]
    assert not any((ROOT / name).exists() for name in ("package.xml", "setup.py", "setup.cfg"))


def test_the_ros_package_has_one_name_and_installs_every_file() -> None:
    manifest = ElementTree.parse(LAUNCH / "package.xml").getroot()
    cmake = (LAUNCH / "CMakeLists.txt").read_text()
    assert manifest.findtext("name") == "robot_rl_launch"
    assert "project(robot_rl_launch " in cmake
    assert all(file.name in cmake for file in (*LAUNCH_FILES, *(LAUNCH / "config").iterdir()))


def test_there_is_a_launch_file_for_each_use() -> None:
    names = {file.name.removesuffix(".launch.py") for file in LAUNCH_FILES}
    assert names == {"twin", "robot", "record", "deploy"}


@each_file
def test_launch_files_import_launch_and_what_is_the_same_for_robot_rl_up(file: Path) -> None:
    tree = ast.parse(file.read_text())
    first_party = {name for name in imported(tree) if name.partition(".")[0] == "hardware"}
    others = {name.partition(".")[0] for name in imported(tree)} - {"hardware"}
    assert others - sys.stdlib_module_names <= {"launch", "launch_ros"}
    assert {name.rpartition(".")[0] for name in first_party} <= {
        "hardware.dds_profile",
        "hardware.graph",
        "hardware.ros.parameters",
    }
    assert any(
        isinstance(node, ast.FunctionDef) and node.name == "generate_launch_description"
        for node in tree.body
    )


@each_file
def test_every_argument_of_ours_is_one_of_the_graph(file: Path) -> None:
    declared = {
        node.args[0].value
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) == "DeclareLaunchArgument"
        and isinstance(node.args[0], ast.Constant)
    }
    assert declared <= ANYWHERE


@each_file
def test_ros_shows_all_arguments_with_their_meaning(file: Path) -> None:
    pytest.importorskip("launch_ros")  # not launch: that is also the name of a folder here
    sources = importlib.import_module("launch.launch_description_sources")
    context = importlib.import_module("launch").LaunchContext()
    source = sources.PythonLaunchDescriptionSource(str(file))
    arguments = source.get_launch_description(context).get_launch_arguments()
    assert {argument.name for argument in arguments} == ANYWHERE
    assert all(len(argument.description) > 10 for argument in arguments)


@pytest.mark.skipif(shutil.which("colcon") is None, reason="no colcon")
@pytest.mark.skipif(
    not AMENT.is_dir() and "AMENT_PREFIX_PATH" not in os.environ, reason="no ament_cmake_core"
)
@pytest.mark.parametrize("how", [(), ("--symlink-install",)], ids=["copied", "linked"])
def test_colcon_builds_it_into_its_place(tmp_path: Path, how: tuple[str, ...]) -> None:
    shutil.copytree(LAUNCH, tmp_path / "src" / "launch")
    prefix = os.environ.get("AMENT_PREFIX_PATH", "") or sys.prefix
    environment = os.environ | {"AMENT_PREFIX_PATH": prefix, "CMAKE_PREFIX_PATH": prefix}
    command = ["colcon", "build", *how]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    installed = tmp_path / "install" / "robot_rl_launch" / "share"
    marker = installed / "ament_index" / "resource_index" / "packages" / "robot_rl_launch"
    assert marker.is_file()
    found = {path.name for path in (installed / "robot_rl_launch" / "launch").iterdir()}
    assert found == {file.name for file in LAUNCH_FILES}
    assert all(
        (installed / "robot_rl_launch" / "launch" / name).is_symlink() == bool(how)
        for name in found
    )
    assert (installed / "robot_rl_launch" / "config" / "nodes.yaml").is_file()
