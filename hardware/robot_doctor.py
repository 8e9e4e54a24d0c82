"""Everything between this terminal and a robot: ROS, network, contract, topics, room on the disk.

``robot-rl doctor --robot X`` prints it; nothing here moves anything.
"""

from __future__ import annotations

import importlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from controllers.kinematics import Kinematics
from hardware import contract_checks as checks
from hardware.arm_model import kinematics_of
from hardware.contract import Contract
from hardware.contract_file import load_contract
from hardware.dds_profile import use_dds_profile
from hardware.finding import Finding
from hardware.ros_installation import installation, probe_ros
from hardware.ros_network import frames, network
from hardware.safety import unwatched

HOURS = 0.25
"""Room for less recording than this is a problem [h]."""


def examine_robot(
    robot: str, namespace: str = "", seconds: float = 3.0, mode: str = ""
) -> Iterator[Finding]:
    """What stands between this terminal and a robot; whatever is wrong is itself a finding.

    Args:
        robot: Contract: name of a preset, or path of a YAML file.
        namespace: Of its nodes; empty for none.
        seconds: How long to listen to its topics [s].
        mode: Command mode; empty takes the contract's own.
    """
    os.environ.update(use_dds_profile(os.environ))  # as all verbs do
    probe = probe_ros()
    yield from installation(probe, os.environ)
    yield from network(os.environ)
    try:
        contract = _contract(robot, namespace, mode)
    except (ValueError, OSError) as error:
        yield Finding.of_error("contract", error)
        return
    yield describe(contract)
    if (gap := unwatched(contract)) is not None:
        yield Finding.of_error("limits", gap)._replace(status="absent")
    yield frames(contract, probe.said, os.environ)
    yield room(contract, shutil.disk_usage(Path.cwd()).free)
    if probe.found:
        # By name: ROS is there now, but other modules load without it.
        examine = importlib.import_module("hardware.ros.robot_doctor").examine
        yield from examine(contract, robot, namespace, seconds)


def describe(contract: Contract) -> Finding:
    """The contract in one line; or what its model lacks, and a home that is out of bounds."""
    try:
        arm = kinematics_of(contract)
    except (OSError, ValueError) as error:
        return Finding.of_error("contract", error)
    if arm is not None and (away := _home_outside(contract, arm)) is not None:
        return away
    command, cameras = contract.command, [camera.name for camera in contract.cameras]
    seen = f"cameras {', '.join(cameras)}" if cameras else "no camera"
    detail = (
        f"{contract.name}: {len(contract.joints.arm)} joints, {seen}, "
        f"{command.mode} on {command.topic}, policy at {contract.rates.policy:g} Hz"
    )
    return Finding("contract", "ok", detail)


def _home_outside(contract: Contract, arm: Kinematics) -> Finding | None:
    """A home whose tool is outside of the workspace: the safety node would keep the arm away."""
    limits, tool = contract.limits, arm.position(np.array(contract.home.q))
    if ((tool >= limits.workspace_lower) & (tool <= limits.workspace_upper)).all():
        return None
    low, high = limits.workspace_lower.tolist(), limits.workspace_upper.tolist()
    return Finding(
        "contract",
        "problem",
        f"at home.q the tool is at {tool.round(3).tolist()} m, outside of {low} to {high}",
        "widen limits.workspace_lower and workspace_upper, or choose another home.q",
    )


def room(contract: Contract, free: float) -> Finding:
    """How much recording fits on the disk, if nothing were compressed.

    Args:
        contract: The robot.
        free: Room [bytes].
    """
    pixels = sum(3 * camera.width * camera.height for camera in contract.cameras)
    state = 8 * 8 * len(contract.joints.arm)  # about eight numbers per joint and transition
    rate = contract.rates.policy * (pixels + state)
    hours = free / rate / 3600
    detail = (
        f"{free / 1e9:.1f} GB free: {hours:.1f} h of recording at {rate / 1e6:.2f} MB/s at most"
    )
    if hours < HOURS:
        return Finding("disk", "problem", detail, "make room, or record to another disk")
    return Finding("disk", "ok", detail)


def _contract(robot: str, namespace: str, mode: str) -> Contract:
    if namespace:
        checks.relative(namespace, "namespace")
    contract = load_contract(robot)
    return contract.with_mode(mode) if mode else contract  # pyright: ignore[reportArgumentType]
