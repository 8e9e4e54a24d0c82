"""A camera that does not show what it showed is named, and one that does is left in peace."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from robot_rl.camera_watch import PATIENCE, CameraError, CameraWatch, Looks
from robot_rl.drq import Drq
from robot_rl.drqv2 import DrqV2
from robot_rl.env import Observation
from robot_rl.networks import Normalizer
from tests.robot_rl.looking import KEYS, covered, table
from tests.robot_rl.pixel_batches import ACTIONS, ROWS, SPEC, batch


@pytest.fixture
def watch() -> CameraWatch:
    looks, normalizer = Looks(KEYS), Normalizer(3)
    for seed in range(4):
        shown = table(np.random.default_rng(100 + seed), 50)
        looks.observe(shown)
        normalizer.observe(torch.as_tensor(shown["state"]))
    return CameraWatch(looks, normalizer)


def _until_it_complains(watch: CameraWatch, looks: list[Observation]) -> int:
    for number, one in enumerate(looks, 1):
        try:
            watch.see(one)
        except CameraError:
            return number
    return 0


def _scenes(count: int) -> list[Observation]:
    rng = np.random.default_rng(0)
    return [table(rng) for _ in range(count)]


def test_cameras_as_they_were_are_left_in_peace(watch: CameraWatch) -> None:
    assert _until_it_complains(watch, _scenes(300)) == 0


@pytest.mark.parametrize("key", KEYS)
def test_a_covered_camera_is_named(watch: CameraWatch, key: str) -> None:
    rng = np.random.default_rng(1)
    scenes = _scenes(PATIENCE)
    for scene in scenes:
        scene[key] = covered(rng)
    for scene in scenes[:-1]:
        watch.see(scene)
    with pytest.raises(CameraError, match=f"{key} shows nearly nothing: .*uncover the camera"):
        watch.see(scenes[-1])


def test_an_empty_table_is_no_covered_camera(watch: CameraWatch) -> None:
    rng = np.random.default_rng(1)
    scenes = _scenes(5 * PATIENCE)
    for scene in scenes:  # As bright as half of what there was, without what gives it contrast.
        scene[KEYS[0]] = rng.normal(110, 2, scene[KEYS[0]].shape).astype(np.uint8)
    assert _until_it_complains(watch, scenes) == 0


def test_a_hand_that_passes_is_none(watch: CameraWatch) -> None:
    scenes = _scenes(100)
    for number, scene in enumerate(scenes):
        if number % PATIENCE:
            scene[KEYS[0]][...] = 10
    assert _until_it_complains(watch, scenes) == 0


def test_a_frozen_camera_is_named_once_the_arm_moves(watch: CameraWatch) -> None:
    scenes = _scenes(40)
    for scene in scenes:
        scene[KEYS[1]] = scenes[0][KEYS[1]]
        scene["state"] = scenes[0]["state"]
    assert _until_it_complains(watch, scenes[:30]) == 0  # Nothing moves, so it may well be so.
    scenes[30]["state"] = scenes[30]["state"] + 1
    with pytest.raises(CameraError, match="images/wrist has shown the same picture"):
        watch.see(scenes[30])


def test_swapped_cameras_are_named(watch: CameraWatch) -> None:
    scenes = _scenes(2 * PATIENCE)
    for scene in scenes:
        scene[KEYS[0]], scene[KEYS[1]] = scene[KEYS[1]], scene[KEYS[0]]
    for scene in scenes[: PATIENCE - 1]:
        watch.see(scene)
    with pytest.raises(CameraError, match=r"front and images/wrist look like each other.*swap"):
        watch.see(scenes[PATIENCE])


def test_of_stacked_frames_the_newest_counts(watch: CameraWatch) -> None:
    scenes = _scenes(PATIENCE)
    for older, scene in zip(scenes, _scenes(PATIENCE), strict=True):
        older[KEYS[0]] = np.concatenate([scene[KEYS[0]], 0 * scene[KEYS[0]]], axis=-1)
    assert _until_it_complains(watch, scenes) == PATIENCE


def test_without_demonstrations_a_covered_camera_is_not_known_and_a_frozen_one_is() -> None:
    watch, rng = CameraWatch(Looks(KEYS), Normalizer(3)), np.random.default_rng(1)
    scenes = _scenes(30)
    for scene in scenes:
        scene[KEYS[0]] = covered(rng)
    assert _until_it_complains(watch, scenes) == 0
    for scene in scenes:
        scene[KEYS[0]] = scenes[0][KEYS[0]]
    assert _until_it_complains(watch, scenes) == PATIENCE + 1


def test_of_another_robot_looks_know_nothing_until_they_have_seen_it() -> None:
    looks = Looks(KEYS)
    looks.observe(table(np.random.default_rng(0), 50))
    looks.forget()
    assert not any(buffer.any() for buffer in looks.buffers())
    looks.observe(seen := table(np.random.default_rng(1), 50))
    fresh = Looks(KEYS)
    fresh.observe(seen)
    for known, expected in zip(looks.buffers(), fresh.buffers(), strict=True):
        torch.testing.assert_close(known, expected)


@pytest.mark.parametrize("kind", [Drq, DrqV2])
def test_another_robots_cameras_look_as_they_are_shown_there(kind: type[Drq] | type[DrqV2]) -> None:
    simulated, real = kind(SPEC, ACTIONS), kind(SPEC, ACTIONS)
    simulated.observe(batch(0).observation)
    real.load_policy(simulated.state_dict())
    assert not real.senses.looks.count
    real.look(batch(1).observation)
    assert real.senses.looks.count == ROWS
    np.testing.assert_array_equal(real.senses.normalizer.mean, simulated.senses.normalizer.mean)
