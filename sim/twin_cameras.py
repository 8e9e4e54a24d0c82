"""The cameras of a twin: displaced, in another light, noisy, and at times a picture behind."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, NamedTuple

import mujoco
import numpy as np

from robot_rl import depth
from robot_rl.env import Closing
from sim.cameras import Cameras
from sim.gap import GapProfile
from sim.randomization import move_cameras, shine

if TYPE_CHECKING:
    from sim.mujoco_render import Quality


class Picture(NamedTuple):
    """What a camera delivers."""

    stamp: float
    """When it was taken, on the clock of the twin [s]."""
    pixels: np.ndarray
    """Shape (height, width, 3), uint8."""


class TwinCameras(Closing):
    """Draws with TinyRenderer, which shades otherwise than MuJoCo and needs no OpenGL.

    It has the shapes in a PyBullet client of its own: so it can show the moment of a delayed
    picture, which the physics has left behind.

    Args:
        model: The scene; bodies that stand fixed are seen where it has them at the time.
        profile: In what the pictures differ from those in MuJoCo.
    """

    def __init__(self, model: mujoco.MjModel, profile: GapProfile) -> None:
        self._model, self._profile = model, profile
        self._seen = _as_seen(model, profile)
        self._data = mujoco.MjData(model)
        self._cameras = Cameras(self._seen, backend="tinyrenderer")
        self.forget()

    def forget(self) -> None:
        """No picture is delivered again."""
        self._last: dict[tuple[str, tuple[int, int]], tuple[float, Picture]] = {}

    def take(
        self,
        camera: str,
        size: tuple[int, int],
        qpos: np.ndarray,
        stamp: float,
        rng: np.random.Generator,
    ) -> Picture:
        """The picture of ``stamp``, or the last one again; ``size`` is width and height."""
        kind = camera, size
        asked, last = self._last.get(kind, (None, None))
        if last is None or (asked != stamp and rng.random() >= self._profile.dropped_frames):
            pixels = self.draw(camera, size, qpos)
            noisy = self._with_depth_noise if depth.is_depth(camera) else self._with_noise
            last = Picture(stamp, noisy(pixels, rng))
        self._last[kind] = stamp, last
        return last

    def draw(
        self, camera: str, size: tuple[int, int], qpos: np.ndarray, quality: Quality = "fast"
    ) -> np.ndarray:
        """What ``camera`` sees of the positions ``qpos``. Shape (height, width, 3), uint8."""
        model, data = self._seen, self._data
        model.body_pos[:], model.body_quat[:] = self._model.body_pos, self._model.body_quat
        data.qpos[:] = qpos
        mujoco.mj_kinematics(model, data)
        mujoco.mj_camlight(model, data)
        return self._cameras.render(model, data, camera, size, quality)

    def close(self) -> None:
        """Frees the renderers; safe to call twice."""
        self._cameras.close()

    def _with_noise(self, pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return _noisy(pixels, self._profile.pixel_noise, rng)

    def _with_depth_noise(self, pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """One noise for all three channels; what is not known stays so."""
        grey = _noisy(pixels[..., :1], depth.LEVELS * self._profile.depth_noise, rng)
        return np.where(pixels > 0, np.maximum(grey, 1), 0).astype(np.uint8)


def _noisy(pixels: np.ndarray, noise: float, rng: np.random.Generator) -> np.ndarray:
    if noise == 0:
        return pixels
    noisy = rng.standard_normal(pixels.shape, np.float32)
    noisy *= noise
    noisy += pixels
    return np.clip(noisy + 0.5, 0, 255, out=noisy).astype(np.uint8)


def _as_seen(model: mujoco.MjModel, profile: GapProfile) -> mujoco.MjModel:
    """The scene with its cameras displaced and its lights changed."""
    seen = copy.copy(model)
    move_cameras(seen, model, np.array(profile.camera_shift), np.array(profile.camera_turn))
    shine(seen, model, profile.light)
    return seen
