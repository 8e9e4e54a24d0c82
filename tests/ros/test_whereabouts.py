"""Whoever looks for a twin finds it, on this machine or in the subnet, if nobody has said where."""

import os
import time

import pytest

pytest.importorskip("rclpy")

from hardware.discovery_range import RANGE
from hardware.ros.whereabouts import RANGES, look_where_it_is
from tests.ros.conftest import PATIENCE, Graph

pytestmark = pytest.mark.domain(29)


@pytest.mark.parametrize("there", RANGES)
def test_a_twin_is_looked_for_where_it_is(
    graph: Graph, there: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph.environment[RANGE] = there
    graph.start("safety_node", watch_cameras=False)
    monkeypatch.delenv(RANGE)
    look_where_it_is(robot="ur5e")
    assert RANGE not in os.environ
    began = time.monotonic()
    look_where_it_is(patience=PATIENCE)
    assert time.monotonic() - began < PATIENCE
    assert os.environ[RANGE] == there


def test_what_the_user_has_chosen_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(RANGE, "SUBNET")
    look_where_it_is()
    assert os.environ[RANGE] == "SUBNET"
