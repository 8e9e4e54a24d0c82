"""What an arm's driver does: the seam between the arm node and a vendor's library."""

from __future__ import annotations

import importlib
from typing import Any, NamedTuple, Protocol, cast, runtime_checkable

import numpy as np

from hardware.contract import Contract
from hardware.contract_checks import TURNS

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


_METHODS = ("connect", "time", "read", "send", "grip", "stop", "close")
_OLD = 1.0
"""Nobody's first reading is older [s]."""


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
        ImportError: There is no such module.
        TypeError: It has no such option, or lacks a method.
    """
    address = DRIVERS.get(name, name)
    module, colon, attribute = address.partition(":")
    if not colon:
        raise ValueError(
            f"no driver {name!r}; choose from {', '.join(DRIVERS)}, or write module:class"
        )
    try:
        kind = getattr(importlib.import_module(module), attribute, None)
    except ModuleNotFoundError as error:
        raise ImportError(
            f"driver {name!r}: {error}; put its folder on PYTHONPATH, or install it"
        ) from error
    if kind is None:
        raise ValueError(f"module {module!r} has no class {attribute!r}; write module:class")
    try:
        driver = kind(contract, **options)
    except TypeError as error:
        raise TypeError(f"driver {name!r}: {error}; it is called with its contract") from error
    if lacks := [method for method in _METHODS if not callable(getattr(driver, method, None))]:
        raise TypeError(
            f"driver {name!r} lacks {', '.join(lacks)}; a driver has {', '.join(_METHODS)}"
        )
    return cast("ArmDriver", driver)


def check_reading(contract: Contract, driver: ArmDriver) -> None:
    """Reads a driver once, before anybody relies on it.

    Raises:
        ValueError: What it reports is not what the contract says; names what to mend.
    """
    reading, joints = driver.read(), (*contract.joints.arm, *contract.joints.gripper)
    for name in ("q", "dq"):
        _check_vector(f"Reading.{name}", getattr(reading, name), joints)
    far = np.flatnonzero(np.abs(reading.q[: len(contract.joints.arm)]) > TURNS)
    if far.size:
        value = reading.q[far[0]]
        raise ValueError(
            f"{joints[far[0]]} is at {value:g} rad, which looks like degrees; report radians"
        )
    for name, field in (("wrench", "wrench"), ("current_pose", "pose_base_tool")):
        if getattr(contract.state, name) is not None and getattr(reading, field) is None:
            raise ValueError(
                f"the contract has state.{name} and the driver reports none: everything would be "
                f"held as stale; report Reading.{field}, or take state.{name} out of the contract"
            )
    if abs(age := driver.time() - reading.stamp) > _OLD:
        raise ValueError(
            f"a reading is {age:.1f} s old by the driver's own time(); "
            "take Reading.stamp from the clock that time() tells"
        )


def _check_vector(name: str, value: Any, joints: tuple[str, ...]) -> None:
    if not isinstance(value, np.ndarray) or value.shape != (len(joints),):
        what = value.shape if isinstance(value, np.ndarray) else type(value).__name__
        raise ValueError(
            f"{name} is {what}; report an array of shape ({len(joints)},): {', '.join(joints)}"
        )
    if not np.isfinite(value).all():
        raise ValueError(f"{name} is {value.tolist()}; report finite numbers")
