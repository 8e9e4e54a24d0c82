"""Twin, safety node and recorder as processes; the test is the policy, and asks for episodes."""

import json
import random
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

pytest.importorskip("rclpy")

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.serialization import deserialize_message
from sensor_msgs.msg import Image, JointState
from std_srvs.srv import SetBool, Trigger

from controllers.reason import Reason
from hardware.contract_file import from_values, load_contract
from hardware.ros import convert
from hardware.ros.qos import profile
from hardware.ros.question import Question
from hardware.topics import SENSOR
from robot_rl.episode import Episode
from robot_rl.episodes import Episodes
from tests.forked import Forked
from tests.ros.conftest import RETRY, Graph, wait_for

DOMAIN = 50
ARM = [f"joint{i}" for i in range(1, 8)]


class Policy:
    """Asks for a slow swing of the arm at 20 Hz, and sometimes for more than the limits allow."""

    def __init__(self, graph: Graph) -> None:
        states = graph.listen(JointState, "joint_states")
        wait_for(lambda: states, "joint states")
        self._q = np.array(states[-1].position[:7])
        self._publisher = graph.node.create_publisher(JointState, "request", 1)
        wait_for(self._publisher.get_subscription_count, "the safety node")
        self._clock = graph.node.get_clock()
        self.jump = 0.0

    def ask(self) -> None:
        now = 1e-9 * self._clock.now().nanoseconds
        target = self._q + 0.05 * np.sin(now) + self.jump
        self._publisher.publish(convert.joint_state(now, [*ARM, "gripper"], np.r_[target, 0.02]))

    @contextmanager
    def acting(self) -> Iterator[None]:
        ending = threading.Event()

        def act() -> None:
            while not ending.wait(0.05):
                self.ask()

        thread = threading.Thread(target=act)
        thread.start()
        try:
            yield
        finally:
            ending.set()
            thread.join()


class Robot(NamedTuple):
    """The processes that all tests share, and who asks them."""

    graph: Graph
    policy: Policy
    health: list[DiagnosticArray]


@pytest.fixture(scope="module")
def robot() -> Iterator[Robot]:
    graph = Graph(DOMAIN)
    try:
        graph.start("arm_node")
        graph.start("safety_node", watch_cameras=False)
        yield Robot(graph, Policy(graph), graph.listen(DiagnosticArray, "/diagnostics"))
    finally:
        graph.close()


@contextmanager
def recorder(robot: Robot, dataset: Path, *remaps: str, **parameters: Any) -> Iterator[Forked]:
    parameters = {"dataset": str(dataset), "max_gap": 10.0} | parameters  # the machine is loaded
    process = robot.graph.start("recorder_node", *remaps, **parameters)
    try:
        with robot.policy.acting():
            yield process
    finally:
        robot.graph.end(process)


def record(graph: Graph, running: bool) -> Any:
    return graph.call(SetBool, "record", SetBool.Request(data=running))


def committed(dataset: Path, number: int) -> list[Episode]:
    wait_for(lambda: len(list(dataset.glob("episodes/0*"))) == number, f"episode {number}")
    return list(Episodes(dataset))


def transitions(robot: Robot) -> int:
    """Of the running episode, as the recorder itself says once a second."""
    return told(robot, "transitions")


def told(robot: Robot, key: str) -> int:
    """The newest number that the recorder has told under a key; 0 before it told any."""
    for array in reversed(robot.health):
        for status in array.status:
            if status.name == "/recorder":
                return int(next(v.value for v in status.values if v.key == key))
    return 0


def wait_until_recorded(robot: Robot, number: int) -> None:
    robot.health.clear()
    wait_for(lambda: transitions(robot) >= number, f"{number} transitions")


def test_what_others_do_is_recorded_from_the_topics(robot: Robot, tmp_path: Path) -> None:
    graph, policy, _ = robot
    camera = graph.start("twin_camera_node", cameras=["wrist"])
    images = graph.listen(Image, "wrist/image_raw", profile(SENSOR))
    with recorder(robot, tmp_path, cameras=["wrist"], mcap=True, task="swing", operator="test"):
        wait_for(lambda: len(images) > 5, "pictures")
        assert record(graph, True).success
        wait_until_recorded(robot, 15)
        policy.jump = 3.0
        wait_until_recorded(robot, transitions(robot) + 15)
        policy.jump = 0.0
        assert graph.call(Trigger, "record/success").success
        [episode] = committed(tmp_path, 1)
    graph.end(camera)
    check_store(Episodes(tmp_path))
    check_episode(episode)
    check_raw(tmp_path / episode.metadata.labels["raw"], episode)


