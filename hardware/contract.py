"""One robot on ROS 2, as a roboticist writes it down: the contract between the arm and the learner.

SI units, radians; quaternions xyzw. Names of topics are relative: nodes put their own namespace
before them, remapping works, and ``Contract.in_namespace`` does it without a node. Contracts are
usually files (``hardware.contract_file``) and are embedded in every dataset and policy bundle.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import Any, Self

from controllers.limits import Limits
from hardware import contract_checks as checks
from hardware.topics import Camera, Command, ExtraPose, Gripper, Mode, State


@dataclass(frozen=True)
class Joints:
    """Names as in ``JointState``, in the order that our vectors have."""

    arm: tuple[str, ...]
    """Joints of the arm, from the base to the tool."""
    gripper: tuple[str, ...] = ()
    """Joints of the fingers; empty if nobody reports them."""

    def __post_init__(self) -> None:
        checks.names_differ(arm=self.arm, gripper=self.gripper)


@dataclass(frozen=True)
class Rates:
    """How often things happen."""

    policy: float
    """Actions per second of a policy or a person [Hz]."""
    stream: float
    """Commands per second that the safety node sends to the arm [Hz]."""
    state: float
    """Messages per second on the state topics [Hz]."""
    blend: float = 1.0
    """Share of a policy period over which a new target is approached: less is quicker, and rougher
    where the arm's limits do not smooth it."""
    command_timeout: float | None = None
    """Silence after which the arm's own driver holds still; None if it never does, so that the last
    command stands when the safety node dies [s]."""

    def __post_init__(self) -> None:
        checks.within("policy", self.policy, 1, 100, "Hz")
        checks.within("stream", self.stream, 100, 500, "Hz")
        checks.within("state", self.state, 10, 1000, "Hz")
        checks.within("blend", self.blend, 0.05, 1, "periods")
        if self.command_timeout is not None:
            checks.within("command_timeout", self.command_timeout, 2 / self.stream, 2, "s")


@dataclass(frozen=True)
class Frames:
    """Frame ids of poses, twists and commands."""

    base: str
    """Frame that poses are given in."""
    tool: str
    """Frame that poses are of, usually the tool centre point."""


@dataclass(frozen=True)
class Home:
    """Where an episode starts from."""

    q: tuple[float, ...]
    """Joint positions in the order of ``joints.arm`` [rad]."""
    duration: float = 5.0
    """Time that the way home takes [s]."""

    def __post_init__(self) -> None:
        checks.within("duration", self.duration, 0.5, 60, "s")


@dataclass(frozen=True)
class Model:
    """The arm's kinematics, for workspace and Cartesian control."""

    file: str
    """MJCF or URDF beside the contract, or ``package:file`` that a Python package ships."""
    tool_site: str
    """Site, or link of a URDF, at the tool centre point."""

    @property
    def path(self) -> Path:
        """Where the file is.

        Raises:
            FileNotFoundError: The package is not installed, or the file is not there.
        """
        package, _, name = self.file.rpartition(":")
        spec = importlib.util.find_spec(package) if package else None
        folders = spec.submodule_search_locations if spec else None
        path = Path(folders[0] if folders else package, name)
        if not path.is_file():
            raise FileNotFoundError(
                f"model.file is {self.file!r}, and nothing is there; "
                "give a file beside the contract, or package:file of an installed package"
            )
        return path


@dataclass(frozen=True)
class Contract:
    """One robot; everything that is needed to observe, command and home it."""

    name: str
    joints: Joints
    limits: Limits
    """The safety filter keeps them, whoever commands."""
    rates: Rates
    frames: Frames
    state: State
    command: Command
    home: Home
    gripper: Gripper | None = None
    alternatives: tuple[Command, ...] = ()
    """Further commands that the driver takes; ``with_mode`` chooses one of them."""
    cameras: tuple[Camera, ...] = ()
    extra: tuple[ExtraPose, ...] = ()
    model: Model | None = None
    sources: tuple[str, ...] = ()
    """Documents that the numbers are from."""
    description: str = ""

    def __post_init__(self) -> None:
        checks.identifier(self.name)
        checks.lengths_agree(self)
        checks.units_are_si(self)
        checks.home_is_within_limits(self)
        checks.topics_differ(self)
        checks.gripper_is_named(self)

    def in_namespace(self, namespace: str) -> Self:
        """The same robot with ``namespace/`` before each of its topics.

        Raises:
            ValueError: If the namespace is no relative name.
        """
        checks.relative(namespace, "namespace")
        return _prefixed(self, f"{namespace}/")

    def require_cameras(self, wanted: Iterable[str]) -> None:
        """Checks that there are cameras of these names.

        Raises:
            ValueError: If one is missing.
        """
        known = [camera.name for camera in self.cameras]
        if missing := [name for name in wanted if name not in known]:
            raise ValueError(
                f"{self.name} has no camera {missing[0]!r}; "
                f"choose from {', '.join(known) or 'none'}"
            )

    def with_mode(self, mode: Mode) -> Self:
        """The same robot, commanded in another of its modes.

        Raises:
            ValueError: If it has no command of this mode.
        """
        commands = {command.mode: command for command in (*self.alternatives, self.command)}
        if mode not in commands:
            raise ValueError(
                f"{self.name} takes no {mode!r}; choose from {', '.join(sorted(commands))}, "
                "or add the controller to its contract under alternatives"
            )
        chosen = commands.pop(mode)
        return replace(self, command=chosen, alternatives=tuple(commands.values()))

    def streaming(self, rate: float) -> Self:
        """The same robot with another number of commands per second; 0 keeps it as it is.

        Raises:
            ValueError: If the rate is out of range.
        """
        return replace(self, rates=replace(self.rates, stream=rate)) if rate else self


def _prefixed(part: Any, prefix: str) -> Any:
    if isinstance(part, tuple):
        return tuple(_prefixed(item, prefix) for item in part)
    if not is_dataclass(part) or isinstance(part, type | Limits):
        return part
    values = {f.name: getattr(part, f.name) for f in fields(part)}
    moved = {key: _prefixed(value, prefix) for key, value in values.items()}
    for key in ("topic", "info"):
        if isinstance(topic := values.get(key), str):
            moved[key] = prefix + topic
    return replace(part, **moved)
