"""One arm behind its driver: commands in, readings out, and the timeout that makes it hold still.

No ROS here: time is an argument. This is the last wall, in the process of the driver: it holds the
arm where it is when the commands stop, whatever has become of the process that sent them.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

import numpy as np

from hardware.contract import Contract
from hardware.driver import ArmDriver

_OWNED = 0.1
"""Time for which an arm without a timeout belongs to whom it follows [s]."""
_SIZES = {"cartesian_pose": 7, "cartesian_twist": 6}
"""Numbers of a command; others have one per joint."""


@dataclass
class ArmCounts:
    """What has happened since the arm was made."""

    commands: int = 0
    refused: int = 0
    """Commands of a wrong length, not finite, or beyond a joint limit."""
    late: int = 0
    """Commands that were under way for longer than the timeout."""
    strange: int = 0
    """Commands of another sender than the one that is followed."""
    timeouts: int = 0
    """How often commands stopped, and the arm was held."""


class Arm:
    """Passes commands on and holds the arm when they stop.

    Args:
        contract: The robot; without ``rates.command_timeout`` the last command stands for ever.
        driver: Its connection.
    """

    def __init__(self, contract: Contract, driver: ArmDriver) -> None:
        self.driver = driver
        self.counts = ArmCounts()
        self._timeout = contract.rates.command_timeout
        self._limits = contract.limits
        self._mode = contract.command.mode
        self._size = _SIZES.get(self._mode, len(contract.joints.arm))
        self._gripper = contract.gripper
        self._commanded_at: float | None = None
        self._sender: Hashable = None

    @property
    def moving(self) -> bool:
        """Whether commands are coming."""
        return self._commanded_at is not None

    def command(
        self, values: np.ndarray, now: float, age: float = 0.0, sender: Hashable = None
    ) -> None:
        """Passes a command on; one that makes no sense, or comes too late, is counted and left out.

        Of two senders the first is followed until it is silent: two would tear at the arm.

        Args:
            values: In the contract's mode and order. Shape (size,).
            now: Time [s].
            age: How long ago it was sent: what waited while the process stood still is no command
                any more [s].
            sender: Who sent it, if several might.
        """
        values = np.asarray(values, np.float64)
        if not self._makes_sense(values):
            self.counts.refused += 1
            return
        if self._timeout is not None and abs(age) > self._timeout:
            self.counts.late += 1
            return
        if sender != self._sender and self._is_followed(now):
            self.counts.strange += 1
            return
        self.counts.commands += 1
        self._commanded_at, self._sender = now, sender
        self.driver.send(values)

    def grip(self, value: float) -> None:
        """Moves the gripper; a value that makes no sense is counted and left out."""
        if self._gripper is None or not np.isfinite(value):
            self.counts.refused += 1
            return
        low, high = sorted((self._gripper.open, self._gripper.closed))
        self.driver.grip(min(max(float(value), low), high))

    def tick(self, now: float) -> None:
        """Holds the arm if commands have stopped. ``now`` is in seconds."""
        since = 0.0 if self._commanded_at is None else abs(now - self._commanded_at)
        if self._timeout is not None and since > self._timeout:
            self.hold()
            self.counts.timeouts += 1

    def hold(self) -> None:
        """Holds the arm where it is, until the next command."""
        self._commanded_at = None
        self.driver.stop()

    def _is_followed(self, now: float) -> bool:
        """Whether somebody has the arm."""
        if self._commanded_at is None:
            return False
        return abs(now - self._commanded_at) <= (self._timeout or _OWNED)

    def _makes_sense(self, values: np.ndarray) -> bool:
        if values.shape != (self._size,) or not np.isfinite(values).all():
            return False
        if self._mode != "joint_position":
            return True
        lower, upper = self._limits.q_lower, self._limits.q_upper
        return bool(((values >= lower) & (values <= upper)).all())
