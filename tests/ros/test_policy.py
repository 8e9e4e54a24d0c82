"""A saved policy acts on the twin, in a process of its own."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("rclpy")
pytest.importorskip("torch")

from diagnostic_msgs.msg import DiagnosticArray
from std_msgs.msg import Float64MultiArray
from std_srvs.srv import SetBool

from robot_rl.config import SacConfig
from robot_rl.demonstrations import schema_of
from robot_rl.environments import make_env, parse_options
from robot_rl.policy import Policy
from robot_rl.sac import Sac
from tests.ros.conftest import Graph, wait_for

pytestmark = pytest.mark.domain(22)


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Untrained, but a policy, which remembers actions and adds them up."""
    options = ("action_history=1", "leash=2")
    with make_env("twin_reach", **parse_options(options)) as env:
        schema = schema_of(env, "reach", options)
        agent = Sac(env.observation_spec, env.action_spec, SacConfig(return_range=(0, 1)))
    return Policy(agent, schema, {}).save(tmp_path_factory.mktemp("policy") / "reach.policy")


def _values(heard: list[DiagnosticArray], name: str) -> dict[str, str]:
    found = [s for message in list(heard) for s in message.status if s.name == name]
    return {value.key: value.value for value in found[-1].values} if found else {}


def test_a_saved_policy_acts_rests_and_acts_again(graph: Graph, policy: Path) -> None:
    heard = graph.listen(DiagnosticArray, "/diagnostics")
    commands = graph.listen(Float64MultiArray, "arm/commands", 1)
    graph.start("arm_node", task="reach")
    graph.start("safety_node", watch_cameras=False)
    node = graph.start("policy_node", policy=policy)
    steps = wait_for(lambda: int(_values(heard, "/policy").get("policy/steps", 0)), "steps")
    moved = np.ptp([command.data for command in list(commands)], axis=0)
    assert moved.max() > 1e-3

    assert graph.call(SetBool, "policy/run", SetBool.Request(data=False)).success
    wait_for(lambda: any("rests" in s.message for m in list(heard) for s in m.status), "a rest")
    assert graph.call(SetBool, "policy/run", SetBool.Request(data=True)).success
    wait_for(lambda: int(_values(heard, "/policy")["policy/steps"]) > steps + 40, "more steps")
    status, seconds = graph.end(node)
    assert (status, seconds < 2) == (0, True)


def test_a_policy_of_another_task_is_refused_with_the_differences(
    graph: Graph, policy: Path
) -> None:
    node = graph.start("policy_node", policy=policy, task="peg_insert")
    said, _ = node.communicate(timeout=30)
    assert node.returncode == 1
    assert "trained for reach" in said
    assert "observation.state.shape: expected [34], got [39]" in said
