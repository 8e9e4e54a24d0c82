"""One arm and its objects on PyBullet: a second, independent engine.

The scene is the one MuJoCo compiles, exported body by body as URDF (``sim.urdf``). A ``Drive`` does
at each joint what MuJoCo's position servos do, rotor inertia included. What touches what, and with
which force, is PyBullet's own answer.
"""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import mujoco
import numpy as np

from robot_rl.env import Closing
from sim import panda
from sim.contact import contact_friction
from sim.drive import Drive
from sim.gap import GapProfile
from sim.urdf import roots, to_urdf

JOINTS = (*panda.ARM_JOINTS, *panda.FINGER_JOINTS)
_HAND = "hand"
_SOLVER_ITERATIONS = 100


class Reading(NamedTuple):
    """The arm after a time step, without delay or noise."""

    q: np.ndarray
    """Positions of arm and fingers. Shape (9,) [rad, m]."""
    dq: np.ndarray
    """Velocities of arm and fingers. Shape (9,) [rad/s, m/s]."""
    wrist: np.ndarray
    """Force and torque that the arm exerts on the hand, in its frame, about its origin, as MuJoCo's
    sensors have them. They follow the true acceleration, MuJoCo's the one before implicit damping.
    Shape (6,) [N, N m]."""


class BulletWorld(Closing):
    """Physics at the time step of the model; time passes in ``tick`` only.

    Args:
        model: A scene with the Panda; objects have free joints or stand fixed on the world.
        gap: What of the mechanics differs: friction of joints and contacts, gain, payload.

    Attributes:
        reading: Of the arm, after the last ``tick`` or ``set_joints``.
    """

    def __init__(self, model: mujoco.MjModel, gap: GapProfile) -> None:
        self._bullet = bullet = _load_pybullet()
        self.dt = float(model.opt.timestep)
        self._client = bullet.connect(bullet.DIRECT)
        self._call("setGravity", *model.opt.gravity)
        self._call("setTimeStep", self.dt)
        self._call(
            "setPhysicsEngineParameter",
            numSolverIterations=_SOLVER_ITERATIONS,
            deterministicOverlappingPairs=1,
        )
        self._bodies = {name: self._load(model, name) for name in roots(model)}
        self._links = {body: self._links_of(body) for body in self._bodies.values()}
        self._centres = {name: self._centre_of_mass(body) for name, body in self._bodies.items()}
        self._arm = self._bodies["link0"]
        self._joints = [self._links[self._arm][name] for name in _links_behind(model, JOINTS)]
        self._to_origin = _about_origin(*model.body(_HAND).ipos)
        self._set_contacts(model, gap)
        self._set_arm(gap)
        self._drive = Drive(model, len(JOINTS), gap.gain)
        self._push, self._step, self._states = self._bind()
        self.reading = self._read()
        self._fresh = self._call("saveState")

    def reset(self) -> None:
        """Forgets the past: contacts, velocities, what the drive knows of loads."""
        self._call("restoreState", self._fresh)
        self._drive.forget()

    def put(self, name: str, position: np.ndarray, quat: np.ndarray) -> None:
        """Places an object at rest.

        Args:
            name: Body on the world.
            position: Shape (3,) [m].
            quat: Orientation wxyz (MuJoCo). Shape (4,).
        """
        body, centre = self._bodies[name], self._centres[name]
        pose = self._bullet.multiplyTransforms(position, np.roll(quat, -1), *centre)
        self._call("resetBasePositionAndOrientation", body, *pose)
        self._call("resetBaseVelocity", body, [0, 0, 0], [0, 0, 0])

    def set_joints(self, q: np.ndarray) -> None:
        """Puts arm and fingers to ``q``, shape (9,) [rad, m], at rest."""
        for joint, value in zip(self._joints, q, strict=True):
            self._call("resetJointState", self._arm, joint, float(value), 0.0)
        self._drive.forget()
        self.reading = self._read()

    def pose(self, name: str) -> np.ndarray:
        """Position and quaternion wxyz (MuJoCo) of a body on the world. Shape (7,)."""
        back = self._bullet.invertTransform(*self._centres[name])
        centre = self._call("getBasePositionAndOrientation", self._bodies[name])
        position, quat = self._bullet.multiplyTransforms(*centre, *back)
        return np.array([*position, quat[3], *quat[:3]])

    def tick(self, target: np.ndarray) -> None:
        """Servos towards ``target``, shape (9,) [rad, m], for one time step."""
        self._push(forces=self._drive.torque(self.reading.q, self.reading.dq, target))
        self._step()
        self.reading = self._read()

    def close(self) -> None:
        """Frees the engine; safe to call twice."""
        if self._client >= 0:
            self._bullet.disconnect(self._client)
            self._client = -1

    def _call(self, function: str, *arguments: Any, **options: Any) -> Any:
        return getattr(self._bullet, function)(*arguments, **options, physicsClientId=self._client)

    def _bind(self) -> tuple[Callable[..., None], Callable[[], None], Callable[[], Any]]:
        """The three calls of a time step; looking them up each time would cost a tenth of it."""
        bullet, arm, client = self._bullet, self._arm, {"physicsClientId": self._client}
        push = functools.partial(
            bullet.setJointMotorControlArray, arm, self._joints, bullet.TORQUE_CONTROL, **client
        )
        seen = [*self._joints, self._links[arm][_HAND]]
        states = functools.partial(bullet.getJointStates, arm, seen, **client)
        return push, functools.partial(bullet.stepSimulation, **client), states

    def _read(self) -> Reading:
        *joints, hand = self._states()
        motion = np.array([(q, dq) for q, dq, _, _ in joints])
        # PyBullet's torque is about the centre of mass.
        return Reading(motion[:, 0], motion[:, 1], self._to_origin @ hand[2])

    def _load(self, model: mujoco.MjModel, name: str) -> int:
        body = model.body(name)
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / f"{name}.urdf"
            file.write_text(to_urdf(model, name), encoding="utf-8")
            return self._call(
                "loadURDF",
                str(file),
                body.pos,
                np.roll(body.quat, -1),
                useFixedBase=int(body.jntnum[0]) == 0,
                flags=self._bullet.URDF_USE_INERTIA_FROM_FILE,
            )

    def _centre_of_mass(self, body: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """In the body's frame: what PyBullet calls the base is the centre of mass."""
        return self._call("getDynamicsInfo", body, -1)[3:5]

    def _links_of(self, body: int) -> dict[str, int]:
        """Number of each link by name; the base is -1."""
        count = self._call("getNumJoints", body)
        infos = [self._call("getJointInfo", body, link) for link in range(count)]
        base = self._call("getBodyInfo", body)[0].decode()
        return {base: -1} | {info[12].decode(): info[0] for info in infos}

    def _set_contacts(self, model: mujoco.MjModel, gap: GapProfile) -> None:
        friction = contact_friction(model)
        for body, links in self._links.items():
            for name, link in links.items():
                lateral = friction.get(name, 0.0) * gap.contact_friction**0.5
                self._call("changeDynamics", body, link, lateralFriction=lateral, restitution=0)

    def _set_arm(self, gap: GapProfile) -> None:
        """Friction and payload; PyBullet's own holding motors and damping go."""
        for link in self._links[self._arm].values():
            self._call(
                "changeDynamics", self._arm, link, linearDamping=0, angularDamping=0, jointDamping=0
            )
        # A motor that wants to stand still, with little force, is Coulomb friction.
        mode = self._bullet.VELOCITY_CONTROL
        friction = [gap.joint_friction] * len(panda.ARM_JOINTS) + [0.0, 0.0]
        self._call("setJointMotorControlArray", self._arm, self._joints, mode, forces=friction)
        hand = self._links[self._arm][_HAND]
        self._call("enableJointForceTorqueSensor", self._arm, hand, True)
        mass, _, inertia, *_ = self._call("getDynamicsInfo", self._arm, hand)
        heavier = {"mass": mass + gap.payload, "localInertiaDiagonal": inertia}
        self._call("changeDynamics", self._arm, hand, **heavier)


def _links_behind(model: mujoco.MjModel, joints: tuple[str, ...]) -> list[str]:
    """Names of the links that the joints move."""
    return [model.body(int(model.joint(joint).bodyid[0])).name for joint in joints]


def _about_origin(x: float, y: float, z: float) -> np.ndarray:
    """Turns a wrench about the point (x, y, z) into one about the origin. Shape (6, 6)."""
    matrix = np.eye(6)
    matrix[3:, :3] = [[0, -z, y], [z, 0, -x], [-y, x, 0]]
    return matrix


def _load_pybullet() -> ModuleType:
    try:
        import pybullet
    except ImportError as error:
        raise ImportError(
            "the twin needs PyBullet; install it with: pip install 'robot-rl[twin]'"
        ) from error
    return pybullet
