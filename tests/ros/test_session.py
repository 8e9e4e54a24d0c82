"""``robot-rl record`` and ``replay`` on the twin over ROS, by a script and by a person's pad."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

pytest.importorskip("rclpy")
pytest.importorskip("pybullet")

from sensor_msgs.msg import JointState, Joy
from std_msgs.msg import Float64MultiArray
from std_srvs.srv import Trigger

from hardware.contract_file import from_values
from hardware.env import HardwareEnv
from hardware.recording import EpisodeLimits, Recorder
from hardware.robot_replay import Repeated, repeat
from hardware.ros.robot_link import RobotLink
from hardware.session import Session
from robot_rl.cli import main
from robot_rl.config import ReplayConfig
from robot_rl.environments import make_env
from robot_rl.episodes import Episodes
from robot_rl.metadata import Metadata
from robot_rl.robot_replay import replay_on_robot
from robot_rl.robot_step import MEASURED, REWARD
from robot_rl.schema import Schema
from robot_rl.transition import Transition
from tests.ros.conftest import Graph, wait_for

DOMAIN = 51
DEADMAN, LEFT, CLOSE, SUCCESS = 4, 0, 0, 7


class Robot(NamedTuple):
    """The processes that all tests share."""

    graph: Graph
    dataset: Path
    """Recorded by a script."""


@pytest.fixture(scope="module")
def robot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Robot]:
    graph, dataset = Graph(DOMAIN), tmp_path_factory.mktemp("session") / "reach"
    words = ["record", str(dataset), "--robot", "twin", "--env", "reach", "--scripted", "1"]
    try:
        graph.start("arm_node", task="reach")
        graph.start("safety_node", watch_cameras=False)
        assert main([*words, "--noise", "0.03", "--options", "timeout=20"]) == 0
        yield Robot(graph, dataset)
    finally:
        graph.close()


def test_a_scripted_session_leaves_whole_episodes_with_the_contract(robot: Robot) -> None:
    store = Episodes(robot.dataset)
    assert store.verify() == []
    assert store.schema.env == "robot"
    assert from_values(store.schema.contract["robot"]).name == "twin"
    assert store.schema.contract["options"][:2] == ["robot=twin", "task=reach"]
    episode = next(one for one in store if one.metadata.success)
    metadata, extra = episode.metadata, episode.extra
    assert metadata.fps_declared == pytest.approx(20)
    assert metadata.fps_achieved is not None
    assert ("rate" in metadata.labels) == (metadata.fps_achieved < 19)
    assert metadata.operator == "script"
    assert extra["sent"].shape == extra["requested"].shape == (len(episode), 7)
    assert extra[f"{MEASURED}joint_states"].shape == (len(episode), 2, 9)
    terms = [value for name, value in extra.items() if name.startswith(REWARD)]
    np.testing.assert_allclose(np.sum(terms, axis=0), episode.reward, atol=1e-6)
    assert extra[f"{MEASURED}extra/goal"].shape == (len(episode), 7)
    assert (np.diff(episode.sensor_stamp) >= 0).all()
    assert (episode.command_stamp >= episode.sensor_stamp).all()
    assert episode.action.min() < 0 < episode.action.max()


def test_a_replay_goes_through_the_safety_path_and_finds_the_way_again(robot: Robot) -> None:
    requests = robot.graph.listen(JointState, "request", 100)
    numbers = [i for i, one in enumerate(Episodes(robot.dataset)) if one.metadata.success]
    repeated = replay_on_robot(ReplayConfig(robot.dataset, episode=numbers[0]))
    assert isinstance(repeated, Repeated)
    assert repeated.as_recorded
    assert "tracking error" in str(repeated)
    sent = Episodes(robot.dataset)[numbers[0]].extra["sent"]
    asked = np.array([message.position[:7] for message in requests])
    again = sent[: len(repeated.to_command)]
    found = [np.abs(asked - row).max(axis=1).min() < 1e-9 for row in again if np.isfinite(row[0])]
    assert np.mean(found) > 0.8, "what was sent then is asked for now, until the task is done"


def test_an_episode_of_nobodys_task_is_repeated_from_its_joints(robot: Robot) -> None:
    store = Episodes(robot.dataset)
    episode = next(one for one in store if one.metadata.success)
    contract = store.schema.contract
    bare = contract | {"robot": contract["robot"] | {"extra": []}}
    repeated = repeat(episode, replace(store.schema, contract=bare), "twin")
    assert len(repeated.to_command) == repeated.length == len(episode)
    assert np.median(repeated.to_recording) < 0.01


class Pad:
    """A person who holds the deadman, pushes, and presses anew when the arm does not follow."""

    def __init__(self, graph: Graph) -> None:
        self.axes, self.buttons = [0.0] * 8, [0] * 11
        self.reports = graph.listen(JointState, "safety/report")
        self._messages = 0
        self._publisher = graph.node.create_publisher(Joy, "teleop/joy", 10)
        self._timer = graph.node.create_timer(0.05, self._publish)
        wait_for(self._publisher.get_subscription_count, "the teleop node")

    def _publish(self) -> None:
        self._messages += 1
        ignored = not (self.reports and self.reports[-1].position[-1])
        anew = ignored and self._messages % 10 == 0
        buttons = [0] * 11 if anew else self.buttons
        self._publisher.publish(Joy(axes=self.axes, buttons=buttons))


class Counting(Recorder):
    """A recorder that can be asked how much of the episode was a person's."""

    mine = 0

    def add(self, transition: Transition) -> bool:
        self.mine += transition.intervened
        return super().add(transition)


def test_a_person_with_a_pad_is_recorded_and_judges_with_its_buttons(
    robot: Robot, tmp_path: Path
) -> None:
    graph = robot.graph
    graph.start("teleop_node")
    pad = Pad(graph)
    grips = graph.listen(Float64MultiArray, "gripper/commands")
    options = {"robot": "twin", "task": "", "timeout": 20.0}
    with make_env("robot", **options) as env:
        store = Episodes(tmp_path, Schema.of(env, "robot"))
        recorder = Counting(store, Metadata(), EpisodeLimits(gap=10))
        assert isinstance(env, HardwareEnv)
        assert isinstance(env.link, RobotLink)
        session = Session(env, recorder, lambda: None, env.pressed)
        thread = threading.Thread(
            target=session.run, args=(lambda s: s.counts.committed == 1, 0), daemon=True
        )
        thread.start()
        wait_for(lambda: len(recorder) > 3, "steps without anybody")
        pad.buttons[DEADMAN], pad.axes[LEFT] = 1, 1.0
        wait_for(lambda: recorder.mine > 10, "a person")
        pad.buttons[CLOSE] = 1
        wait_for(lambda: grips and grips[-1].data[0] == 0, "a closing gripper")
        before = recorder.mine
        wait_for(lambda: recorder.mine > before + 10, "more of the person")
        assert graph.call(Trigger, "record/success").success
        pad.buttons, pad.axes = [0] * 11, [0.0] * 8
        thread.join(20)
        assert not thread.is_alive()
    [episode] = Episodes(tmp_path)
    assert episode.metadata.success is True
    assert episode.metadata.intervention_ratio is not None
    assert 0 < episode.metadata.intervention_ratio < 1
    mine = episode.intervened
    assert mine.sum() > 20
    assert episode.action[mine, 1].mean() > 0.3, "to the left, as the person pushed"
    assert episode.action[mine][-1, 6] == -1, "and with the gripper closed"
    assert np.isnan(episode.extra["requested"][~mine][:2]).all(), "nobody had asked"
    assert np.isfinite(episode.extra["requested"][mine][2:]).all()
