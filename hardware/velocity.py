"""What an arm is sent that takes velocities: the guard's targets as joint velocities or twists."""

from __future__ import annotations

import numpy as np

from controllers.command_space import CommandSpace
from controllers.lie import so3_from_quat
from controllers.reason import Reason
from controllers.velocity_follower import VelocityFollower
from hardware.contract import Contract
from hardware.guard import Order


class VelocityCommand:
    """Turns each order of the guard into the velocity that follows it.

    A velocity stands until the next one: an order to send nothing becomes a standstill, once
    anything was sent.

    Args:
        contract: The robot, commanded by velocities.
        space: The kind of target that its guard works with.
    """

    def __init__(self, contract: Contract, space: CommandSpace) -> None:
        self._command, self._space = contract.command, space
        self._follower = VelocityFollower(space, contract.command.gain, 1 / contract.rates.stream)
        self._rest: np.ndarray | None = None

    @property
    def rest(self) -> np.ndarray | None:
        """The standstill; None before anything was sent."""
        return self._rest

    def of(self, order: Order, measured: np.ndarray, time: float) -> np.ndarray | None:
        """The numbers to send; None: send nothing.

        Args:
            order: The guard's.
            measured: Where the arm is, joints or pose; from nowhere no velocity leads to a target.
                Shape (size,).
            time: Now [s].
        """
        if order.command is None or not self._space.valid(measured):
            return self._standstill(order.reasons)
        velocity = self._follower.follow(order.command, measured, time)
        self._rest = np.zeros_like(velocity)
        return velocity if self._command.in_joints else self._twist(velocity, measured[3:])

    def _standstill(self, reasons: Reason) -> np.ndarray | None:
        """Zeros while nothing may be sent; beside somebody else who commands the arm, once."""
        if Reason.CLOCK in reasons:
            return None
        moving, rest = self._follower.moving, self._rest
        self._follower.stop()
        return rest if moving or Reason.CONTESTED not in reasons else None

    def _twist(self, velocity: np.ndarray, quat: np.ndarray) -> np.ndarray:
        """In the frame and unit of the arm's driver."""
        twist = velocity.reshape(2, 3)
        if self._command.frame == "tool":
            twist = twist @ so3_from_quat(quat)
        if self._command.angles == "deg":
            twist = np.stack([twist[0], np.degrees(twist[1])])
        return twist.ravel()
