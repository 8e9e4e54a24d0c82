"""Scripted successes, and attempts beside each that nearly were one."""

from pathlib import Path

import numpy as np
import pytest

from robot_rl.cli import main
from robot_rl.config import RecordConfig
from robot_rl.demonstrations import schema_of
from robot_rl.env import ArraySpec
from robot_rl.environments import make_env
from robot_rl.episodes import Episodes
from robot_rl.metadata import ATTEMPT, Metadata
from robot_rl.near_misses import SCENE, record_near_misses
from robot_rl.ranges import RangeError
from robot_rl.recorded import demonstrated, useful
from robot_rl.robot_script import RobotScript
from robot_rl.transition import WorldIds, split_step


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Episodes:
    path = tmp_path_factory.mktemp("near") / "data"
    asked = ("--env", "reach", "--episodes", "3", "--near-misses", "3", "--options", "linger=4")
    assert main(["record", str(path), *asked]) == 0
    return Episodes(path)


def test_each_success_has_attempts_beside_it_that_begin_where_it_began(store: Episodes) -> None:
    scenes: dict[str, list[np.ndarray]] = {}
    for episode in store:
        start = episode.observation["state"][0]
        scenes.setdefault(episode.metadata.labels[SCENE], []).append(start)
    assert len(scenes) == 3
    for starts in scenes.values():
        assert len(starts) == 4
        np.testing.assert_array_equal(starts, np.tile(starts[0], (4, 1)))
    assert len({starts[0].tobytes() for starts in scenes.values()}) == 3


def test_another_seed_has_other_scenes(tmp_path: Path) -> None:
    scenes: list[set[str]] = []
    for seed in (0, 1):
        with make_env("reach", linger=2) as env:
            one = Episodes(tmp_path / f"{seed}", schema_of(env, "reach", ()))
            record_near_misses(env, one, 3, 1, seed=seed)
        scenes.append({m.labels[SCENE] for m in one.metadata()})
    assert len(scenes[0]) == len(scenes[1]) == 3
    assert not scenes[0] & scenes[1]


def test_attempts_are_labelled_and_no_demonstrations(store: Episodes) -> None:
    kinds = [metadata.labels.get(ATTEMPT) for metadata in store.metadata()]
    assert kinds == [None, "short", "aside", "short"] * 3
    assert [e.metadata.labels.get(ATTEMPT) for e in useful(store)] == [None] * 3


@pytest.mark.parametrize(
    ("meant", "lucky", "expected"),
    [(True, True, [0]), (False, True, [0, 1]), (False, False, [0, 1])],
)
def test_an_attempt_that_succeeds_all_the_same_is_no_demonstration(
    tmp_path: Path, meant: bool, lucky: bool, expected: list[int]
) -> None:
    with make_env("reach") as env:
        store = Episodes(tmp_path, schema_of(env, "reach", ()))
        step = env.reset(0)
        action = np.zeros((1, *env.action_spec.shape), np.float32)
        [one] = split_step(WorldIds(1), step.observation, action, env.step(action))
    for success, labels in ((meant, {}), (lucky, {ATTEMPT: "aside"})):
        with store.writer(Metadata(success=success, labels=labels)) as writer:
            writer.add(one)
    uuids = [metadata.uuid for metadata in store.metadata()]
    assert [uuids.index(e.metadata.uuid) for e in useful(store)] == expected
    if expected != [0]:
        with pytest.raises(ValueError, match="none of them succeeded as it was meant to"):
            demonstrated(tmp_path)


def test_successes_last_and_attempts_mostly_fail(store: Episodes) -> None:
    kinds: dict[str, list[int]] = {}
    for episode in store:
        kinds.setdefault(episode.metadata.labels[SCENE], []).append(int(episode.success.sum()))
    first, *others = zip(*kinds.values(), strict=True)
    assert min(first) >= 5
    assert np.mean([frames == 0 for frames in np.ravel(others)]) > 0.5


def test_on_a_robot_a_script_makes_them() -> None:
    with pytest.raises(RangeError, match=r"near_misses goes with scripted, .*--keep-failures"):
        RecordConfig(robot="twin", near_misses=2)


class Counted:
    """A robot whose episodes are as long as somebody makes them; its expert goes straight down."""

    action_spec = ArraySpec((6,), low=-1.0, high=1.0)
    elapsed = 0

    def expert_action(self) -> np.ndarray:
        return np.array([[0, 0, -1.0, 0, 0, 0]])


def test_a_script_aims_beside_the_goal_for_a_little_longer_than_a_success_took() -> None:
    robot = Counted()
    script, lengths, aside, labels = RobotScript(robot, 2, 0.0, 0), [], [], []
    drawn = np.zeros((1, 6))
    for episode in range(6):
        success, robot.elapsed = 12 + episode if episode % 3 == 0 else 1000, int(episode > 2)
        while robot.elapsed < success and script.pressed() != ["next"]:
            drawn = script.act() - robot.expert_action()
            robot.elapsed += 1
        lengths.append(robot.elapsed)
        labels.append(script.labels().get(ATTEMPT))
        aside.append(float(np.linalg.norm(drawn[0, :2])))
    assert lengths == [12, 22, 22, 15, 25, 25]
    assert [way > 0.39 for way in aside] == [False, True, True] * 2
    assert labels == [None, "aside", "aside"] * 2
    assert len(set(aside)) == 5
