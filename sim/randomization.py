"""What differs between two episodes besides the task's own draws, as typed ranges."""

from __future__ import annotations

from dataclasses import dataclass, replace

import mujoco
import numpy as np

from controllers.ranges import require_not_negative

Range = tuple[float, float]
SAME: Range = (1.0, 1.0)
NONE: Range = (0.0, 0.0)


@dataclass(frozen=True)
class Randomization:
    """Uniform ranges, drawn per world and episode; the defaults change nothing."""

    mass: Range = SAME
    """Factor on the mass and inertia of objects and held tool."""
    friction: Range = SAME
    """Factor on the sliding friction of every contact."""
    gain: Range = SAME
    """Factor on stiffness and damping of the joint servos."""
    object_size: Range = SAME
    """Factor on the size of free objects."""
    delay: Range = NONE
    """Delay of the command [s]; beyond a policy step it takes ``action_history`` to cope with."""
    position_noise: float = 0.0
    """Standard deviation of the measured tool and task positions [m], constant over an episode."""
    force_noise: float = 0.0
    """Standard deviation of the measured force [N] and, a tenth of it, torque [N m], each step."""
    camera_position: float = 0.0
    """Half range of each camera's shift along each axis [m]."""
    camera_angle: float = 0.0
    """Half range of each camera's turn about each axis [rad]."""
    light: Range = SAME
    """Factor on the brightness of the lights."""

    def __post_init__(self) -> None:
        for name in ("mass", "friction", "gain", "object_size", "delay", "light"):
            low, high = getattr(self, name)
            if not 0 <= low <= high:
                raise ValueError(f"{name}=({low}, {high}) is no range; give 0 <= low <= high")
            if low == 0 and name in ("mass", "object_size"):
                raise ValueError(f"{name}=({low}, {high}) makes objects of nothing; give 0 < low")
        noises = ("position_noise", "force_noise", "camera_position", "camera_angle")
        require_not_negative(self, *noises)

    @classmethod
    def wide(cls) -> Randomization:
        """Ranges for policies that are to leave the simulator."""
        return cls(
            mass=(0.7, 1.4),
            friction=(0.6, 1.5),
            gain=(0.85, 1.15),
            object_size=(0.95, 1.05),
            delay=(0.0, 0.03),
            position_noise=0.0005,
            force_noise=0.5,
            camera_position=0.01,
            camera_angle=0.035,
            light=(0.4, 1.4),
        )

    @classmethod
    def robot(cls) -> Randomization:
        """As ``wide``, with the delays of arms behind ROS: up to three policy steps at 20 Hz.

        From an observation to the motion that answers it the twin takes some 110 ms on ``lab-1``:
        its state is 45 ms old, and the safety node takes a step to go from one request to the next.
        """
        return replace(cls.wide(), delay=(0.02, 0.16))

    def draw(self, rng: np.random.Generator, worlds: int) -> dict[str, np.ndarray]:
        """Draws of ``worlds`` episodes, keyed as the fields."""
        ranges = {name: getattr(self, name) for name in _FACTORS}
        draws = {name: rng.uniform(low, high, worlds) for name, (low, high) in ranges.items()}
        draws["bias"] = self.position_noise * rng.standard_normal((worlds, 3))
        draws["camera"] = rng.uniform(-1, 1, (worlds, 6))
        return draws


_FACTORS = ("mass", "friction", "gain", "object_size", "delay", "light")


