"""What a session recorded and what was recorded from topics is the same motion to a replay."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hardware.contract_file import to_values
from hardware.motion import Motion, contract_of
from hardware.observer import Observer
from hardware.recorded_start import RecordedStart
from robot_rl.env import ArraySpec
from robot_rl.episode import Episode
from robot_rl.episodes import Episodes
from robot_rl.metadata import Metadata
from robot_rl.robot_step import MEASURED
from robot_rl.schema import Schema
from robot_rl.transition import Transition
from tests.hardware.test_observer import NOTHING, ROBOT, Robot, command


def stored(folder: Path, schema: Schema, steps: list[Transition]) -> tuple[Episode, Schema]:
    store = Episodes(folder, schema)
    with store.writer(Metadata(success=True)) as writer:
        for number, step in enumerate(steps):
            writer.add(replace(step, step=number))
    return store[0], Episodes(folder).schema


def from_topics(folder: Path) -> tuple[Episode, Schema]:
    observer = Observer(ROBOT)
    robot = Robot(observer)
    observer.grip(0.01)
    steps = [robot.run(command(0.1 * k), command(0.1 * k)) for k in range(4)]
    steps.append(robot.run(NOTHING, NOTHING))
    return stored(folder, observer.schema, [step for step in steps if step is not None])


def from_session(folder: Path) -> tuple[Episode, Schema]:
    specs = {"state": ArraySpec((1,))}
    names = ("x", "y", "z", "rx", "ry", "rz", "gripper")
    schema = Schema(specs, ArraySpec((7,), names=names), 0.05, "robot", {"robot": ROBOT_VALUES})
    observation = {"state": np.zeros(1, np.float32)}
    extra = {
        "sent": command(0.3),
        f"{MEASURED}joint_states": np.stack([np.arange(9.0), np.zeros(9)]),
        f"{MEASURED}extra/block": np.arange(7.0),
    }
    action = np.array([0, 0, 0, 0, 0, 0, -0.5], np.float32)
    step = Transition(observation, observation, action, action, 0.0, False, False, extra=extra)
    return stored(folder, schema, [step, step])


ROBOT_VALUES = to_values(ROBOT)


def test_a_motion_from_topics(tmp_path: Path) -> None:
    episode, schema = from_topics(tmp_path)
    motion = Motion.of(episode, schema)
    assert contract_of(schema).joints == ROBOT.joints
    np.testing.assert_allclose(motion.sent[:, 0], [0.1, 0.2, 0.3, np.nan])
    np.testing.assert_allclose(motion.gripper, 0.01, rtol=1e-6)
    assert motion.q.shape == (4, 9)
    assert motion.q[1, 0] == pytest.approx(100.1, abs=1e-4)
    np.testing.assert_array_equal(motion.objects["block"], np.arange(7))
    assert motion.success


def test_a_motion_from_a_session(tmp_path: Path) -> None:
    motion = Motion.of(*from_session(tmp_path))
    np.testing.assert_allclose(motion.sent, 0.3)
    np.testing.assert_allclose(motion.gripper, 0.25 * 0.04)
    np.testing.assert_array_equal(motion.q, [np.arange(9)] * 2)
    np.testing.assert_array_equal(motion.objects["block"], np.arange(7))


def test_an_episode_of_a_simulator_is_no_motion_of_a_robot(tmp_path: Path) -> None:
    episode, schema = from_session(tmp_path)
    with pytest.raises(ValueError, match="hold no commands of a safety node"):
        Motion.of(replace(episode, extra={}), schema)


def test_a_recorded_start_places_arm_and_objects_where_they_were() -> None:
    half = 0.2
    pose = np.array([0.5, 0.1, 0.02, 0, 0, np.sin(half), np.cos(half)])
    start = RecordedStart(np.array([0.4, 0.0, 0.3]), 0.7, 0.5, {"block": pose})
    draw = start.draw(np.random.default_rng(0), 1)
    placed = start.place(draw)["block"]
    np.testing.assert_allclose(draw["tool_position"], [[0.4, 0.0, 0.3]])
    np.testing.assert_allclose(draw["tool_yaw"], [0.7])
    np.testing.assert_allclose(placed.position, [pose[:3]])
    np.testing.assert_allclose(placed.yaw, [0.4])
    assert start.held_opening == 0.5
    assert not start.success(None)[0]
