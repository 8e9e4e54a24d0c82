"""The arm as a page draws it: triangles of its MuJoCo model, and where each body is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from hardware.arm_model import load_model
from hardware.contract import Contract

if TYPE_CHECKING:
    import mujoco

_SHOWN = 3
"""Geoms of a group from here on are for collisions, as MuJoCo's own viewer has it."""


class Shape(NamedTuple):
    """A part of one body, in the frame of that body."""

    body: int
    vertices: np.ndarray
    """Shape (vertices, 3) [m]."""
    faces: np.ndarray
    """Shape (faces, 3)."""
    rgba: np.ndarray
    """Shape (4,), from 0 to 1."""


class ArmShapes:
    """A robot's model as a page draws it.

    Args:
        model: Of MuJoCo; its world is the base frame.
        joints: Names in the order of the positions; those the model lacks are left out.
        tool: Name of the tool's site.

    Attributes:
        shapes: What to draw.
    """

    def __init__(self, model: mujoco.MjModel, joints: Sequence[str], tool: str) -> None:
        import mujoco

        self._model, self._data = model, mujoco.MjData(model)
        ids = [mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_JOINT, name) for name in joints]
        self._known = np.array(ids) >= 0
        self._addresses = model.jnt_qposadr[[i for i in ids if i >= 0]]
        self._tool = model.site(tool).id
        geoms = [i for i in range(model.ngeom) if model.geom_group[i] < _SHOWN]
        drawn = [(i, _triangles(model, i)) for i in geoms]
        self.shapes = [_shape(model, i, *found) for i, found in drawn if found is not None]

    def pose(self, q: np.ndarray) -> np.ndarray:
        """Where the bodies are, then the tool.

        Args:
            q: Positions in the order of the joints. Shape (joints,) [rad or m].

        Returns:
            ``x y z qw qx qy qz`` of each body, and of the tool last. Shape (bodies + 1, 7).
        """
        import mujoco

        data, turn = self._data, np.empty(4)
        data.qpos[self._addresses] = q[self._known[: len(q)].nonzero()[0]]
        mujoco.mj_kinematics(self._model, data)
        mujoco.mju_mat2Quat(turn, data.site_xmat[self._tool])
        tool = np.r_[data.site_xpos[self._tool], turn]
        return np.vstack([np.hstack([data.xpos, data.xquat]), tool])


def arm_shapes(contract: Contract) -> ArmShapes | None:
    """The contract's model, or None if it names none; without shapes where they are not there."""
    if contract.model is None:
        return None
    try:
        model = load_model(contract.model, shapes=True)
    except ValueError:
        model = load_model(contract.model)
    return ArmShapes(model, joint_names(contract), contract.model.tool_site)


def joint_names(contract: Contract) -> tuple[str, ...]:
    """The joints that the stream ``joint_states`` has, in its order."""
    with_fingers = contract.gripper is None or contract.gripper.state is None
    return (*contract.joints.arm, *(contract.joints.gripper if with_fingers else ()))


def _shape(model: mujoco.MjModel, geom: int, vertices: np.ndarray, faces: np.ndarray) -> Shape:
    import mujoco

    turn = np.empty(9)
    mujoco.mju_quat2Mat(turn, model.geom_quat[geom])
    material = model.geom_matid[geom]
    rgba = model.geom_rgba[geom] if material < 0 else model.mat_rgba[material]
    placed = vertices @ turn.reshape(3, 3).T + model.geom_pos[geom]
    return Shape(int(model.geom_bodyid[geom]), placed, faces, rgba)


def _triangles(model: mujoco.MjModel, geom: int) -> tuple[np.ndarray, np.ndarray] | None:
    """Vertices and faces in the geom's own frame; None for what has no end, as a plane."""
    import mujoco
    from trimesh import creation

    kind, size = mujoco.mjtGeom(model.geom_type[geom]), model.geom_size[geom]
    if kind == mujoco.mjtGeom.mjGEOM_MESH:
        return _mesh(model, model.geom_dataid[geom])
    if kind == mujoco.mjtGeom.mjGEOM_BOX:
        made = creation.box(2 * size)
    elif kind == mujoco.mjtGeom.mjGEOM_CAPSULE:
        made = creation.capsule(2 * size[1], size[0], count=(16, 16))
    elif kind == mujoco.mjtGeom.mjGEOM_CYLINDER:
        made = creation.cylinder(size[0], 2 * size[1], sections=32)
    elif kind in (mujoco.mjtGeom.mjGEOM_SPHERE, mujoco.mjtGeom.mjGEOM_ELLIPSOID):
        made = creation.icosphere(subdivisions=2)
        made.apply_scale(size if kind == mujoco.mjtGeom.mjGEOM_ELLIPSOID else np.repeat(size[0], 3))
    else:
        return None
    return np.asarray(made.vertices), np.asarray(made.faces)


def _mesh(model: mujoco.MjModel, mesh: int) -> tuple[np.ndarray, np.ndarray]:
    vertex, face = model.mesh_vertadr[mesh], model.mesh_faceadr[mesh]
    vertices = model.mesh_vert[vertex : vertex + model.mesh_vertnum[mesh]]
    return vertices, model.mesh_face[face : face + model.mesh_facenum[mesh]]
