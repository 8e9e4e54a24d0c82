"""Reward on a robot: a person's word by service, and a camera that only the reward sees."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("rclpy")
pytest.importorskip("pybullet")
pytest.importorskip("torch")

from std_srvs.srv import Trigger

from hardware.env import HardwareEnv
from robot_rl.classifier import SuccessClassifier
from robot_rl.classifier_network import SuccessNetwork
from robot_rl.env import Info, Step
from robot_rl.environments import make_env
from tests.ros.conftest import Graph

pytestmark = pytest.mark.domain(70)


@pytest.fixture
def env(graph: Graph, tmp_path: Path) -> Iterator[HardwareEnv]:
    for node in ("arm_node", "twin_camera_node"):
        graph.start(node, task="reach")
    graph.start("safety_node")
    never = SuccessClassifier(SuccessNetwork(["front"], 16), 16, threshold=1.0)
    never.save(tmp_path / "never.classifier")
    (tmp_path / "rewards.yaml").write_text(
        "- kind: label\n- kind: classifier\n  file: never.classifier\n"
    )
    rewards = str(tmp_path / "rewards.yaml")
    with make_env("robot", task="reach", rewards=rewards, timeout=20.0) as made:
        assert isinstance(made, HardwareEnv)
        yield made


def _until_done(env: HardwareEnv) -> tuple[Step, list[float]]:
    """Holds still until the episode ends; the last step, and the scores on the way."""
    scores: list[float] = []
    for _ in range(40):
        step = env.step(env.action_spec.zeros(1))
        scores.append(float(step.info[Info.READINGS]["classifier/score"][0]))
        if step.done[0]:
            return step, scores
    raise AssertionError("the episode did not end")


def test_a_person_judges_and_the_task_only_knows(env: HardwareEnv, graph: Graph) -> None:
    assert env.observation_spec.keys() == {"state"}
    env.reset(seed=0)
    assert graph.call(Trigger, "record/success").success
    won, scores = _until_done(env)
    assert (won.terminated[0], won.info[Info.SUCCESS][0], won.reward[0]) == (True, True, 1)
    assert not won.info[Info.TRUE_SUCCESS][0]
    assert np.isfinite(scores).all()
    assert [(k, v.shape) for k, v in won.info[Info.JUDGED].items()] == [
        ("images/front", (1, 128, 128, 3))
    ]
    assert graph.call(Trigger, "record/failure").success
    lost, _ = _until_done(env)
    assert (lost.terminated[0], lost.info[Info.SUCCESS][0], lost.reward[0]) == (True, False, 0)
    env.label(success=True)
    assert _until_done(env)[0].reward[0] == 1


def test_a_camera_that_the_robot_lacks_is_refused(env: HardwareEnv, tmp_path: Path) -> None:
    other = SuccessClassifier(SuccessNetwork(["top"], 16), 16)
    other.save(tmp_path / "never.classifier")
    with pytest.raises(ValueError, match="twin has no camera 'top'; choose from front, wrist"):
        make_env("robot", task="reach", rewards=str(tmp_path / "rewards.yaml"))