def check_store(store: Episodes) -> None:
    assert store.verify() == []
    contract = from_values(store.schema.contract)
    assert contract.limits.dq.tolist() == load_contract("twin").limits.dq.tolist()
    assert [camera.name for camera in contract.cameras] == ["wrist"]
    assert store.schema.dt == pytest.approx(0.05)
    assert store.schema.action.names == (*ARM, "gripper")


def check_episode(episode: Episode) -> None:
    metadata, extra = episode.metadata, episode.extra
    assert len(episode) > 15
    assert (metadata.task, metadata.operator, metadata.success) == ("swing", "test", True)
    assert metadata.fps_declared == pytest.approx(20)
    assert metadata.fps_achieved is not None
    assert ("rate" in metadata.labels) == (metadata.fps_achieved < 19)
    assert episode.observation["images/wrist"].shape == (len(episode) + 1, 128, 128, 3)
    assert len(np.unique(episode.observation["images/wrist"][0])) > 10, "a picture of something"
    assert np.isfinite(episode.observation["state"]).all()
    sent = np.isfinite(extra["sent"]).all(axis=1)
    np.testing.assert_allclose(episode.action[sent, :7], extra["sent"][sent], atol=1e-6)
    asked = np.isfinite(extra["requested"]).all(axis=1)
    np.testing.assert_allclose(
        episode.policy_action[asked, :7], extra["requested"][asked], atol=1e-6
    )
    assert episode.action[-1, 7] == pytest.approx(0.02)
    check_stamps(episode)
    check_limits(episode)


def check_stamps(episode: Episode) -> None:
    latency = episode.command_stamp - episode.sensor_stamp
    assert (np.diff(episode.sensor_stamp) >= 0).all()
    assert (np.diff(episode.command_stamp) >= 0).all()
    assert (latency > 0).all()
    assert np.median(latency) < 0.3


def check_limits(episode: Episode) -> None:
    """The jump was asked, never sent, and why is said."""
    limits, extra = load_contract("twin").limits, episode.extra
    assert np.nanmax(extra["requested"][:, 6]) > limits.q_upper[6]
    assert np.nanmax(extra["sent"][:, 6]) <= limits.q_upper[6]
    assert any(Reason.POSITION in Reason(int(reasons)) for reasons in extra["reasons"])
    shift, times = np.abs(np.diff(extra["sent"], axis=0)), np.diff(episode.command_stamp)
    moved = times > 0
    assert np.nanmax(shift[moved] / times[moved, None] / limits.dq) < 1.1


def check_raw(path: Path, episode: Episode) -> None:
    """Two independent readers and rclpy itself agree with each other and with the episode."""
    from mcap.reader import make_reader
    from mcap_ros2.decoder import DecoderFactory
    from rosbags.highlevel import AnyReader
    from rosbags.typesys import Stores, get_typestore

    with path.open("rb") as file:
        reader = make_reader(file, decoder_factories=[DecoderFactory()])
        assert reader.get_header().profile == "ros2"
        [found] = [m for m in reader.iter_metadata() if m.name == "robot_rl"]
        assert json.loads(found.metadata["contract"])["name"] == "twin"
        assert found.metadata["episode"] == episode.metadata.uuid
        decoded = list(reader.iter_decoded_messages())
    topics = {channel.topic for _, channel, _, _ in decoded}
    assert topics >= {"/joint_states", "/wrist/image_raw", "/arm/commands", "/safety/report"}
    assert topics >= {"/request", "/gripper/commands", "/block/pose", "/wrench"}
    with AnyReader([path], default_typestore=get_typestore(Stores.ROS2_KILTED)) as bag:
        others: list[Any] = [
            (c.topic, stamp, bag.deserialize(data, c.msgtype))
            for c, stamp, data in bag.messages(bag.connections)
        ]
    assert len(others) == len(decoded)
    mine: list[Any] = sorted(
        ((c.topic, m.log_time, o, m.data) for _, c, m, o in decoded), key=by_time
    )
    for (topic, stamp, one, data), (name, when, other) in zip(
        mine, sorted(others, key=by_time), strict=True
    ):
        assert (topic, stamp) == (name, when)
        if topic == "/joint_states":
            assert list(one.position) == other.position.tolist()
            assert list(one.name) == list(other.name)
            assert len(one.effort) == len(one.velocity) == len(one.position)
        if topic == "/wrist/image_raw":
            assert bytes(one.data) == other.data.tobytes()
            assert bytes(deserialize_message(data, Image).data) == bytes(one.data)
    check_pictures([one for topic, _, one, _ in mine if topic == "/wrist/image_raw"], episode)


