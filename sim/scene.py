"""The scene around the arm: table, lights, cameras, and boxes that tasks are built of.

Collision bits: the world and free objects are 1, the arm is 2, a tool held by the gripper is 4. The
arm does not collide with itself (the controllers avoid that) nor with the tool it holds.
"""

from __future__ import annotations

from collections.abc import Sequence

import mujoco
import numpy as np

from sim import panda
from sim.task import Task

CAMERAS = ("front", "wrist")
"""For policies."""
SPECTATOR = "spectator"
"""For people: sees hand and workspace from close by."""
ORANGE, BLUE, GREEN = (0.95, 0.55, 0.15, 1), (0.2, 0.45, 0.75, 1), (0.2, 0.7, 0.35, 1)
_WORLD = {"contype": 1, "conaffinity": 7}
_TOOL = {"contype": 4, "conaffinity": 0}
_GHOST = {"contype": 0, "conaffinity": 0}
_STIFF = [0.01, 1.0]


def arm_scene() -> mujoco.MjSpec:
    """The Panda behind a table whose top is at height 0, with the cameras of ``CAMERAS``."""
    scene = panda.spec()
    scene.modelname = "scene"
    scene.option.disableflags |= mujoco.mjtDisableBit.mjDSBL_AUTORESET
    # Without this MuJoCo replaces a diverged state by the initial one and nobody notices.
    add_box(
        scene.worldbody,
        "table",
        size=(0.5, 0.6, 0.02),
        position=(0.4, 0.0, -0.02),
        rgba=(0.72, 0.68, 0.62, 1),
    )
    scene.worldbody.add_light(
        type=mujoco.mjtLightType.mjLIGHT_DIRECTIONAL,
        pos=[0.6, -0.8, 2.2],
        dir=[-0.05, 0.4, -1],
        diffuse=[0.65] * 3,
        specular=[0.2] * 3,
    )
    scene.visual.headlight.ambient = [0.3] * 3
    scene.visual.headlight.diffuse = [0.25] * 3
    scene.add_texture(
        name="sky",
        type=mujoco.mjtTexture.mjTEXTURE_SKYBOX,
        builtin=mujoco.mjtBuiltin.mjBUILTIN_GRADIENT,
        rgb1=[0.93, 0.95, 0.97],
        rgb2=[0.6, 0.67, 0.75],
        width=64,
        height=64,
    )
    _add_camera(scene, "front", [0.85, -0.25, 0.3], [0.5, 0, 0.06], fovy=45)
    _add_camera(scene, SPECTATOR, [0.95, -0.45, 0.34], [0.46, 0, 0.12], fovy=40)
    scene.body("hand").add_camera(
        name="wrist", pos=[0.09, 0, 0.0], xyaxes=[0, 1, 0, 0.94, 0, 0.34], fovy=70
    )
    return scene


def task_model(task: Task) -> mujoco.MjModel:
    """The scene with everything that a task adds, compiled."""
    scene = arm_scene()
    task.build(scene)
    return scene.compile()


def add_box(
    body: mujoco.MjsBody,
    name: str,
    size: Sequence[float],
    position: Sequence[float] = (0, 0, 0),
    rgba: Sequence[float] = (0.5, 0.5, 0.5, 1),
    friction: float = 1.0,
    mass: float = 0.0,
    kind: str = "world",
) -> None:
    """Adds a box of half sizes ``size`` [m].

    ``kind`` is ``world``, ``tool`` (held by the gripper) or ``ghost`` (seen, but not felt).
    """
    bits = {"world": _WORLD, "tool": _TOOL, "ghost": _GHOST}[kind]
    body.add_geom(
        name=name,
        type=mujoco.mjtGeom.mjGEOM_BOX,
        pos=list(position),
        size=list(size),
        rgba=list(rgba),
        mass=mass,
        friction=[friction, 0.01, 0.0001],
        solref=_STIFF,
        **bits,
    )


def _add_camera(
    scene: mujoco.MjSpec, name: str, eye: list[float], target: list[float], fovy: float
) -> None:
    scene.worldbody.add_camera(name=name, pos=eye, xyaxes=_looking_at(eye, target), fovy=fovy)


def _looking_at(eye: Sequence[float], target: Sequence[float]) -> list[float]:
    """The camera's x and y axes in the world; it looks along its negative z axis."""
    back = np.subtract(eye, target)
    right = np.cross([0, 0, 1], back)
    up = np.cross(back, right)
    return [*(right / np.linalg.norm(right)), *(up / np.linalg.norm(up))]
