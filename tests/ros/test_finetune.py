"""Learning on a robot: real nodes, a learner in a process of its own, and a person at the page."""

import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("rclpy")
pytest.importorskip("pybullet")
pytest.importorskip("torch")

from sensor_msgs.msg import JointState
from std_srvs.srv import Trigger

from controllers.reason import Reason
from robot_rl.actor import Acted
from robot_rl.config import FinetuneConfig
from robot_rl.episodes import Episodes
from robot_rl.finetune import ROBOTS, finetune
from robot_rl.policy import Policy
from robot_rl.remote_learner import ONLINE, POLICY
from robot_rl.replay import Replay
from robot_rl.robot_step import MEASURED, REASONS, SENT
from robot_rl.train import DEMONSTRATIONS
from tests.ros.conftest import Graph, wait_for

pytestmark = pytest.mark.domain(72)


def test_a_policy_learns_on_a_robot_and_a_person_takes_over_cuts_an_episode_off_and_stops_it(
    graph: Graph, source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    graph.start("arm_node", task="reach")
    graph.start("safety_node", watch_cameras=False)
    graph.start("teleop_node", deadman_button=-1)
    # They take over late in an episode, so that it does not succeed before a press.
    graph.start("person_node", task="reach", skill=1.0, patience=1.2, late=0.4)
    told = graph.listen(JointState, "learning/status")
    asked = graph.listen(JointState, "request")
    options = ("timeout=30", "horizon=30")
    config = FinetuneConfig(tmp_path / "run", source, robot="twin", steps=300, options=options)

    def press(button: str) -> None:
        begun = len(asked)
        wait_for(lambda: len(asked) > begun + 10, "the middle of an episode")
        assert graph.call(Trigger, button).success

    def stop_and_free() -> None:
        press("estop")
        stopped = len(asked)
        rest = time.monotonic() + 1.0
        wait_for(lambda: time.monotonic() > rest, "a second in which nobody asks for anything")
        assert len(asked) <= stopped + 2
        assert graph.call(Trigger, "reset").success

    presses = [lambda: press("record/mistaken"), lambda: press("record/redo"), stop_and_free]
    with ThreadPoolExecutor(1) as person:
        pressing: list[Future[None]] = []

        def watch(acted: Acted) -> None:
            if len(pressing) < len(presses):
                pressing.append(person.submit(presses[len(pressing)]))

        done = finetune(config, watch)
        for pressed in pressing:
            pressed.result()
    store = Episodes(config.run / ROBOTS / "twin" / "episodes")
    episodes = list(store)
    said = capsys.readouterr().err
    assert "no success" in said
    taken_back = ["mistaken" in episode.metadata.labels for episode in episodes]
    assert sum(taken_back) == said.count("was no success")
    assert sum(map(len, episodes)) == done.acted.steps >= 300
    for episode in episodes:
        assert np.isfinite(episode.extra[SENT]).all(axis=1).any()
        assert f"{MEASURED}joint_states" in episode.extra
        assert (np.diff(episode.command_stamp) > 0).all()
    cut = [e for e in episodes if e.metadata.termination_reason == "redo"]
    stopped = [e for e in episodes if np.bitwise_or.reduce(e.extra[REASONS]) & Reason.STOP]
    for kind in (cut, stopped):
        assert [(bool(e.truncated[-1]), len(e) < 30) for e in kind] == [(True, True)]
    assert episodes[-1].metadata.episode > stopped[0].metadata.episode
    assert done.acted.version > 0
    assert Policy.load(config.run / POLICY).origin["steps"] == done.acted.steps
    assert "success_rate" in told[-1].name
    theirs = np.concatenate([episode.action[episode.intervened] for episode in episodes])
    assert len(theirs) == done.acted.interventions > 0
    for name in (ONLINE, DEMONSTRATIONS):
        specs = store.schema.observation, store.schema.action
        replay = Replay(*specs, 200_000, path=config.run / name)
        taken = replay.gather(np.array(replay.indices))
        np.testing.assert_array_equal(taken.action[taken.intervened], theirs)
