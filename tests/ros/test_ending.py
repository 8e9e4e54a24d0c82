"""Every node ends on request within two seconds and without an error."""

import signal
from pathlib import Path

import pytest

pytest.importorskip("rclpy")
pytest.importorskip("pybullet")

from diagnostic_msgs.msg import DiagnosticArray

from tests.ros.conftest import Graph, wait_for

pytestmark = pytest.mark.domain(73)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_nodes_beside_the_arm_end_at_once(graph: Graph, tmp_path: Path, how: int) -> None:
    healths = graph.listen(DiagnosticArray, "/diagnostics")
    nodes = {
        "/controller": graph.start("controller_node", robot="twin_cartesian"),
        "/page": graph.start("page_node", task="reach", port=0),
        "/person": graph.start("person_node", task="reach"),
        "/recorder": graph.start("recorder_node", dataset=tmp_path / "episodes"),
        "/teleop": graph.start("teleop_node"),
    }
    wait_for(
        lambda: nodes.keys() <= {status.name for health in healths for status in health.status},
        f"a word from each of {', '.join(nodes)}",
    )
    for name, process in nodes.items():
        status, took = graph.end(process, how)
        assert (name, status) == (name, 0)
        assert took < 2, name
