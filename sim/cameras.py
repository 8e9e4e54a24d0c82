"""The renderers of an environment, opened when the first picture is wanted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import mujoco
import numpy as np

from robot_rl import depth

if TYPE_CHECKING:
    from sim.mujoco_render import CameraRenderer, Quality


class Cameras:
    """Renders all worlds of one model; one renderer per size and quality.

    Args:
        model: Fixes meshes, textures and number of geoms.
        backend: As of ``CameraRenderer``.
    """

    def __init__(self, model: mujoco.MjModel, backend: str = "auto") -> None:
        self._model, self._backend = model, backend
        self._renderers: dict[tuple[int, int, Quality], CameraRenderer] = {}

    def render(
        self,
        model: mujoco.MjModel,
        data: mujoco.MjData,
        camera: str,
        size: tuple[int, int],
        quality: Quality = "fast",
    ) -> np.ndarray:
        """What ``camera`` sees; ``size`` is width and height. Shape (height, width, 3), uint8.

        Of ``<camera>_depth`` the distances, as ``depth.grey_of``.
        """
        kind = (*size, quality)
        if kind not in self._renderers:
            from sim.mujoco_render import CameraRenderer

            self._renderers[kind] = CameraRenderer(
                self._model, *size, backend=self._backend, quality=quality
            )
        renderer = self._renderers[kind]
        if depth.is_depth(camera):
            return depth.grey_of(renderer.depth(model, data, depth.seen_by(camera)))
        return renderer.render(model, data, camera)

    def close(self) -> None:
        """Frees the renderers; safe to call twice."""
        for renderer in self._renderers.values():
            renderer.close()
        self._renderers.clear()