def by_time(item: Any) -> tuple[int, str]:
    return item[1], item[0]


def check_pictures(messages: list[Any], episode: Episode) -> None:
    """Every picture of the episode is one of the raw ones, byte for byte.

    But for the newest when it began: who is behind the camera then has seen no other.
    """
    raw = {bytes(message.data) for message in messages}
    frames = [frame.tobytes() for frame in episode.observation["images/wrist"]]
    first = next(i for i, frame in enumerate(frames) if frame in raw)
    assert len(set(frames[:first])) <= 1
    assert set(frames[first:]) <= raw


def test_episodes_are_begun_ended_judged_and_forgotten(robot: Robot, tmp_path: Path) -> None:
    graph = robot.graph
    with recorder(robot, tmp_path, cameras=["none"]) as process:
        answer = record(graph, False)
        assert not answer.success
        assert answer.message == "there was nothing to end; call record with true first"
        assert record(graph, True).success
        assert record(graph, True).message.endswith("end it before the next")
        wait_until_recorded(robot, 30)
        assert graph.call(Trigger, "record/redo").success
        wait_until_recorded(robot, 5)
        assert graph.call(Trigger, "record/failure").success
        [failed] = committed(tmp_path, 1)
        assert record(graph, True).success
        wait_until_recorded(robot, 5)
        assert record(graph, False).success
        _, stopped = committed(tmp_path, 2)
        assert record(graph, True).success
        wait_until_recorded(robot, 1)
        status, seconds = graph.end(process, signal.SIGINT)
    assert (status, seconds < 2) == (0, True)
    assert failed.step[0] == 0
    assert failed.metadata.episode == 1, "the first was forgotten"
    assert failed.metadata.termination_reason == "failure"
    assert (failed.terminated[-1], failed.success[-1]) == (True, False)
    assert stopped.metadata.termination_reason == "stopped"
    assert not stopped.terminated[-1]
    assert len(Episodes(tmp_path)) == 2
    assert Episodes(tmp_path).verify() == [], "an orderly end leaves nothing unfinished"


def test_a_kill_costs_the_running_episode_alone(robot: Robot, tmp_path: Path) -> None:
    rng = random.Random(1)
    for number in range(2):
        dataset = tmp_path / str(number)
        # The services of a killed process stay in the graph for a while, and never answer.
        service = f"record_{number}"
        with recorder(robot, dataset, f"record:={service}", cameras=["none"]) as process:
            ended = record_until_killed(robot.graph, process, service, rng.uniform(0.2, 1.2))
        store = Episodes(dataset)
        findings = store.verify()
        assert len(findings) <= 1
        assert all(finding.problem.startswith("unfinished") for finding in findings)
        assert ended - 1 <= len(store) <= ended + 1, "all but the one that ran or was being ended"


def record_until_killed(graph: Graph, process: Forked, service: str, seconds: float) -> int:
    """Short episodes until, some time after the first, a kill comes; how many were ended."""
    client, ended = graph.node.create_client(SetBool, service), 0
    wait_for(client.service_is_ready, "the recorder")
    killer: threading.Timer | None = None
    while process.poll() is None:
        for running in (True, False):
            question = Question(client, SetBool.Request(data=running), RETRY)
            wait_for(lambda q=question: q.answer() or process.poll() is not None, "an answer")
            answer = question.answer()
            ended += answer is not None and answer.success and not running
            if ended and killer is None:
                killer = threading.Timer(seconds, process.kill)
                killer.start()
            threading.Event().wait(0.2)
    graph.node.destroy_client(client)
    return ended


def test_a_recorder_that_cannot_keep_up_marks_the_episode(robot: Robot, tmp_path: Path) -> None:
    graph = robot.graph
    with recorder(robot, tmp_path, cameras=["none"]) as process:
        assert record(graph, True).success
        wait_until_recorded(robot, 5)
        skipped = told(robot, "loop/skipped")
        process.send_signal(signal.SIGSTOP)
        threading.Event().wait(1.5)
        process.send_signal(signal.SIGCONT)
        wait_for(lambda: told(robot, "loop/skipped") > skipped, "a recorder that noticed it")
        wait_until_recorded(robot, transitions(robot) + 5)  # of after the stop
        assert graph.call(Trigger, "record/success").success
        [episode] = committed(tmp_path, 1)
    labels = episode.metadata.labels
    assert labels["rate"].endswith("of 20.00 Hz achieved")
    assert int(labels["gaps"].partition(",")[0]) >= 1
    assert episode.metadata.fps_achieved is not None
    assert episode.metadata.fps_achieved < 19
