"""Kinematics and dynamics of one arm inside a MuJoCo model, addressed by names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import mujoco
import numpy as np

from controllers.lie import se3, se3_inverse

_HINGE, _SLIDE = int(mujoco.mjtJoint.mjJNT_HINGE), int(mujoco.mjtJoint.mjJNT_SLIDE)


class ArmState(NamedTuple):
    """All that a control law needs to know; a real arm's own library may fill it as well.

    Poses and twists are those of the tool in the base frame; rows of the Jacobian and elements of
    the drift are linear first, then angular.
    """

    q: np.ndarray
    """Joint positions. Shape (joints,) [rad]."""
    dq: np.ndarray
    """Joint velocities. Shape (joints,) [rad/s]."""
    pose: np.ndarray
    """``pose_base_tool``. Shape (4, 4)."""
    jacobian: np.ndarray
    """Tool twist per joint velocity. Shape (6, joints)."""
    drift: np.ndarray
    """Tool acceleration at zero joint acceleration, dJ/dt dq. Shape (6,) [m/s^2, rad/s^2]."""
    mass: np.ndarray
    """Joint-space inertia with reflected rotors. Shape (joints, joints) [kg m^2]."""
    bias: np.ndarray
    """Torque of Coriolis, centrifugal and uncompensated gravity forces. Shape (joints,) [N m]."""

    @property
    def twist(self) -> np.ndarray:
        """Velocity of the tool in the base frame. Shape (6,) [m/s, rad/s]."""
        return self.jacobian @ self.dq


class Kinematics:
    """An arm of hinge and slide joints that carries a tool site.

    Every other joint of the model (fingers, objects) stays at its reference position and counts as
    locked. The model is not changed; several arms may share it.

    Raises:
        ValueError: A name is not in the model, or a joint has more than one degree of freedom.
    """

    def __init__(
        self, model: mujoco.MjModel, joints: Sequence[str], site: str, base: str = "world"
    ) -> None:
        self.model = model
        self.joints = tuple(joints)
        self.site = site
        ids = [_find(model, mujoco.mjtObj.mjOBJ_JOINT, name) for name in joints]
        self._require_scalar(ids)
        self.qpos_index = model.jnt_qposadr[ids]
        """Where the joints stand in ``qpos``. Shape (joints,)."""
        self.dof_index = model.jnt_dofadr[ids]
        """Where the joints stand in ``qvel``. Shape (joints,)."""
        limited = model.jnt_limited[ids].astype(bool)
        self.lower = np.where(limited, model.jnt_range[ids, 0], -np.inf)
        """Lower joint limits of the model. Shape (joints,) [rad]."""
        self.upper = np.where(limited, model.jnt_range[ids, 1], np.inf)
        """Upper joint limits of the model. Shape (joints,) [rad]."""
        self._ids = ids
        self._site = _find(model, mujoco.mjtObj.mjOBJ_SITE, site)
        self._site_body = int(model.site_bodyid[self._site])
        self._data = mujoco.MjData(model)
        self._full = np.zeros((6, model.nv))
        self._mass = np.zeros((model.nv, model.nv))
        body = _find(model, mujoco.mjtObj.mjOBJ_BODY, base)
        mujoco.mj_kinematics(model, self._data)
        rotation = self._data.xmat[body].reshape(3, 3)
        self.pose_world_base = se3(self._data.xpos[body], rotation)
        """Pose of the base, which is taken as fixed, in the world. Shape (4, 4)."""
        self._pose_base_world = se3_inverse(self.pose_world_base)

    @property
    def reference(self) -> np.ndarray:
        """Configuration of the whole model at its reference. Shape (nq,)."""
        return self.model.qpos0.copy()

    def pose(self, q: np.ndarray) -> np.ndarray:
        """``pose_base_tool`` at ``q``, shape (joints,) [rad]. Shape (4, 4)."""
        self._data.qpos[self.qpos_index] = q
        mujoco.mj_kinematics(self.model, self._data)
        return self._tool()

    def position(self, q: np.ndarray) -> np.ndarray:
        """Where the tool is in the base frame at ``q``, shape (joints,) [rad]. Shape (3,) [m]."""
        self._data.qpos[self.qpos_index] = q
        mujoco.mj_kinematics(self.model, self._data)
        pose = self._pose_base_world
        return pose[:3, :3] @ self._data.site_xpos[self._site] + pose[:3, 3]

    def jacobian(self, q: np.ndarray) -> np.ndarray:
        """Tool twist in the base frame per joint velocity, linear rows first. Shape (6, joints)."""
        self._data.qpos[self.qpos_index] = q
        mujoco.mj_kinematics(self.model, self._data)
        mujoco.mj_comPos(self.model, self._data)
        return self._jacobian()

    def state(self, q: np.ndarray, dq: np.ndarray | None = None) -> ArmState:
        """Everything at once at ``q`` and ``dq``, shapes (joints,); at rest without ``dq``."""
        model, data = self.model, self._data
        q = np.array(q, dtype=np.float64)
        dq = np.zeros_like(q) if dq is None else np.array(dq, dtype=np.float64)
        data.qpos[self.qpos_index] = q
        data.qvel[self.dof_index] = dq
        mujoco.mj_kinematics(model, data)
        mujoco.mj_comPos(model, data)
        mujoco.mj_makeM(model, data)
        mujoco.mj_fwdVelocity(model, data)
        mujoco.mj_fullM(model, data, self._mass)
        jacobian, change = self._jacobian(), self._jacobian_change()
        return ArmState(
            q=q,
            dq=dq,
            pose=self._tool(),
            jacobian=jacobian,
            drift=change @ dq,
            mass=self._mass[np.ix_(self.dof_index, self.dof_index)],
            bias=(data.qfrc_bias - data.qfrc_gravcomp)[self.dof_index],
        )

    def reach(self) -> np.ndarray:
        """How far a unit of each joint can move the tool, at most, in any configuration.

        Two neighbouring joints, or the last joint and the tool, share a link, so their distance is
        constant; the sum of those lengths bounds the lever arm. A slide lengthens the levers before
        it by its travel.

        Returns:
            Lever arms. Shape (joints,) [m/rad]; one for a slide [m/m].
        """
        data, model = self._data, self.model
        data.qpos[:] = model.qpos0
        mujoco.mj_kinematics(model, data)
        points = np.vstack([data.xanchor[self._ids], data.site_xpos[self._site]])
        links = np.linalg.norm(np.diff(points, axis=0), axis=1)
        slide = model.jnt_type[self._ids] == _SLIDE
        home = model.qpos0[self.qpos_index]
        travel = np.maximum(np.abs(self.lower - home), np.abs(self.upper - home))
        links[slide] += travel[slide]
        return np.where(slide, 1.0, np.cumsum(links[::-1])[::-1])

    def _tool(self) -> np.ndarray:
        rotation = self._data.site_xmat[self._site].reshape(3, 3)
        return self._pose_base_world @ se3(self._data.site_xpos[self._site], rotation)

    def _jacobian(self) -> np.ndarray:
        full = self._full
        mujoco.mj_jacSite(self.model, self._data, full[:3], full[3:], self._site)
        return self._in_base(full)

    def _jacobian_change(self) -> np.ndarray:
        full, point = self._full, self._data.site_xpos[self._site]
        mujoco.mj_jacDot(self.model, self._data, full[:3], full[3:], point, self._site_body)
        return self._in_base(full)

    def _in_base(self, jacobian: np.ndarray) -> np.ndarray:
        rotation = self._pose_base_world[:3, :3]
        columns = jacobian[:, self.dof_index].reshape(2, 3, -1)
        return (rotation @ columns).reshape(6, -1)

    def _require_scalar(self, ids: list[int]) -> None:
        for name, i in zip(self.joints, ids, strict=True):
            if self.model.jnt_type[i] not in (_HINGE, _SLIDE):
                raise ValueError(f"joint {name!r} is free or a ball; name hinges and slides only")


def _find(model: mujoco.MjModel, kind: mujoco.mjtObj, name: str) -> int:
    index = mujoco.mj_name2id(model, kind, name)
    if index < 0:
        word, count = {
            mujoco.mjtObj.mjOBJ_JOINT: ("joint", model.njnt),
            mujoco.mjtObj.mjOBJ_SITE: ("site", model.nsite),
            mujoco.mjtObj.mjOBJ_BODY: ("body", model.nbody),
        }[kind]
        names = [mujoco.mj_id2name(model, kind, i) for i in range(count)]
        raise ValueError(f"the model has no {word} {name!r}; it has {names}")
    return index
