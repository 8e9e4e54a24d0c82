"""Pictures from the cameras of a MuJoCo model, with whatever renderer the machine has."""

from __future__ import annotations

import copy
import functools
import importlib
import os
import subprocess
import sys
import weakref
from typing import Any, Literal, Protocol

import mujoco
import numpy as np

from robot_rl.env import Closing

Quality = Literal["fast", "video"]

TINY = "tinyrenderer"
GL_BACKENDS = ("egl", "osmesa", "cgl", "glfw")
BACKENDS = (*GL_BACKENDS, TINY)
_PREFERRED = {"linux": ("egl", "osmesa"), "darwin": ("cgl",)}.get(sys.platform, ("glfw",))
_GL_OFF = ("disable", "disabled", "off", "false", "0")  # The words MuJoCo takes in MUJOCO_GL.
_INSTALL = {
    "egl": "apt install libegl1 libopengl0 libgl1-mesa-dri",
    "osmesa": "apt install libosmesa6",
}
_PROBE = """
import importlib, os, sys, mujoco
context = importlib.import_module("mujoco." + sys.argv[1]).GLContext(64, 64)
context.make_current()
mujoco.MjrContext(mujoco.MjModel.from_xml_string("<mujoco/>"), 150)
os._exit(0)
"""


class Renderer(Protocol):
    """What each backend offers."""

    def render(self, model: mujoco.MjModel, data: mujoco.MjData, camera: int) -> np.ndarray:
        """Shape (height, width, 3), uint8."""
        ...

    def depth(self, model: mujoco.MjModel, data: mujoco.MjData, camera: int) -> np.ndarray:
        """Distances along the optical axis. Shape (height, width) [m]."""
        ...

    def close(self) -> None:
        """Frees the context; safe to call twice."""
        ...


class CameraRenderer(Closing):
    """Renders geoms (groups 0 to 2, no sites) as the cameras of a model see them.

    ``auto`` takes what the environment variable ``MUJOCO_GL`` names, else the first that works of
    EGL (a GPU or Mesa), OSMesa, and PyBullet's TinyRenderer, which needs no OpenGL. ``backend``
    holds its name and ``reason`` says in one line why. PyOpenGL commits a process to the first
    OpenGL backend it loads, so each is tried in a process of its own before.

    Args:
        model: Fixes the meshes, textures and number of geoms of all models rendered later.
        width: Pixels.
        height: Pixels.
        backend: ``auto`` or one of ``BACKENDS``.
        quality: ``fast`` drops multisampling, shadows, reflections and fine tessellation, which
            cost a policy a hundred times the time and tell it nothing; ``video`` keeps them.

    Raises:
        ValueError: For an unknown backend.
        RuntimeError: No backend works; says what each lacks and how to install it.
    """

    def __init__(
        self,
        model: mujoco.MjModel,
        width: int = 128,
        height: int = 128,
        backend: str = "auto",
        quality: Quality = "fast",
    ) -> None:
        candidates, why = _candidates(backend)
        failures: dict[str, str] = {}
        for name in candidates:
            outcome = _try(name, model, width, height, quality, probe=len(candidates) > 1)
            if not isinstance(outcome, str):
                break
            failures[name] = outcome
        else:
            raise RuntimeError(_nothing_works(failures, why))
        self._renderer: Renderer | None = outcome
        self.backend = name
        lost = [f"{other} failed ({text})" for other, text in failures.items()]
        self.reason = f"{name}: {'; '.join(lost) or why}"

    def render(self, model: mujoco.MjModel, data: mujoco.MjData, camera: str | int) -> np.ndarray:
        """The picture of one camera.

        Args:
            model: The model given at the start or one that differs in values only (sizes, colours,
                camera poses ...).
            data: Its state, after ``mj_forward`` or ``mj_fwdPosition``.
            camera: Name or number.

        Returns:
            Shape (height, width, 3), uint8, first row at the top.

        Raises:
            ValueError: The model has no such camera.
            RuntimeError: After ``close``.
        """
        return self._opened.render(model, data, _camera(model, camera))

    def depth(self, model: mujoco.MjModel, data: mujoco.MjData, camera: str | int) -> np.ndarray:
        """How far along the optical axis of a camera is what it sees; as ``render``.

        Returns:
            Shape (height, width), float32, first row at the top; where there is nothing, as far as
            the model's cameras see [m].
        """
        return self._opened.depth(model, data, _camera(model, camera))

    @property
    def _opened(self) -> Renderer:
        if self._renderer is None:
            raise RuntimeError("the renderer is closed; make a new CameraRenderer")
        return self._renderer

    def close(self) -> None:
        """Frees the graphics context; safe to call twice."""
        if self._renderer is not None:
            self._renderer.close()
            self._renderer = None


