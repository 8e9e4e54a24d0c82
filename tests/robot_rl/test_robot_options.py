"""What a user types goes before what is usual, and stands in one place."""

from pathlib import Path

import pytest

from robot_rl.config import DeployConfig
from robot_rl.robot_options import robot_options

POLICY = Path("peg.policy")


def test_what_is_typed_goes_before_what_is_usual() -> None:
    config = DeployConfig(POLICY, namespace="left", start=True, options=("leash=1", "linger=2"))
    assert robot_options(config, "reach", leash=2.0, horizon=9) == {
        "robot": "twin",
        "namespace": "left",
        "task": "reach",
        "timeout": 30.0,
        "leash": 1,
        "linger": 2,
        "horizon": 9,
    }


def test_what_has_its_own_place_is_refused_among_the_options() -> None:
    config = DeployConfig(POLICY, options=("task=reach",))
    with pytest.raises(ValueError, match="task is typed by itself; take it out"):
        robot_options(config, "reach")
