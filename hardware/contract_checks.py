"""What a contract must keep; each check raises a ValueError that begins with the key."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from hardware.endpoints import publications, subscriptions

if TYPE_CHECKING:
    from hardware.contract import Contract

TYPES_OF_MODE = {
    "joint_position": ("Float64MultiArray", "JointTrajectory"),
    "joint_velocity": ("Float64MultiArray", "JointTrajectory"),
    "cartesian_pose": ("PoseStamped",),
    "cartesian_twist": ("TwistStamped", "Twist"),
}
"""Message types that can carry a command of each mode."""

TURNS = 4 * math.pi
"""No joint goes two turns away from zero [rad]."""
FAST_TURN = 20.0
"""No joint and no tool turns faster [rad/s]."""
FAR = 5.0
"""No tool goes this far from the base [m]."""
FAST = 10.0
"""No tool is faster [m/s]."""

_TOKEN = "[A-Za-z_][A-Za-z0-9_]*"


def within(key: str, value: float, low: float, high: float, unit: str) -> None:
    """A number inside its range, bounds included."""
    if not low <= value <= high:
        raise ValueError(f"{key} is {value:g} {unit}; give {low:g} to {high:g} {unit}")


def relative(topic: str, key: str = "topic") -> None:
    """A name of ROS that a namespace can be put before."""
    if topic.startswith(("/", "~")):
        raise ValueError(
            f"{key} is {topic!r}, an absolute or private name; give a relative one, as "
            f"{topic.lstrip('/~')!r}, so that the robot can stand in a namespace"
        )
    if not re.fullmatch(f"{_TOKEN}(/{_TOKEN})*", topic):
        raise ValueError(
            f"{key} is {topic!r}, no name of ROS; give words of letters, digits and _, joined by /"
        )


def identifier(name: str) -> None:
    """A name that can be part of a key."""
    if not re.fullmatch(_TOKEN, name):
        raise ValueError(f"name is {name!r}; give one word of letters, digits and _")


def names_differ(**groups: tuple[str, ...]) -> None:
    """At least one joint, and none twice."""
    if not groups["arm"]:
        raise ValueError("arm is empty; name the joints of the arm, from the base to the tool")
    seen: dict[str, str] = {}
    for group, names in groups.items():
        for index, name in enumerate(names):
            key = f"{group}[{index}]"
            if name in seen:
                raise ValueError(f"{key} is {name!r}, as is {seen[name]}; name each joint once")
            seen[name] = key


def fits_mode(mode: str, message: str) -> None:
    """A message type that can carry the command."""
    if message not in TYPES_OF_MODE[mode]:
        modes = [name for name, types in TYPES_OF_MODE.items() if message in types]
        raise ValueError(
            f"type is {message!r}, which cannot carry mode {mode!r}; give type "
            f"{' or '.join(TYPES_OF_MODE[mode])}, or mode {' or '.join(modes)}"
        )


def lengths_agree(contract: Contract) -> None:
    """One limit and one home position per joint."""
    joints = contract.joints.arm
    for key, length in (("limits", contract.limits.joints), ("home.q", len(contract.home.q))):
        if length != len(joints):
            what = "values per key" if key == "limits" else "values"
            raise ValueError(
                f"{key} has {length} {what}, but joints.arm names {len(joints)} joints: "
                f"{', '.join(joints)}; give one value for each"
            )


def units_are_si(contract: Contract) -> None:
    """Radians and metres, as far as the size of a number tells."""
    limits, home = contract.limits, np.array(contract.home.q)
    for key, values, bound, unit, mistake in (
        ("limits.q_lower", limits.q_lower, TURNS, "rad", "degrees"),
        ("limits.q_upper", limits.q_upper, TURNS, "rad", "degrees"),
        ("home.q", home, TURNS, "rad", "degrees"),
        ("limits.dq", limits.dq, FAST_TURN, "rad/s", "degrees"),
        ("limits.angular_speed", limits.angular_speed, FAST_TURN, "rad/s", "degrees"),
        ("limits.workspace_lower", limits.workspace_lower, FAR, "m", "millimetres"),
        ("limits.workspace_upper", limits.workspace_upper, FAR, "m", "millimetres"),
        ("limits.speed", limits.speed, FAST, "m/s", "millimetres"),
    ):
        for index in np.flatnonzero(np.abs(np.atleast_1d(values)) > bound):
            value, place = np.atleast_1d(values)[index], f"[{index}]" if np.ndim(values) else ""
            raise ValueError(
                f"{key}{place} is {value:g} {unit}, which looks like {mistake}; give {unit}"
            )


def home_is_within_limits(contract: Contract) -> None:
    """The arm can go where an episode starts."""
    limits = contract.limits
    for index, q in enumerate(contract.home.q):
        low, high = limits.q_lower[index], limits.q_upper[index]
        if not low <= q <= high:
            raise ValueError(
                f"home.q[{index}] is {q:g} rad, beyond the limits of "
                f"{contract.joints.arm[index]}; give {low:g} to {high:g} rad"
            )


def gripper_is_named(contract: Contract) -> None:
    """A trajectory says which joints it is for."""
    gripper = contract.gripper
    if gripper is not None and gripper.type == "JointTrajectory" and not contract.joints.gripper:
        raise ValueError(
            "gripper.type is 'JointTrajectory', and joints.gripper names no joint; name those that "
            "the gripper's controller moves"
        )


def topics_differ(contract: Contract) -> None:
    """One role per topic and one topic per name."""
    _distinct("name", ((f"cameras[{i}]", c.name) for i, c in enumerate(contract.cameras)))
    _distinct("name", ((f"extra[{i}]", e.name) for i, e in enumerate(contract.extra)))
    endpoints = chain(subscriptions(contract), publications(contract))
    _distinct("topic", ((endpoint.key, endpoint.topic) for endpoint in endpoints))


def _distinct(what: str, entries: Iterable[tuple[str, str]]) -> None:
    seen: dict[str, str] = {}
    for key, value in entries:
        if value in seen:
            raise ValueError(
                f"{key}.{what} is {value!r}, as is {seen[value]}.{what}; give each its own {what}, "
                "or remove one"
            )
        seen[value] = key
