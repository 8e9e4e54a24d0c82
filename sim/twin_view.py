"""The cameras of a twin in a process of their own, so that drawing never delays the arm."""

from __future__ import annotations

import math

import numpy as np

from robot_rl.depth import seen_by
from robot_rl.env import Closing
from sim.gap import GapProfile
from sim.placement import Placement, fixed_objects
from sim.scene import task_model
from sim.task import Task
from sim.twin_cameras import Picture, TwinCameras


class TwinView(Closing):
    """Draws what ``Twin.scene`` tells; late, noisy and off as the profile says.

    Args:
        task: As of the twin.
        profile: As of the twin.
        seed: Seed of the noise.
    """

    def __init__(self, task: Task, profile: GapProfile, seed: int = 0) -> None:
        self._model = task_model(task)
        self._fixed = fixed_objects(Placement(self._model), task)
        self._cameras = TwinCameras(self._model, profile)
        self._rng = np.random.default_rng(seed)

    def take(self, camera: str, size: tuple[int, int], stamp: float, scene: np.ndarray) -> Picture:
        """The picture of a scene; ``size`` is width and height."""
        qpos = self._arrange(scene)
        return self._cameras.take(camera, size, qpos, stamp, self._rng)

    def picture(self, camera: str, size: tuple[int, int], scene: np.ndarray) -> np.ndarray:
        """For people: with shadows. Shape (height, width, 3), uint8."""
        return self._cameras.draw(camera, size, self._arrange(scene), "video")

    def fovy(self, camera: str) -> float:
        """Vertical field of view of a camera [rad].

        Raises:
            ValueError: There is no such camera.
        """
        names = [self._model.camera(number).name for number in range(self._model.ncam)]
        if seen_by(camera) not in names:
            raise ValueError(f"no camera {camera!r}; the model has {', '.join(names)}")
        return math.radians(self._model.cam_fovy[names.index(seen_by(camera))])

    def close(self) -> None:
        """Frees the renderers; safe to call twice."""
        self._cameras.close()

    def _arrange(self, scene: np.ndarray) -> np.ndarray:
        """Puts the fixed objects into the model and returns the positions of the rest."""
        positions, nq = self._model.nq + 7 * len(self._fixed), self._model.nq
        if scene.shape != (positions,):
            raise ValueError(
                f"a scene of shape {scene.shape}, this view needs ({positions},); "
                "start twin and cameras with the same task"
            )
        for name, pose in zip(self._fixed, scene[nq:].reshape(-1, 7), strict=True):
            body = self._model.body(name)
            body.pos[:], body.quat[:] = pose[:3], pose[3:]
        return scene[:nq]
