"""``launch/`` is a ROS package and never a Python one: it would hide ROS's own ``launch``."""

import ast
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LAUNCH = ROOT / "launch"
LAUNCH_FILES = sorted(LAUNCH.rglob("*.py"))


def test_nothing_makes_launch_importable() -> None:
    assert not list(LAUNCH.rglob("__init__.py"))
    assert not (ROOT / "launch.py").exists()


def test_colcon_finds_only_the_launch_package() -> None:
    # A package.xml or setup.py at the root would make colcon build, and break on, the whole.
    assert [path.parent for path in ROOT.glob("*/package.xml")] == [LAUNCH]
    assert not any((ROOT / name).exists() for name in ("package.xml", "setup.py", "setup.cfg"))


def test_the_ros_package_has_one_name_and_installs_every_launch_file() -> None:
    manifest = ElementTree.parse(LAUNCH / "package.xml").getroot()
    cmake = (LAUNCH / "CMakeLists.txt").read_text()
    assert manifest.findtext("name") == "robot_rl_launch"
    assert "project(robot_rl_launch " in cmake
    assert all(file.name in cmake for file in LAUNCH_FILES)


@pytest.mark.parametrize("file", LAUNCH_FILES, ids=lambda file: file.name)
def test_launch_files_import_only_launch_and_start_console_scripts(file: Path) -> None:
    tree = ast.parse(file.read_text())
    modules = {
        name.partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (
            [a.name for a in node.names] if isinstance(node, ast.Import) else [node.module or ""]
        )
    }
    assert file.name.endswith(".launch.py")
    assert modules <= {"launch", "launch_ros"}
    assert any(
        isinstance(node, ast.FunctionDef) and node.name == "generate_launch_description"
        for node in tree.body
    )
