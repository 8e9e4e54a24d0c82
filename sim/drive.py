"""MuJoCo's position servos for an engine that knows no rotor inertia."""

from __future__ import annotations

import copy

import mujoco
import numpy as np

from sim.urdf import fold_rotor_inertia

_TRUST = 0.5
"""Share of a newly felt load that is believed per time step.

Rigid contact stays calm up to 2 over the largest eigenvalue of folded by inverse geared inertia,
which is 2.6 over all configurations of the Panda.
"""


class Drive:
    """Torques that make the folded arm (``fold_rotor_inertia``) move as the geared one would.

    The servos and rotors decide on an acceleration, with the damping of servos within their limits
    taken implicitly, as MuJoCo's ``implicitfast`` does; inverse dynamics of the folded arm turn it
    into torques. A load from outside shows in the last time step, in which the arm moved otherwise
    than asked. Taking it into account, a few time steps late, makes the servos' stiffness exact
    where the arm is loaded, and an impact gets the rotors' share of its effect.

    Args:
        model: Has the driven joints first, one position servo each, and compensated weight.
        count: Number of driven joints.
        gain: Factor on stiffness and damping of the servos.
    """

    def __init__(self, model: mujoco.MjModel, count: int, gain: float = 1.0) -> None:
        self.stiffness = gain * model.actuator_gainprm[:count, 0]
        self.damping = -gain * model.actuator_biasprm[:count, 2]
        self._passive = model.dof_damping[:count].copy()
        self._limit = model.jnt_actfrcrange[:count, 1].copy()
        self._count = count
        self._dt = float(model.opt.timestep)
        geared = copy.copy(model)
        geared.opt.gravity[:] = 0  # The controller of the arm carries its weight.
        self._geared = _Dynamics(geared, count)
        self._folded = _Dynamics(fold_rotor_inertia(model), count)
        self.forget()

    def forget(self) -> None:
        """Begins anew: the next torque takes the arm to be free."""
        self._asked: tuple[np.ndarray, np.ndarray] | None = None
        self._load = np.zeros(self._count)

    def torque(self, q: np.ndarray, dq: np.ndarray, target: np.ndarray) -> np.ndarray:
        """Torque of each joint for the next time step. Shape (n,) [N m, N].

        Args:
            q: Configuration now. Shape (n,) [rad, m].
            dq: Velocity now. Shape (n,) [rad/s, m/s].
            target: Of the servos. Shape (n,) [rad, m].
        """
        self._feel(dq)
        servo = self.stiffness * (target - q) - self.damping * dq
        clipped = np.minimum(np.maximum(servo, -self._limit), self._limit)
        damping = self._passive + np.where(servo == clipped, self.damping, 0.0)
        self._geared.update(q, dq)
        driving = clipped - self._passive * dq + self._load - self._geared.bias()
        inertia = self._geared.inertia() + np.diag(self._dt * damping)
        acceleration = np.linalg.solve(inertia, driving)
        self._folded.update(q, dq)
        self._asked = dq, acceleration
        return self._folded.times_inertia(acceleration) + self._folded.bias() - self._load

    def _feel(self, dq: np.ndarray) -> None:
        """Learns the load [N m, N] from the velocity that the last torque led to."""
        if self._asked is not None:
            before, asked = self._asked
            unasked = (dq - before) / self._dt - asked
            self._load += _TRUST * self._folded.times_inertia(unasked)


class _Dynamics:
    """Mass matrix and bias of the first joints of a model, without its contacts."""

    def __init__(self, model: mujoco.MjModel, count: int) -> None:
        self._model, self._data, self._count = model, mujoco.MjData(model), count
        self._full = np.empty((model.nv, model.nv))
        self._vector, self._product = np.zeros(model.nv), np.zeros(model.nv)

    def update(self, q: np.ndarray, dq: np.ndarray) -> None:
        """Moves to a configuration and velocity. Shape (n,) each."""
        model, data = self._model, self._data
        data.qpos[: self._count], data.qvel[: self._count] = q, dq
        mujoco.mj_kinematics(model, data)
        mujoco.mj_comPos(model, data)
        mujoco.mj_makeM(model, data)
        mujoco.mj_comVel(model, data)

    def bias(self) -> np.ndarray:
        """Coriolis, centrifugal and gravity forces. Shape (n,)."""
        mujoco.mj_rne(self._model, self._data, 0, self._product)
        return self._product[: self._count].copy()

    def inertia(self) -> np.ndarray:
        """Shape (n, n)."""
        mujoco.mj_fullM(self._model, self._data, self._full)
        return self._full[: self._count, : self._count]

    def times_inertia(self, acceleration: np.ndarray) -> np.ndarray:
        """Shape (n,) -> (n,)."""
        self._vector[: self._count] = acceleration
        mujoco.mj_mulM(self._model, self._data, self._product, self._vector)
        return self._product[: self._count].copy()
