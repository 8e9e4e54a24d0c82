"""A scripted person over the whole real path: their hand, teleop, safety, arm, and what is told."""

from collections.abc import Iterator

import numpy as np
import pytest

pytest.importorskip("rclpy")
pytest.importorskip("pybullet")

from std_msgs.msg import Bool

from hardware.env import HardwareEnv
from hardware.ros.names import DEADMAN
from robot_rl.env import Info, Step
from robot_rl.environments import make_env
from tests.ros.conftest import Graph, wait_for

pytestmark = pytest.mark.domain(78)
STATE = slice(0, 3)
"""Of the tool, in the observation."""


@pytest.fixture
def env(graph: Graph) -> Iterator[HardwareEnv]:
    for node in ("arm_node", "twin_camera_node"):
        graph.start(node, task="reach")
    graph.start("safety_node")
    graph.start("teleop_node", deadman_button=-1)
    # Who always does well, soon, and for as long as it takes.
    graph.start("person_node", task="reach", skill=1.0, longest=20.0, enough=1.0)
    with make_env("robot", task="reach", horizon=400, timeout=20.0) as made:
        assert isinstance(made, HardwareEnv)
        yield made


def test_a_person_takes_over_from_a_policy_that_stands_still_and_lets_go_after_it(
    graph: Graph, env: HardwareEnv
) -> None:
    held = graph.listen(Bool, DEADMAN)
    still = np.zeros((1, *env.action_spec.shape), np.float32)
    first = env.reset(seed=3)
    wait_for(lambda: graph.node.count_publishers("teleop/enable") > 0, "the person")
    steps: list[Step] = []
    while not (steps and steps[-1].done[0]):
        steps.append(env.step(still))
    intervened = np.array([step.info[Info.INTERVENED][0] for step in steps])
    assert intervened.any()
    assert not intervened[0]
    assert steps[-1].info[Info.SUCCESS][0]  # which a policy that stands still has not done
    tools = [step.final_observation["state"][0, STATE] for step in (first, *steps)]
    alone = int(np.argmax(intervened))
    moved = [float(np.linalg.norm(tools[i] - tools[0])) for i in (alone, -1)]
    assert moved[0] < 0.02 < moved[1]
    # What is learned from is what the arm was told, not the zeros of the policy.
    sent = np.array([step.info[Info.ACTION_SENT][0, :3] for step in steps])
    assert np.linalg.norm(sent[intervened], axis=1).max() > 0.1
    # The episode has ended, so nobody holds the arm; and a policy acts alone again.
    wait_for(lambda: held and not held[-1].data, "a person who has let go")
    assert not env.step(still).info[Info.INTERVENED][0]