class GlRenderer:
    """MuJoCo's own renderer on one kind of OpenGL context."""

    def __init__(
        self, model: mujoco.MjModel, width: int, height: int, backend: str, quality: Quality
    ) -> None:
        self._gl = importlib.import_module(f"mujoco.{backend}").GLContext(width, height)
        self._gl.make_current()
        self._mujoco = mujoco.MjrContext(_with_quality(model, width, height, quality), 150)
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN, self._mujoco)
        # Runs before the interpreter tears the OpenGL bindings down, which __del__ would not.
        self._finalizer = weakref.finalize(self, _free, self._gl, self._mujoco)
        self._scene = mujoco.MjvScene(model, model.ngeom + 100)
        for flag in (mujoco.mjtRndFlag.mjRND_SHADOW, mujoco.mjtRndFlag.mjRND_REFLECTION):
            self._scene.flags[flag] = quality == "video"
        self._option = mujoco.MjvOption()
        self._option.sitegroup[:] = 0
        self._camera = mujoco.MjvCamera()
        self._camera.type = mujoco.mjtCamera.mjCAMERA_FIXED
        self._frame = mujoco.MjrRect(0, 0, width, height)
        self._mujoco.readDepthMap = mujoco.mjtDepthMap.mjDEPTH_ZEROFAR
        self._pixels = np.empty((height, width, 3), np.uint8)
        self._depth = np.empty((height, width), np.float32)

    def render(self, model: mujoco.MjModel, data: mujoco.MjData, camera: int) -> np.ndarray:
        """Shape (height, width, 3), uint8."""
        self._draw(model, data, camera)
        mujoco.mjr_readPixels(self._pixels, None, self._frame, self._mujoco)
        return self._pixels[::-1].copy()

    def depth(self, model: mujoco.MjModel, data: mujoco.MjData, camera: int) -> np.ndarray:
        """Shape (height, width) [m]."""
        self._draw(model, data, camera)
        mujoco.mjr_readPixels(None, self._depth, self._frame, self._mujoco)
        near, far = clipping(model)
        return near * far / (near + self._depth[::-1] * (far - near))

    def _draw(self, model: mujoco.MjModel, data: mujoco.MjData, camera: int) -> None:
        self._camera.fixedcamid = camera
        everything = mujoco.mjtCatBit.mjCAT_ALL
        mujoco.mjv_updateScene(
            model, data, self._option, None, self._camera, everything, self._scene
        )
        self._gl.make_current()  # Another renderer may have worked in between.
        mujoco.mjr_render(self._frame, self._scene, self._mujoco)

    def close(self) -> None:
        """Frees the context; safe to call twice."""
        self._finalizer()


def clipping(model: mujoco.MjModel) -> tuple[float, float]:
    """Distances between which the cameras of a model see [m]."""
    extent, planes = model.stat.extent, model.vis.map
    return planes.znear * extent, planes.zfar * extent


def _free(context: Any, renderer: mujoco.MjrContext) -> None:
    with context.as_current():
        renderer.free()
    context.free()


def _with_quality(
    model: mujoco.MjModel, width: int, height: int, quality: Quality
) -> mujoco.MjModel:
    """A copy of the model with what the graphics context reads from it at creation."""
    seen = copy.copy(model)
    seen.vis.global_.offwidth, seen.vis.global_.offheight = width, height
    detail = seen.vis.quality
    if quality == "fast":
        detail.offsamples, detail.numslices, detail.numstacks, detail.numquads = 0, 12, 6, 2
    else:
        detail.shadowsize = 2048
    return seen


def _candidates(backend: str) -> tuple[tuple[str, ...], str]:
    """Backends to try in order, and why these."""
    if backend in BACKENDS:
        return (backend,), f"asked for by backend={backend!r}"
    if backend != "auto":
        raise ValueError(f"no backend {backend!r}; choose from auto, {', '.join(BACKENDS)}")
    wanted = os.environ.get("MUJOCO_GL", "").strip().lower()
    if wanted in GL_BACKENDS:
        return (wanted,), f"asked for by MUJOCO_GL={wanted}"
    if wanted in _GL_OFF:
        return (TINY,), f"MUJOCO_GL={wanted} rules OpenGL out"
    order = (*_PREFERRED, TINY)
    return order, f"first of {', '.join(order)} that works"


def _try(
    name: str, model: mujoco.MjModel, width: int, height: int, quality: Quality, probe: bool
) -> Renderer | str:
    """The renderer, or in one line why there is none."""
    if probe and name != TINY and (failure := _failure(name)):
        return failure
    try:
        if name == TINY:
            from sim.tiny_render import TinyRenderer

            return TinyRenderer(model, width, height, quality)
        return GlRenderer(model, width, height, name, quality)
    except Exception as error:  # Drivers and their bindings raise anything.
        return f"{type(error).__name__}: {error}"


@functools.cache
def _failure(backend: str) -> str:
    """Why a backend does not work here, else ""; a driver that crashes ends only the probe."""
    command = [sys.executable, "-c", _PROBE, backend]
    environment = os.environ | {"MUJOCO_GL": backend}
    try:
        probe = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=60, check=False
        )
    except subprocess.TimeoutExpired:
        return "no answer within 60 s"
    if probe.returncode == 0:
        return ""
    lines = probe.stderr.strip().splitlines()
    return lines[-1] if lines else f"exit status {probe.returncode}"


def _nothing_works(failures: dict[str, str], why: str) -> str:
    lines = [
        f"  {name}: {text}" + (f" -> {_INSTALL[name]}" if name in _INSTALL else "")
        for name, text in failures.items()
    ]
    return "\n".join([f"no renderer works here ({why}):", *lines])


def _camera(model: mujoco.MjModel, camera: str | int) -> int:
    """Number of a camera."""
    number = camera
    if isinstance(camera, str):
        number = mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_CAMERA, camera)
    if isinstance(number, int) and 0 <= number < model.ncam:
        return number
    names = ", ".join(model.camera(i).name or str(i) for i in range(model.ncam))
    raise ValueError(f"no camera {camera!r}; the model has {names or 'none: add one to it'}")
