"""The environment contract on a robot: real nodes, real DDS, the twin behind them."""

from collections.abc import Iterator

import numpy as np
import pytest

pytest.importorskip("rclpy")
pytest.importorskip("pybullet")

from hardware.env import HardwareEnv
from robot_rl.check_env import check_env
from robot_rl.demonstrations import trembling
from robot_rl.environments import make_env
from tests.ros.conftest import Graph

pytestmark = pytest.mark.domain(20)


@pytest.fixture
def env(graph: Graph) -> Iterator[HardwareEnv]:
    graph.start("arm_node", task="reach")
    graph.start("twin_camera_node", task="reach")
    graph.start("safety_node")
    with make_env("robot", task="reach", cameras=("front", "wrist"), timeout=20.0) as made:
        assert isinstance(made, HardwareEnv)
        yield made


def test_the_twin_over_ros_keeps_the_contract_of_environments(env: HardwareEnv) -> None:
    with pytest.warns(UserWarning, match="no episode ended"):
        check_env(env, steps=30, deterministic=False)


def test_an_expert_reaches_over_ros_what_it_reaches_in_simulation(env: HardwareEnv) -> None:
    rng, step = np.random.default_rng(0), env.reset(seed=3)
    with make_env("reach") as simulated:
        there = simulated.reset(seed=3).observation["state"][0]
    here = step.observation["state"][0]
    np.testing.assert_allclose(here[:3], there[:3], atol=0.006)  # starts, by the same draws
    np.testing.assert_allclose(here[-3:], there[-3:], atol=0.006)  # goals
    while True:
        step = env.step(trembling(env.expert_action(), 0.05, rng))
        rate, ages = step.info["rate"][0], step.info["age"]
        if step.done[0]:
            break
    assert step.terminated[0]
    assert step.info["success"][0]
    assert 18 < rate < 20.5
    assert set(ages) == {"joint_states", "wrench", "images/front", "images/wrist", "extra/goal"}
    assert max(float(age[0]) for age in ages.values()) < 0.2


def test_the_action_as_sent_is_the_action_while_nothing_limits_it(env: HardwareEnv) -> None:
    env.reset(seed=0)
    action = np.array([[0.2, -0.1, 0.1, 0.0, 0.0, 0.1]], np.float32)
    steps = [env.step(action) for _ in range(6)]
    np.testing.assert_allclose(steps[-1].info["action_sent"], action, atol=1e-5)
    assert steps[-1].info["requested"].shape == steps[-1].info["sent"].shape == (1, 7)
    stamps = steps[-1].info["stamps"]
    assert 0 < stamps["command"][0] - stamps["sensor"][0] < 0.2
