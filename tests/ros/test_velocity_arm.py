"""Arms that take joint velocities or twists, over real DDS: they arrive, rest, and stop."""

import signal
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy")
pytest.importorskip("pybullet")

from geometry_msgs.msg import Twist
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64MultiArray

from controllers.reason import Reason
from hardware.contract_file import load_contract
from hardware.env import RATE, HardwareEnv
from hardware.ros import convert
from hardware.timing import ENOUGH
from hardware.topics import Mode
from robot_rl import make_env
from robot_rl.env import Info
from tests.ros.conftest import Graph, wait_for
from tests.ros.safety_rig import repeated

pytestmark = pytest.mark.domain(26)
TWIN = load_contract("twin")
NUMBERS: dict[str, Any] = {
    "Float64MultiArray": (Float64MultiArray, lambda message: np.array(message.data)),
    "Twist": (Twist, convert.vector_of_twist),
}


class Robot:
    """Arm and safety node in one mode, an environment on them, and what is said."""

    def __init__(self, graph: Graph, mode: Mode) -> None:
        self.graph, self.contract = graph, TWIN.with_mode(mode)
        self.arm = graph.start("arm_node", task="reach", mode=mode)
        self.safety = graph.start("safety_node", watch_cameras=False, mode=mode)
        kind, self._numbers = NUMBERS[self.contract.command.type]
        self.sent: list[Any] = graph.listen(kind, self.contract.command.topic, 100)
        self.states: list[Any] = graph.listen(JointState, "joint_states", 100)
        env = make_env("robot", mode=mode, task="reach", cameras=(), timeout=30.0)
        assert isinstance(env, HardwareEnv)
        self.env = env
        self.step = env.reset(3)

    def velocity(self) -> np.ndarray:
        """The newest that was sent."""
        return self._numbers(self.sent[-1])

    def rests(self) -> bool:
        """Whether the joints have stood still in the last tenth of a second."""
        q = np.array([state.position[:7] for state in self.states[-10:]])
        return len(q) == 10 and float(np.ptp(q, axis=0).max()) < 1e-4

    def set_out(self) -> None:
        """Moves the tool, and is then silent."""
        for _ in range(4):
            self.step = self.env.step(np.array([[0, 0, 0.5, 0, 0, 0]]))
        assert not self.rests()


@pytest.fixture(params=["joint_velocity", "cartesian_twist"])
def robot(graph: Graph, request: pytest.FixtureRequest) -> Any:
    one = Robot(graph, request.param)
    yield one
    one.env.close()


def test_it_goes_where_actions_ask_it_to(robot: Robot) -> None:
    successes = repeated(3, lambda: episode(robot))
    assert all(successes)


def episode(robot: Robot) -> bool | None:
    """Whether the expert succeeds; None if a machine with other work kept it from its rate."""
    done = False
    while not done:
        robot.step = robot.env.step(robot.env.expert_action())
        done = bool(robot.step.done[0])
    rate = float(robot.step.info[RATE][0])
    print(f"{rate:.1f} steps per second")
    return bool(robot.step.info[Info.SUCCESS][0]) if rate > ENOUGH * TWIN.rates.policy else None


def test_it_rests_when_nobody_asks_any_more(robot: Robot) -> None:
    robot.set_out()
    wait_for(robot.rests, "an arm at rest")
    assert np.abs(robot.velocity()).max() < 0.01


def test_it_is_told_to_stand_still_when_nobody_knows_where_it_is(robot: Robot) -> None:
    robot.set_out()
    robot.arm.send_signal(signal.SIGSTOP)
    count = len(robot.sent)
    wait_for(lambda: len(robot.sent) > count and not robot.velocity().any(), "a standstill")
    robot.arm.send_signal(signal.SIGCONT)
    wait_for(robot.rests, "an arm at rest")
    robot.step = robot.env.step(np.zeros((1, 6)))
    assert not Reason(int(robot.step.info["reasons"][0])) & (Reason.FORCE | Reason.STOP)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_it_is_told_to_stand_still_when_the_safety_node_ends(robot: Robot, how: int) -> None:
    """Not every driver has a timeout."""
    robot.set_out()
    status, took = robot.graph.end(robot.safety, how)
    assert status == 0
    assert took < 2
    wait_for(lambda: not robot.velocity().any(), "a standstill")


def test_its_driver_holds_it_when_the_safety_node_is_killed(robot: Robot) -> None:
    robot.set_out()
    robot.safety.send_signal(signal.SIGKILL)
    count = len(robot.states)
    wait_for(lambda: len(robot.states) > count + 10 and robot.rests(), "an arm at rest")
