"""PyBullet's TinyRenderer for MuJoCo models: software only, no OpenGL on the machine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import mujoco
import numpy as np

from sim.mujoco_render import clipping
from sim.primitives import colour, primitives

try:
    import pybullet
except ImportError as error:
    raise ImportError(
        "rendering without OpenGL needs PyBullet; install it with: pip install pybullet"
    ) from error

_LAST_SEEN_GROUP = 2
"""MuJoCo shows the geom groups 0 to 2 by default."""
_KINDS = {
    "box": pybullet.GEOM_BOX,
    "sphere": pybullet.GEOM_SPHERE,
    "cylinder": pybullet.GEOM_CYLINDER,
}


class TinyRenderer:
    """Keeps one massless PyBullet body per visible geom and moves it for each picture.

    Draws ``primitives``, opaque, lit by one light from afar, before the mean colour of the sky.

    Args:
        model: Fixes the number and types of geoms of the models rendered later.
        width: Pixels.
        height: Pixels.
        quality: ``video`` draws shadows.

    Raises:
        ValueError: A visible geom is of a type that ``primitives`` does not know.
    """

    def __init__(
        self,
        model: mujoco.MjModel,
        width: int,
        height: int,
        quality: Literal["fast", "video"] = "fast",
    ) -> None:
        self._shape = height, width
        self._shadow = int(quality == "video")
        self._background = _background(model)
        self._bodies: dict[int, int] = {}
        self._looks = np.full((model.ngeom, 7), np.nan)
        self._client = pybullet.connect(pybullet.DIRECT)
        self._draw(model)

    def render(self, model: mujoco.MjModel, data: mujoco.MjData, camera: int) -> np.ndarray:
        """Shape (height, width, 3), uint8."""
        image, depth = self._shoot(model, data, camera)
        image[depth >= 1] = self._background
        return image

    def depth(self, model: mujoco.MjModel, data: mujoco.MjData, camera: int) -> np.ndarray:
        """Shape (height, width) [m]."""
        _, depth = self._shoot(model, data, camera)
        near, far = clipping(model)
        return near * far / (far - np.minimum(depth, 1) * (far - near))

    def _shoot(
        self, model: mujoco.MjModel, data: mujoco.MjData, camera: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Colours, shape (height, width, 3); depth buffer, shape (height, width), 1 is nothing."""
        self._draw(model)
        self._place(data)
        height, width = self._shape
        _, _, pixels, depth, _ = pybullet.getCameraImage(
            width,
            height,
            *_camera(model, data, camera, self._shape),
            shadow=self._shadow,
            renderer=pybullet.ER_TINY_RENDERER,
            flags=pybullet.ER_NO_SEGMENTATION_MASK,
            physicsClientId=self._client,
            **_light(model),
        )
        image = np.reshape(pixels, (height, width, 4))[..., :3].astype(np.uint8)
        return image, np.reshape(depth, (height, width)).astype(np.float32)

    def close(self) -> None:
        """Ends the PyBullet client; safe to call twice."""
        if self._client >= 0:
            pybullet.disconnect(self._client)
            self._client = -1

    def _draw(self, model: mujoco.MjModel) -> None:
        """Makes the bodies of geoms that look different from the last picture."""
        colours = np.array([colour(model, geom) for geom in range(model.ngeom)])
        looks = np.hstack([model.geom_size, colours.reshape(-1, 4)])
        for geom in map(int, np.flatnonzero((looks != self._looks).any(axis=1))):
            if geom in self._bodies:
                pybullet.removeBody(self._bodies.pop(geom), physicsClientId=self._client)
            if looks[geom, -1] > 0 and model.geom_group[geom] <= _LAST_SEEN_GROUP:
                self._bodies[geom] = self._body(model, geom, looks[geom, 3:])
        self._looks = looks

    def _body(self, model: mujoco.MjModel, geom: int, rgba: np.ndarray) -> int:
        shapes = primitives(model, geom)
        sizes = [(*shape.size, 0.0, 0.0)[:3] for shape in shapes]
        look = pybullet.createVisualShapeArray(
            shapeTypes=[_KINDS[shape.kind] for shape in shapes],
            halfExtents=sizes,
            radii=[radius for radius, _, _ in sizes],
            lengths=[2 * half for _, half, _ in sizes],
            visualFramePositions=[shape.offset for shape in shapes],
            rgbaColors=[rgba.tolist()] * len(shapes),
            physicsClientId=self._client,
        )
        return pybullet.createMultiBody(baseVisualShapeIndex=look, physicsClientId=self._client)

    def _place(self, data: mujoco.MjData) -> None:
        quat = np.empty(4)
        for geom, body in self._bodies.items():
            mujoco.mju_mat2Quat(quat, data.geom_xmat[geom])
            pybullet.resetBasePositionAndOrientation(
                body, data.geom_xpos[geom], quat[[1, 2, 3, 0]], physicsClientId=self._client
            )


def _camera(
    model: mujoco.MjModel, data: mujoco.MjData, camera: int, shape: tuple[int, int]
) -> tuple[Sequence[float], Sequence[float]]:
    """View and projection matrix of a camera, column by column."""
    height, width = shape
    eye, axes = data.cam_xpos[camera], data.cam_xmat[camera].reshape(3, 3)
    view = pybullet.computeViewMatrix(eye, eye - axes[:, 2], axes[:, 1])
    fovy = float(model.cam_fovy[camera])
    shape_of_view = fovy, width / height, *clipping(model)
    projection = list(pybullet.computeProjectionMatrixFOV(*shape_of_view))
    projection[8] += 1 / width  # TinyRenderer samples pixels at a corner: half a pixel back.
    projection[9] += 1 / height
    return view, projection


def _light(model: mujoco.MjModel) -> dict[str, Any]:
    """The headlight's ambient part and the first light as a direction."""
    direction, diffuse = ((0.3, -0.5, 1.0), 0.6)
    if model.nlight:
        direction, diffuse = -model.light_dir[0], model.light_diffuse[0].mean()
    return {
        "lightDirection": direction,
        "lightAmbientCoeff": model.vis.headlight.ambient.mean(),
        "lightDiffuseCoeff": diffuse,
        "lightSpecularCoeff": 0.0,
    }


def _background(model: mujoco.MjModel) -> np.ndarray:
    """Mean colour of the sky box, else black as in MuJoCo. Shape (3,), uint8."""
    skies = np.flatnonzero(model.tex_type == mujoco.mjtTexture.mjTEXTURE_SKYBOX)
    if len(skies) == 0:
        return np.zeros(3, np.uint8)
    sky = skies[0]
    channels = int(model.tex_nchannel[sky])
    texels = int(model.tex_height[sky] * model.tex_width[sky])
    data = model.tex_data[model.tex_adr[sky] :][: texels * channels]
    return data.reshape(texels, channels)[:, :3].mean(axis=0).astype(np.uint8)
