"""MuJoCo worlds that advance together on several threads: one model each, one state array."""

from __future__ import annotations

import copy
import os

import mujoco
import numpy as np
from mujoco.rollout import Rollout

_FULL = mujoco.mjtState.mjSTATE_FULLPHYSICS
_MAX_SPEED = 100.0
"""No joint or object moves faster than this [rad/s, m/s]."""


class Batch:
    """``worlds`` copies of a model and their states.

    Each ``advance`` starts the contact solver cold, so a state says everything about the future:
    the same state and controls give the same bits.
    """

    def __init__(self, model: mujoco.MjModel, worlds: int, threads: int | None = None) -> None:
        self.models = [copy.copy(model) for _ in range(worlds)]
        wanted = min(worlds, threads or _usable_cores())
        self._threads = wanted if wanted > 1 else 0
        self._data = [mujoco.MjData(model) for _ in range(max(1, self._threads))]
        self._rollout = Rollout(nthread=self._threads)
        self.state = np.zeros((worlds, mujoco.mj_stateSize(model, _FULL)))
        mujoco.mj_getState(model, self._data[0], self.state[0], _FULL)
        self.state[:] = self.state[0]
        self._nq, self._nv = model.nq, model.nv
        self._timestep = model.opt.timestep
        self._broken_off = np.zeros(worlds, bool)

    @property
    def qpos(self) -> np.ndarray:
        """View of the positions in the states. Shape (worlds, nq)."""
        return self.state[:, 1 : 1 + self._nq]

    @property
    def qvel(self) -> np.ndarray:
        """View of the velocities in the states. Shape (worlds, nv)."""
        return self.state[:, 1 + self._nq : 1 + self._nq + self._nv]

    @property
    def diverged(self) -> np.ndarray:
        """Which worlds the engine gave up, or are as no arm can be. Shape (worlds,), bool."""
        finite = np.isfinite(self.state).all(axis=1)
        return self._broken_off | ~finite | (np.abs(self.qvel).max(axis=1) > _MAX_SPEED)

    def advance(self, control: np.ndarray) -> np.ndarray:
        """Steps every world through ``control``, shape (worlds, ticks, nu).

        Returns:
            The sensors at each tick. Shape (worlds, ticks, nsensordata).
        """
        states, sensors = self._rollout.rollout(self.models, self._data, self.state, control)
        advanced = np.asarray(states)[:, -1, 0] - self.state[:, 0]
        self.state = np.ascontiguousarray(np.asarray(states)[:, -1])
        # After a warning the engine leaves out the remaining ticks, and the state may look sane.
        missing = control.shape[1] * self._timestep - advanced
        self._broken_off = np.abs(missing) > self._timestep / 2
        return np.asarray(sensors)

    def view(self, world: int) -> tuple[mujoco.MjModel, mujoco.MjData]:
        """Model of one world, and scratch data with its kinematics, valid until the next call."""
        model, data = self.models[world], self._data[0]
        mujoco.mj_setState(model, data, self.state[world], _FULL)
        mujoco.mj_fwdPosition(model, data)
        return model, data

    def close(self) -> None:
        """Ends the threads; safe to call twice."""
        self._rollout.close()


def _usable_cores() -> int:
    """Cores that this process may run on: in a container, fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