class ModelDraw:
    """Writes one episode's draws into a world's own model, always from the nominal values."""

    def __init__(self, nominal: mujoco.MjModel, randomization: Randomization) -> None:
        self._nominal = nominal
        self._range = randomization
        free = [b for b in range(nominal.nbody) if _is_free(nominal, b)]
        held = [b for b in range(nominal.nbody) if nominal.body(b).name == "peg"]
        self._bodies = [*free, *held]
        self._free = free
        self._free_dofs = np.isin(nominal.dof_bodyid, free)
        self._free_turns = [nominal.body_dofadr[b] + i for b in free for i in (3, 4, 5)]
        self._free_geoms = np.isin(nominal.geom_bodyid, free)
        self._free_bounds = nominal.body_bvhadr[free]

    def write(self, model: mujoco.MjModel, draw: dict[str, np.ndarray]) -> None:
        """Applies the draws of one world (each value without the leading axis)."""
        nominal = self._nominal
        self._write_masses(model, draw["mass"], draw["object_size"])
        model.geom_friction[:, 0] = nominal.geom_friction[:, 0] * draw["friction"]
        model.actuator_gainprm[:, 0] = nominal.actuator_gainprm[:, 0] * draw["gain"]
        model.actuator_biasprm[:, 1:3] = nominal.actuator_biasprm[:, 1:3] * draw["gain"]
        self._write_sizes(model, draw["object_size"])
        shine(model, nominal, draw["light"])
        self._write_cameras(model, draw["camera"])

    def _write_masses(self, model: mujoco.MjModel, factor: np.ndarray, size: np.ndarray) -> None:
        """Masses, inertias of objects of that size, and the inverse weights.

        By these the engine scales contact forces: with those of a lighter object a heavy one
        that is pushed flies off after a while.
        """
        nominal, bodies, free, dofs = self._nominal, self._bodies, self._free, self._free_dofs
        model.body_mass[bodies] = nominal.body_mass[bodies] * factor
        model.body_inertia[bodies] = nominal.body_inertia[bodies] * factor
        model.body_inertia[free] *= size**2
        model.body_subtreemass[free] = nominal.body_subtreemass[free] * factor
        model.body_invweight0[free] = nominal.body_invweight0[free] / factor
        model.dof_invweight0[dofs] = nominal.dof_invweight0[dofs] / factor
        model.body_invweight0[free, 1] /= size**2
        model.dof_invweight0[self._free_turns] /= size**2

    def _write_sizes(self, model: mujoco.MjModel, factor: np.ndarray) -> None:
        """Sizes of free boxes, and the bounds by which the engine rules contacts out."""
        nominal, geoms, bounds = self._nominal, self._free_geoms, self._free_bounds
        model.geom_size[geoms] = nominal.geom_size[geoms] * factor
        model.geom_rbound[geoms] = np.linalg.norm(model.geom_size[geoms], axis=1)
        model.geom_aabb[geoms, 3:] = nominal.geom_aabb[geoms, 3:] * factor
        model.bvh_aabb[bounds, 3:] = nominal.bvh_aabb[bounds, 3:] * factor

    def _write_cameras(self, model: mujoco.MjModel, draw: np.ndarray) -> None:
        shift, turn = self._range.camera_position * draw[:3], self._range.camera_angle * draw[3:]
        move_cameras(model, self._nominal, shift, turn)


def shine(model: mujoco.MjModel, nominal: mujoco.MjModel, factor: float | np.ndarray) -> None:
    """Makes all light of ``model`` so many times as bright as that of ``nominal``."""
    model.light_diffuse[:] = nominal.light_diffuse * factor
    for name in ("ambient", "diffuse"):
        light, usual = (getattr(one.vis.headlight, name) for one in (model, nominal))
        light[:] = usual * factor


def move_cameras(
    model: mujoco.MjModel, nominal: mujoco.MjModel, shift: np.ndarray, turn: np.ndarray
) -> None:
    """Puts all cameras of ``model`` beside those of ``nominal``.

    Args:
        model: Changed in place.
        nominal: Where the cameras belong.
        shift: In the frame of the body that carries the camera. Shape (3,) [m].
        turn: Rotation vector in the camera's frame. Shape (3,) [rad].
    """
    model.cam_pos[:] = nominal.cam_pos + shift
    quat, angle = np.empty(4), float(np.linalg.norm(turn))
    mujoco.mju_axisAngle2Quat(quat, turn / max(angle, 1e-12), angle)
    for camera in range(model.ncam):
        mujoco.mju_mulQuat(model.cam_quat[camera], nominal.cam_quat[camera], quat)


def _is_free(model: mujoco.MjModel, body: int) -> bool:
    first = model.body_jntadr[body]
    return first >= 0 and model.jnt_type[first] == mujoco.mjtJoint.mjJNT_FREE
