"""The environment contract on a robot: real nodes, real DDS, the twin behind them."""

import time
from collections.abc import Iterator
from itertools import islice
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy")
pytest.importorskip("pybullet")

from controllers.reason import Reason
from hardware.contract_file import load_contract
from hardware.env import CHANGED, HardwareEnv
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
    with make() as made:
        yield made


def make(**options: Any) -> HardwareEnv:
    made = make_env("robot", task="reach", cameras=("front", "wrist"), timeout=20.0, **options)
    assert isinstance(made, HardwareEnv)
    return made


def test_the_twin_over_ros_keeps_the_contract_of_environments(env: HardwareEnv) -> None:
    with pytest.warns(UserWarning, match="no episode ended"):
        check_env(env, steps=30, deterministic=False)


def test_an_expert_reaches_over_ros_what_it_reaches_in_simulation(env: HardwareEnv) -> None:
    with make_env("reach") as simulated:
        there = simulated.reset(seed=3).observation["state"][0]
    rng, step = np.random.default_rng(0), env.reset(seed=3)
    began, steps, seconds = time.monotonic(), 0, 0.0
    here = step.observation["state"][0]
    np.testing.assert_allclose(here[:3], there[:3], atol=0.006)  # starts, by the same draws
    np.testing.assert_allclose(here[-3:], there[-3:], atol=0.006)  # goals
    while not step.done[0]:
        step, steps = env.step(trembling(env.expert_action(), 0.05, rng)), steps + 1
        if not step.done[0]:
            seconds = time.monotonic() - began
    assert step.terminated[0]
    assert step.info["success"][0]
    ages, rate = step.info["age"], step.info["rate"][0]
    assert rate < 20.5
    assert rate == pytest.approx((steps - 1) / seconds, rel=0.2)
    assert set(ages) == {"joint_states", "wrench", "images/front", "images/wrist", "extra/goal"}
    assert max(float(age[0]) for age in ages.values()) < 0.2


def test_the_action_as_sent_is_the_action_while_nothing_limits_it(env: HardwareEnv) -> None:
    action = np.array([[0.2, -0.1, 0.1, 0.0, 0.0, 0.1]], np.float32)
    free = list(islice(free_steps(env, action), 20))
    assert len(free) == 20, "the machine is too busy to measure anything"
    for info in free:
        np.testing.assert_allclose(info["action_sent"], action, atol=1e-5)
        assert info["requested"].shape == info["sent"].shape == (1, 7)
        assert 0 < info["stamps"]["command"][0] - info["stamps"]["sensor"][0] < 0.2


def test_what_is_asked_for_late_has_its_period_all_the_same(env: HardwareEnv) -> None:
    action = np.array([[0, 0, 0.5, 0, 0, 0]], np.float32)
    env.reset(seed=0)
    late, told = env.late_steps, []
    for _ in range(10):
        env.step(action)
        time.sleep(2.5 * env.dt)
        told.append(env.step(action).info)
    assert env.late_steps - late >= 10
    # A busy machine may keep one of them back.
    assert sum(bool(np.isfinite(info["requested"]).all()) for info in told) >= 9
    reported = [bool(np.isfinite(info["sent"]).any()) for info in told]
    assert sum(reported) >= 9, "nobody looked at what the safety node said"


def test_without_a_task_actions_aim_where_the_contract_lets_them(graph: Graph) -> None:
    graph.start("arm_node", task="reach")
    graph.start("safety_node", watch_cameras=False)
    limits = load_contract("twin").limits
    with make_env("robot", task="", timeout=20.0) as env:
        assert isinstance(env, HardwareEnv)
        assert env.config.workspace == tuple(
            tuple(corner.tolist()) for corner in (limits.workspace_lower, limits.workspace_upper)
        )
        state = env.reset().observation["state"][0]
    np.testing.assert_allclose(state[3:6], 0, atol=0.3)
    elsewhere = ((-0.6, -0.3, 0.0), (-0.3, 0.3, 0.6))
    with make_env("robot", task="", timeout=20.0, workspace=elsewhere) as env:
        env.reset()
        env.step(np.full((1, *env.action_spec.shape), np.nan))  # A person may move it from there.
        with pytest.raises(RuntimeError, match=r"twin cannot begin: .* outside of \(-0.6"):
            env.step(env.action_spec.zeros(1))


def test_who_presses_too_hard_has_failed(graph: Graph) -> None:
    graph.start("arm_node", task="peg_insert")
    graph.start("safety_node", watch_cameras=False)
    with make_env("robot", task="peg_insert", timeout=20.0) as env:
        env.reset(seed=0)
        step = env.step(down := np.array([[0, 0, -1.0, 0, 0, 0]]))
        while not step.done[0]:
            step = env.step(down)
    assert (step.terminated[0], step.truncated[0], step.info["success"][0]) == (True, False, False)


def free_steps(env: HardwareEnv, action: np.ndarray) -> Iterator[dict[str, Any]]:
    """What is told of steps with an action that nothing holds up.

    A busy machine has the arm held, which is in the reasons, or cameras that bring nothing new.
    """
    before = -np.inf
    for number in range(300):
        if number % 30 == 0:  # well inside the workspace
            env.reset(seed=0)
        info = env.step(action).info
        sensor, reasons = info["stamps"]["sensor"][0], Reason(int(info["reasons"][0]))
        if sensor > before + env.dt / 2 and not reasons & CHANGED:
            yield info
        before = sensor


def test_pictures_that_stand_apart_do_not_make_the_state_as_old_as_they_are(
    env: HardwareEnv,
) -> None:
    together = age_of_joints(env)
    with make(apart=True) as other:
        apart = age_of_joints(other)
    print(f"age of the joints: {1e3 * together:.0f} ms, with pictures apart {1e3 * apart:.0f} ms")
    assert apart < together


def age_of_joints(env: HardwareEnv) -> float:
    """Median over some steps [s]."""
    env.reset(seed=0)
    infos = [env.step(np.zeros((1, 6), np.float32)).info for _ in range(20)]
    return float(np.median([info["age"]["joint_states"][0] for info in infos]))
