"""The whole story in small: every part of ``make demo`` runs, and its report is written."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("rclpy")
pytest.importorskip("pybullet")
pytest.importorskip("torch")

from robot_rl.policy import POLICY, Policy
from tests.ros.conftest import ROOT

DOMAIN = "80"
SMALL = ("--steps", "20", "--demonstrations", "4", "--minutes", "0.05", "--episodes", "1")
LONGEST = 900


@pytest.mark.learning
@pytest.mark.timeout(LONGEST + 60)
def test_an_arm_is_shown_simulated_deployed_practises_and_is_reported(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "robot_rl.cli", "demo", "--folder", "demo", *SMALL]
    env = os.environ | {"ROS_DOMAIN_ID": DOMAIN, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command, cwd=tmp_path, env=env, timeout=LONGEST, text=True, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    folder = tmp_path / "demo"
    summary = json.loads((folder / "report.json").read_text())["summary"]
    assert float(summary["minutes of practice there"]) > 0
    assert int(summary["episodes of practice"]) >= 1
    assert (folder / "report.html").stat().st_size > 100_000
    assert {film.name for film in (folder / "films").iterdir()} == {"before.webp", "after.webp"}
    practised = Policy.load(folder / "robot" / POLICY)
    assert practised.origin["steps"] >= 60
