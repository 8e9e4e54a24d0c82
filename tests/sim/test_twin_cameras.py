"""The pictures of a twin differ from those of the simulator by what the profile says."""

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import mujoco
import numpy as np
import pytest

from robot_rl.depth import distance_of
from sim import panda
from sim.gap import GapProfile
from sim.pick_cube import PickCube
from sim.scene import task_model

pytest.importorskip("pybullet")

from sim.cameras import Cameras
from sim.twin_cameras import TwinCameras

MODEL = task_model(PickCube())
QPOS = np.array([*panda.Q_READY, 0.04, 0.04, 0.5, 0, 0.02, 1, 0, 0, 0])
SIZE = 64, 48
MakeCameras = Callable[..., TwinCameras]


@pytest.fixture
def make_cameras() -> Iterator[MakeCameras]:
    """Makes cameras that are closed after the test."""
    made: list[TwinCameras] = []

    def make(**gap: Any) -> TwinCameras:
        made.append(TwinCameras(MODEL, GapProfile("test", **gap)))
        return made[-1]

    yield make
    for cameras in made:
        cameras.close()


def _cube(picture: np.ndarray) -> np.ndarray:
    """Column and row of the orange cube's centre [pixels]."""
    red, green, blue = np.moveaxis(picture.astype(int), -1, 0)
    rows, columns = np.nonzero((red > green + 40) & (green > blue + 20))
    assert len(rows) > 20
    return np.array([columns.mean(), rows.mean()])


@pytest.mark.parametrize("camera", ["front", "wrist", "spectator"])
def test_without_a_gap_they_are_the_simulators(make_cameras: MakeCameras, camera: str) -> None:
    data = mujoco.MjData(MODEL)
    data.qpos[:] = QPOS
    mujoco.mj_fwdPosition(MODEL, data)
    simulator = Cameras(MODEL, backend="tinyrenderer")
    expected = simulator.render(MODEL, data, camera, SIZE)
    simulator.close()
    picture = make_cameras().draw(camera, SIZE, QPOS)
    assert picture.shape == (48, 64, 3)
    np.testing.assert_array_equal(picture, expected)


def test_a_camera_that_is_shifted_sees_things_shifted_back(make_cameras: MakeCameras) -> None:
    """The front camera looks along -x mostly and has its right along +y."""
    size = 256, 192
    plain, shifted = make_cameras(), make_cameras(camera_shift=(0.0, 0.02, 0.0))
    moved = _cube(shifted.draw("front", size, QPOS)) - _cube(plain.draw("front", size, QPOS))
    camera = MODEL.camera("front")
    rotation = np.empty(9)
    mujoco.mju_quat2Mat(rotation, camera.quat)
    away = rotation.reshape(3, 3).T @ (QPOS[9:12] - camera.pos)
    focal = 192 / 2 / np.tan(np.deg2rad(MODEL.cam_fovy[camera.id]) / 2)
    right = rotation.reshape(3, 3)[1, 0] * 0.02
    assert moved[0] == pytest.approx(-focal * right / -away[2], rel=0.15)


def test_a_camera_that_is_turned_left_sees_things_farther_right(
    make_cameras: MakeCameras,
) -> None:
    """Rotation about its own upward axis: focal length times the angle."""
    size, angle = (256, 192), 0.05
    plain, turned = make_cameras(), make_cameras(camera_turn=(0.0, angle, 0.0))
    moved = _cube(turned.draw("front", size, QPOS)) - _cube(plain.draw("front", size, QPOS))
    focal = 192 / 2 / np.tan(np.deg2rad(45) / 2)
    assert moved[0] == pytest.approx(focal * angle, rel=0.1)
    assert abs(moved[1]) < 2


def test_light_is_a_factor_on_what_is_not_white_already(make_cameras: MakeCameras) -> None:
    bright, dim = (c.draw("wrist", SIZE, QPOS) for c in (make_cameras(), make_cameras(light=0.5)))
    seen = (bright < 250).all(axis=-1) & (bright > 100).all(axis=-1) & (bright != dim).any(axis=-1)
    assert seen.mean() > 0.2
    assert np.median(dim[seen] / bright[seen]) == pytest.approx(0.5, abs=0.03)


def test_pixel_noise_has_the_stated_size(make_cameras: MakeCameras) -> None:
    cameras, rng = make_cameras(pixel_noise=4.0), np.random.default_rng(0)
    plain = cameras.draw("wrist", SIZE, QPOS)
    noisy = cameras.take("wrist", SIZE, QPOS, 0.0, rng).pixels
    inside = (plain > 30) & (plain < 225)
    error = (noisy.astype(float) - plain)[inside]
    assert error.std() == pytest.approx(4.0, rel=0.1)
    assert abs(error.mean()) < 0.3


def test_depth_noise_is_a_share_of_the_distance_and_the_same_in_all_channels(
    make_cameras: MakeCameras,
) -> None:
    cameras, rng = make_cameras(depth_noise=0.03), np.random.default_rng(0)
    plain = cameras.draw("wrist_depth", SIZE, QPOS)
    noisy = cameras.take("wrist_depth", SIZE, QPOS, 0.0, rng).pixels
    assert (noisy == noisy[..., :1]).all()
    inside = (plain[..., 0] > 30) & (plain[..., 0] < 225)
    ratio = distance_of(noisy)[inside] / distance_of(plain)[inside]
    assert inside.mean() > 0.3
    assert ratio.std() == pytest.approx(0.03, rel=0.1)
    np.testing.assert_array_equal(noisy == 0, plain == 0)


def test_a_dropped_frame_is_the_last_one_with_its_stamp(make_cameras: MakeCameras) -> None:
    cameras, rng = make_cameras(dropped_frames=0.3), np.random.default_rng(0)
    stamps = np.arange(200) * 0.05
    pictures = [cameras.take("front", (16, 16), QPOS, stamp, rng) for stamp in stamps]
    dropped = np.array([p.stamp for p in pictures]) != stamps
    assert dropped.mean() == pytest.approx(0.3, abs=0.1)
    for before, picture in itertools.pairwise(pictures):
        if picture.stamp == before.stamp:
            np.testing.assert_array_equal(picture.pixels, before.pixels)
    assert not dropped[0]


def test_the_first_picture_of_an_episode_is_never_an_old_one(make_cameras: MakeCameras) -> None:
    cameras, rng = make_cameras(dropped_frames=0.95), np.random.default_rng(0)
    for stamp in range(10):
        cameras.forget()
        assert cameras.take("front", (16, 16), QPOS, float(stamp), rng).stamp == stamp


@pytest.mark.parametrize(("camera", "moves"), [("front", False), ("wrist", True)])
def test_the_wrist_camera_moves_with_the_hand(
    make_cameras: MakeCameras, camera: str, moves: bool
) -> None:
    cameras, turned = make_cameras(), QPOS.copy()
    turned[0] += 0.3
    first, second = (cameras.draw(camera, SIZE, q).astype(int) for q in (QPOS, turned))
    changed = (np.abs(first - second).max(axis=-1) > 20).mean()
    assert bool(changed > 0.03) is moves


def test_an_unknown_camera_is_answered_with_those_there_are(make_cameras: MakeCameras) -> None:
    with pytest.raises(ValueError, match="no camera 'fornt'; the model has front, spectator"):
        make_cameras().draw("fornt", SIZE, QPOS)
