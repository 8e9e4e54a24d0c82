"""``robot-rl up`` for real: the command, its processes, and what is on the wire."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("rclpy")

from sensor_msgs.msg import Image, JointState

from hardware.ros.qos import profile
from hardware.topics import SENSOR
from tests.ros.conftest import PATIENCE, ROOT, Graph, wait_for

pytestmark = pytest.mark.domain(45)
NODES = ("arm", "twin_camera", "safety")


class Up:
    """The running command."""

    def __init__(self, graph: Graph, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "robot_rl.cli", "up", *arguments],
            cwd=ROOT,
            env=graph.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def children(self) -> dict[str, int]:
        """Process ids of the nodes, by node."""
        found = {}
        for folder in Path("/proc").glob("[0-9]*"):
            parent, command = parent_and_command(folder)
            if parent == self.process.pid:
                found |= {node: int(folder.name) for node in NODES if f"__node:={node}" in command}
        return found

    def end(self, number: int) -> tuple[int, str, float]:
        """Exit status, what was said, and how long the end took [s]."""
        began = time.monotonic()
        self.process.send_signal(number)
        said, _ = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, said, time.monotonic() - began


@pytest.fixture
def up(graph: Graph) -> Iterator[Up]:
    one = Up(graph, "--robot", "twin", "--namespace", "left")
    yield one
    if one.process.poll() is None:
        one.end(signal.SIGINT)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_twin_comes_up_and_one_signal_ends_all_of_it(
    graph: Graph, up: Up, number: signal.Signals
) -> None:
    states = graph.listen(JointState, "/left/joint_states", profile(SENSOR))
    images = graph.listen(Image, "/left/front/image_raw", profile(SENSOR))
    wait_for(lambda: states and images, "joint states and an image")
    wait_for(lambda: set(NODES) <= names(graph, "/left"), "all nodes in the graph")
    assert "finger_joint1" in states[-1].name
    children = up.children()
    assert set(children) == set(NODES)

    status, said, took = up.end(number)
    assert status == 0, said
    assert took < 4
    assert not [pid for pid in children.values() if Path(f"/proc/{pid}").exists()]
    assert "namespace /left/" in said
    assert "/left/front/image_raw" in said


def test_a_node_that_is_killed_is_named_and_ends_the_rest(up: Up) -> None:
    wait_for(lambda: set(up.children()) == set(NODES), "all processes")
    children = up.children()
    os.kill(children["safety"], signal.SIGKILL)
    said, _ = up.process.communicate(timeout=PATIENCE)
    assert up.process.returncode == 1
    assert "safety ended by itself, killed by SIGKILL, and all others were ended" in said
    assert not [pid for pid in children.values() if Path(f"/proc/{pid}").exists()]


def names(graph: Graph, namespace: str) -> set[str]:
    found = graph.node.get_node_names_and_namespaces()
    return {name for name, where in found if where == namespace}


def parent_and_command(folder: Path) -> tuple[int, str]:
    try:
        parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        return parent, (folder / "cmdline").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0, ""
