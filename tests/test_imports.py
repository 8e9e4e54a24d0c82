"""Who imports whom. The tables are the house's; the checker reads the sources, it runs none."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import robot_rl

ROOT = Path(__file__).parents[1]

RECORDED = (
    *("robot_rl.episodes", "robot_rl.metadata", "robot_rl.robot_step", "robot_rl.schema"),
    *("robot_rl.takeovers", "robot_rl.transition"),
)
"""What an episode is made of; hardware's recorder writes the same store as everybody."""

REWARDS = ("robot_rl.reward", "robot_rl.reward_file", "robot_rl.reward_sources")
"""What judges a step, of a simulator's as of a robot's; numpy alone, until a file asks for more."""

SEEN = ("robot_rl.env", "robot_rl.crop", "robot_rl.depth")
"""What is observed, of simulators as of robots; numpy alone."""

MAY_IMPORT = {
    "controllers": ("controllers",),
    "robot_rl": ("robot_rl", "controllers"),
    "sim": ("sim", *SEEN, *REWARDS, "controllers"),
    "hardware": ("hardware", *SEEN, *REWARDS, "controllers", *RECORDED),
}
"""First-party modules, at load or later; what is not listed goes by a lazy name from a table."""

NEVER_AT_LOAD = {
    "controllers": ("torch", "zarr", "cv2", "pybullet", "gymnasium"),
    "robot_rl": ("mujoco", "mujoco_warp", "pybullet", "isaacgym", "isaaclab", "cv2"),
    "sim": ("torch", "zarr", "cv2", "gymnasium"),
    "hardware": ("torch", "zarr", "mujoco", "pybullet", "isaacgym", "isaaclab"),
}

ONLY_IN_ROS = (
    *("rclpy", "rcl_interfaces", "builtin_interfaces", "rosgraph_msgs", "diagnostic_msgs"),
    *("std_msgs", "std_srvs", "sensor_msgs", "geometry_msgs", "trajectory_msgs"),
)
"""What only the modules of hardware/ros may import."""


def _imports(tree: ast.AST, at_load: bool = True) -> Iterator[tuple[int, str, bool]]:
    """Line, module and whether it is imported at load, for every import outside TYPE_CHECKING."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name, at_load) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from ((node.lineno, f"{node.module}.{a.name}", at_load) for a in node.names)
        elif not (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"):
            function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from _imports(node, at_load and not function)


def _within(module: str, packages: tuple[str, ...]) -> bool:
    return any(f"{module}.".startswith(f"{package}.") for package in packages)


def violations(root: Path) -> list[str]:
    """``file:line imports module`` for each import that the tables do not allow."""
    found = []
    for package, allowed in MAY_IMPORT.items():
        for path in sorted((root / package).rglob("*.py")):
            for line, module, at_load in _imports(ast.parse(path.read_text())):
                first_party = _within(module, tuple(MAY_IMPORT))
                if (
                    (first_party and not _within(module, allowed))
                    or (at_load and _within(module, NEVER_AT_LOAD[package]))
                    or (_within(module, ONLY_IN_ROS) and path.parent != root / "hardware" / "ros")
                ):
                    found.append(f"{path.relative_to(root)}:{line} imports {module}")
    return found


def test_imports_follow_the_house() -> None:
    assert violations(ROOT) == []


@pytest.mark.parametrize(
    ("file", "source", "seen"),
    [
        ("robot_rl/a.py", "import torch", False),
        ("robot_rl/a.py", "def f():\n    from sim.mujoco_env import MujocoEnv", True),
        ("robot_rl/a.py", "import mujoco.rollout", True),
        ("robot_rl/a.py", "def f():\n    import mujoco", False),
        ("controllers/a.py", "from robot_rl.env import Step", True),
        ("sim/a.py", "from robot_rl.env import Step", False),
        ("sim/a.py", "from robot_rl.environments import make_env", True),
        ("sim/a.py", "from robot_rl import replay", True),
        (
            "sim/a.py",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import torch",
            False,
        ),
        ("hardware/a.py", "class A:\n    import torch", True),
        ("hardware/a.py", "from robot_rl.episodes import Episodes", False),
        ("hardware/a.py", "from robot_rl.demonstrations import record", True),
        ("hardware/arm.py", "def f():\n    import rclpy.node", True),
        ("hardware/ros/arm_node.py", "import rclpy", False),
        ("hardware/ros/arm_node.py", "from sim import panda", True),
    ],
)
def test_the_checker_sees_what_the_tables_forbid(
    tmp_path: Path, file: str, source: str, seen: bool
) -> None:
    path = tmp_path / file
    path.parent.mkdir(parents=True)
    path.write_text(source)
    assert bool(violations(tmp_path)) is seen


def _loaded_by(statement: str) -> set[str]:
    """Top-level modules in a fresh interpreter after ``statement``."""
    code = f"{statement}\nimport sys\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_import_robot_rl_loads_numpy_and_nothing_heavy() -> None:
    loaded = _loaded_by("import robot_rl")
    assert "numpy" in loaded
    assert not loaded & {"torch", "zarr", "mujoco", "scipy", "gymnasium", "cv2", "tyro", "sim"}


def test_importing_the_other_packages_loads_no_engine() -> None:
    loaded = _loaded_by("import sim, hardware, controllers")
    assert not loaded & {"torch", "rclpy", "cv2", "pybullet", "isaacgym", "robot_rl"}


@pytest.mark.parametrize("name", robot_rl.__all__)
def test_every_exported_name_is_there(name: str) -> None:
    assert getattr(robot_rl, name) is not None


def test_check_env_is_the_function_even_after_its_module_was_imported() -> None:
    code = "import robot_rl.check_env, robot_rl; assert callable(robot_rl.check_env)"
    assert "robot_rl" in _loaded_by(code)


def test_a_wrong_name_is_answered_with_the_right_ones() -> None:
    with pytest.raises(AttributeError, match=r"no attribute 'Sacc'; choose from .*'Sac'"):
        _ = robot_rl.Sacc  # pyright: ignore[reportAttributeAccessIssue]
