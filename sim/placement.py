"""Where the bodies of a task stand: free ones in the positions, fixed ones in the model."""

from __future__ import annotations

from collections.abc import Sequence

import mujoco
import numpy as np

from sim.task import Pose, Task


class Placement:
    """Poses by body name, for a batch of worlds of one model.

    Attributes:
        free: Where the seven positions of each free body begin in ``qpos``, by name.
    """

    def __init__(self, model: mujoco.MjModel) -> None:
        free = np.flatnonzero(model.jnt_type == mujoco.mjtJoint.mjJNT_FREE)
        self.free = {
            model.body(model.jnt_bodyid[joint]).name: int(model.jnt_qposadr[joint])
            for joint in free
        }
        self._half_height = {
            name: float(model.geom_size[model.body(name).geomadr[0], 2]) for name in self.free
        }

    def read(self, qpos: np.ndarray) -> dict[str, np.ndarray]:
        """Position and quaternion wxyz of each free body in ``qpos``. Shape (worlds, 7)."""
        return {name: qpos[:, at : at + 7].copy() for name, at in self.free.items()}

    def write_free(self, qpos: np.ndarray, worlds: np.ndarray, poses: dict[str, Pose]) -> None:
        """Puts the free ones of ``poses`` into the rows ``worlds`` of ``qpos``."""
        for name in poses.keys() & self.free.keys():
            at = self.free[name]
            qpos[worlds, at : at + 7] = _upright(poses[name])[worlds]

    def stand(self, qpos: np.ndarray, worlds: np.ndarray, size: np.ndarray) -> None:
        """Lifts free boxes that are so many times as large as usual, until they stand again.

        Args:
            qpos: Shape (all worlds, nq); written in rows ``worlds``.
            worlds: Indices.
            size: Factor, of all worlds.
        """
        for name, at in self.free.items():
            qpos[worlds, at + 2] += (size[worlds] - 1) * self._half_height[name]

    def write_fixed(
        self, models: Sequence[mujoco.MjModel], worlds: np.ndarray, poses: dict[str, Pose]
    ) -> None:
        """Puts the fixed ones of ``poses`` into the models of ``worlds``."""
        for name in poses.keys() - self.free.keys():
            body, stand = models[0].body(name).id, _upright(poses[name])
            for world in worlds:
                models[world].body_pos[body] = stand[world, :3]
                models[world].body_quat[body] = stand[world, 3:]


def fixed_objects(placement: Placement, task: Task) -> tuple[str, ...]:
    """Objects of a task that stand fixed, so that the model has their poses."""
    return tuple(name for name in task.objects if name not in placement.free)


def _upright(pose: Pose) -> np.ndarray:
    """Position and quaternion wxyz. Shape (worlds, 7)."""
    zero = np.zeros_like(pose.yaw)
    turn = np.column_stack([np.cos(pose.yaw / 2), zero, zero, np.sin(pose.yaw / 2)])
    return np.hstack([pose.position, turn])
