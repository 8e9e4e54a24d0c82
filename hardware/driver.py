"""What an arm's driver does: the seam between the arm node and a vendor's library."""

from __future__ import annotations

import importlib
from typing import Any, NamedTuple, Protocol, cast, runtime_checkable

import numpy as np

from hardware.contract import Contract

DRIVERS = {"twin": "hardware.twin_driver:TwinDriver"}
"""``module:class`` by name; a class takes the contract and options of its own."""


class Reading(NamedTuple):
    """What an arm reports at one time."""

    stamp: float
    """When it was measured, on the driver's clock [s]."""
    q: np.ndarray
    """Positions in the order of the contract's joints, arm then gripper [rad, m]."""
    dq: np.ndarray
    """Velocities, in the same order [rad/s, m/s]."""
    wrench: np.ndarray | None = None
    """Contact force and torque. Shape (6,) [N, N m]."""
    pose_base_tool: np.ndarray | None = None
    """``x y z qx qy qz qw``, where the arm reports it. Shape (7,) [m]."""


@runtime_checkable
class ArmDriver(Protocol):
    """A connection to one arm. It has a clock of its own, in seconds."""

    def connect(self) -> None:
        """Opens the connection; the arm does not move.

        Raises:
            ConnectionError: Nobody answers.
        """
        ...

    def time(self) -> float:
        """The driver's clock [s]."""
        ...

    def read(self) -> Reading:
        """The newest state."""
        ...

    def send(self, command: np.ndarray) -> None:
        """Moves the arm: a finite command in the contract's mode. Shape (size,)."""
        ...

    def grip(self, value: float) -> None:
        """Moves the gripper to a value between the contract's ``open`` and ``closed``."""
        ...

    def stop(self) -> None:
        """Holds the arm where it is measured, from now on."""
        ...

    def close(self) -> None:
        """Ends the connection, the arm held; safe to call twice."""
        ...


@runtime_checkable
class Simulated(Protocol):
    """A driver whose time passes only when it is told to."""

    def advance(self, seconds: float) -> None:
        """Lets time pass."""
        ...


@runtime_checkable
class HasScene(Protocol):
    """A driver that knows the objects around its arm."""

    def objects(self) -> dict[str, np.ndarray]:
        """``x y z qx qy qz qw`` of each, as old as the reading. Shape (7,) [m]."""
        ...

    def place(self, name: str, pose: np.ndarray) -> None:
        """Puts an object elsewhere, upright and at rest.

        Args:
            name: The object.
            pose: ``x y z qx qy qz qw``. Shape (7,) [m].
        """
        ...

    def scene(self) -> tuple[float, np.ndarray]:
        """Stamp [s] and positions of everything, for a camera in another process."""
        ...


def make_driver(name: str, contract: Contract, **options: Any) -> ArmDriver:
    """Makes the driver of a name; nothing is connected yet.

    Args:
        name: A key of ``DRIVERS``, or ``module:class`` for one of your own.
        contract: The robot.
        **options: Passed to the class.

    Raises:
        ValueError: There is no such driver.
        TypeError: It has no such option.
    """
    address = DRIVERS.get(name, name)
    module, colon, attribute = address.partition(":")
    if not colon:
        raise ValueError(
            f"no driver {name!r}; choose from {', '.join(DRIVERS)}, or write module:class"
        )
    driver = getattr(importlib.import_module(module), attribute, None)
    if driver is None:
        raise ValueError(f"module {module!r} has no class {attribute!r}; write module:class")
    return cast("ArmDriver", driver(contract, **options))
