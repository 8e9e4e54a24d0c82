"""The simulated arm as a driver; the engine loads when it connects."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import numpy as np

from hardware.arm_model import kinematics_of
from hardware.contract import Contract
from hardware.driver import Reading

if TYPE_CHECKING:
    from collections.abc import Callable

_DAMPING = 1e-4
"""Keeps the joints slow where a twist cannot be followed."""


class TwinDriver:
    """``sim.twin.Twin`` behind the driver's protocol; its time passes in ``advance`` only.

    Args:
        contract: Commanded by joint positions, joint velocities, or twists in the base frame.
        task: Whose objects stand in the scene.
        gap: Name of the gap profile.
        seed: Of the scene and of the noise.

    Raises:
        ValueError: If the contract commands something else.
    """

    def __init__(
        self, contract: Contract, task: str = "peg_insert", gap: str = "none", seed: int = 0
    ) -> None:
        if contract.command.mode == "cartesian_pose":
            raise ValueError(
                f"the twin takes joint_position, not {contract.command.mode}; "
                "put the controller node between them"
            )
        self._options = {"name": task, "gap": gap, "seed": seed}
        self._contract, self._arm = contract, len(contract.joints.arm)
        self._kinematics = None if contract.command.in_joints else kinematics_of(contract)
        self._twin: Any = None
        self._velocity: np.ndarray | None = None

    def connect(self) -> None:
        """Builds the scene, the arm at the start of the task's first episode."""
        make: Callable[..., Any] = importlib.import_module("sim.environments").make_twin_alone
        self._twin = make(**self._options)
        self._target = self._twin.state().q.copy()

    def time(self) -> float:
        """Since it was connected [s]."""
        return self._twin.time

    def advance(self, seconds: float) -> None:
        """Lets time pass; a velocity moves the joints' targets along."""
        if self._velocity is not None:
            self._aim(self._target[: self._arm] + seconds * self._joint_velocity(self._velocity))
        self._twin.advance(seconds)

    def read(self) -> Reading:
        """What the arm reports now."""
        state = self._twin.state()
        return Reading(state.stamp, state.q, state.dq, state.wrench)

    def send(self, command: np.ndarray) -> None:
        """Joint targets [rad] or velocities [rad/s], shape (7,), or a twist, shape (6,)."""
        if self._contract.command.is_velocity:
            self._velocity = command
        else:
            self._aim(command)

    def grip(self, value: float) -> None:
        """How far each finger opens [m]."""
        self._target[self._arm :] = value
        self._twin.command(self._target)

    def stop(self) -> None:
        """Holds the arm where it is measured."""
        self._velocity = None
        self._aim(self._twin.state().q[: self._arm])

    def objects(self) -> dict[str, np.ndarray]:
        """``x y z qx qy qz qw`` of each object. Shape (7,) [m]."""
        poses = self._twin.objects()
        return {name: np.r_[pose[:3], np.roll(pose[3:], -1)] for name, pose in poses.items()}

    def place(self, name: str, pose: np.ndarray) -> None:
        """Puts an object elsewhere, upright and at rest. ``pose`` is ``x y z qx qy qz qw``."""
        *_, x, y, z, w = pose
        yaw = np.arctan2(2 * (w * z + x * y), 1 - 2 * (y * y + z * z))
        self._twin.place(name, np.asarray(pose[:3]), float(yaw))

    def scene(self) -> tuple[float, np.ndarray]:
        """Stamp, and the positions that ``TwinView`` draws."""
        return self._twin.scene()

    def close(self) -> None:
        """Frees the engine; safe to call twice."""
        if self._twin is not None:
            self._twin.close()

    def _aim(self, q: np.ndarray) -> None:
        """Joint targets, within the joints' limits. Shape (7,) [rad]."""
        limits = self._contract.limits
        self._target[: self._arm] = np.clip(q, limits.q_lower, limits.q_upper)
        self._twin.command(self._target)

    def _joint_velocity(self, command: np.ndarray) -> np.ndarray:
        """The joint velocities of a command: a twist is the least-squares solution, damped."""
        if self._kinematics is None:
            return command
        jacobian = self._kinematics.state(self._target[: self._arm]).jacobian
        gram = jacobian @ jacobian.T + _DAMPING * np.eye(6)
        return jacobian.T @ np.linalg.solve(gram, command)
