"""``robot-rl up``: the processes of a robot on a machine without ``launch``, as one."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from itertools import cycle
from pathlib import Path
from typing import Any

from hardware import contract_checks as checks
from hardware.contract import Contract
from hardware.contract_file import load_contract
from hardware.dds_profile import use_dds_profile
from hardware.discovery_range import LOCAL, RANGE
from hardware.graph import TWIN, GraphSettings, Process, driver_of, processes
from hardware.node_settings import PageSettings
from hardware.program import Program
from hardware.ros.names import ESTOP, REQUEST, RESET, TELEOP_REQUEST
from hardware.supervisor import Say, Supervisor

_COLOURS = ("cyan", "green", "magenta", "yellow", "blue", "red")


def up(
    namespace: str = "", params_file: Path | None = None, log_level: str = "info", **wanted: Any
) -> int:
    """Runs a robot until SIGINT or SIGTERM.

    Args:
        namespace: Of all nodes; empty for none.
        params_file: YAML with further parameters of the nodes.
        log_level: Theirs.
        **wanted: Fields of ``GraphSettings``.

    Returns:
        Exit status 0.

    Raises:
        ValueError: A setting does not fit the robot.
        ImportError: ROS is not there.
        FileNotFoundError: A file or a program is not there.
        ProgramError: A process ended by itself.
    """
    if importlib.util.find_spec("rclpy") is None:
        raise ImportError("no ROS 2 here; source yours, or pip install 'robot-rl[ros]'")
    settings = GraphSettings(**wanted)
    contract = load_contract(settings.robot)
    if settings.mode:
        contract = contract.with_mode(settings.mode)  # pyright: ignore[reportArgumentType]
    if contract.model is not None:
        _ = contract.model.path
    if namespace:
        checks.relative(namespace, "namespace")
    if params_file is not None and not params_file.is_file():
        raise FileNotFoundError(f"no params_file {params_file}; give the path of a YAML file")
    graph = processes(settings)
    programs = [_program(process, namespace, params_file, log_level) for process in graph]
    environment = environment_of(os.environ, driver_of(settings, contract) == TWIN)
    print(introduction(contract, settings.robot, graph, namespace, environment), flush=True)
    Supervisor(programs, _speaker([process.node for process in graph]), environment).run()
    print("all nodes have ended", flush=True)
    return 0


def environment_of(environment: Mapping[str, str], twin: bool) -> dict[str, str]:
    """What the processes find around them; whatever the user has set stays.

    Args:
        environment: Ours.
        twin: Whether the robot is simulated: it then stays on this machine.
    """
    chosen = {"PYTHONUNBUFFERED": "1", **use_dds_profile(environment)}
    if twin and LOCAL not in chosen:
        chosen.setdefault(RANGE, "LOCALHOST")
    return chosen


def find_executable(name: str, beside: Path = Path(sys.executable)) -> str:
    """The console script of our own installation, else the one on the PATH.

    Raises:
        FileNotFoundError: There is none.
    """
    own = beside.with_name(name)
    path = str(own) if own.is_file() else shutil.which(name)
    if path is None:
        raise FileNotFoundError(
            f"no program {name} beside {beside} or on the PATH; "
            "install robot-rl again, as it was: pip install -e . in its checkout"
        )
    return path


def introduction(
    contract: Contract,
    robot: str,
    graph: Sequence[Process],
    namespace: str,
    environment: Mapping[str, str],
) -> str:
    """What comes up, under which names, how to end it, and what to do next.

    Args:
        contract: The robot.
        robot: What the user calls it.
        graph: Its processes.
        namespace: Of all of them; empty for none.
        environment: Theirs.
    """
    further = f" --namespace {namespace}" * bool(namespace)
    at = f"/{namespace}/" if namespace else "/"
    state, local = contract.state, environment.get(RANGE) == "LOCALHOST"
    states = [topic for topic in (state.joint_states, state.current_pose, state.wrench) if topic]
    lines = {
        contract.name: ", ".join(process.node for process in graph),
        "where": f"namespace {at}, ROS domain {environment.get('ROS_DOMAIN_ID', '0')}"
        + local * ", this machine only",
        "state": ", ".join(at + topic.topic for topic in states),
        "cameras": ", ".join(at + camera.topic for camera in contract.cameras) or "none",
        "commands": f"{at}{REQUEST} (policy), {at}{TELEOP_REQUEST} (person)",
        **_page(graph),
        "stop": f"Ctrl-C ends all; the service {at}{ESTOP} stops the arm, {at}{RESET} frees it",
        "next": "once the safety node is ready for requests, in another terminal: "
        f"robot-rl doctor --robot {robot}{further}",
    }
    return "\n".join(f"{name:>8}  {line}" for name, line in lines.items())


def _page(graph: Sequence[Process]) -> dict[str, str]:
    found = [process.parameters for process in graph if process.executable == "robot-rl-page-node"]
    return {"page": f"http://127.0.0.1:{found[0].get('port', PageSettings.port)}"} if found else {}


def _program(process: Process, namespace: str, params_file: Path | None, log_level: str) -> Program:
    arguments = process.ros_arguments(namespace, params_file, log_level)
    command = (find_executable(process.executable), *arguments)
    return Program(process.node, command, process.stage, process.respawn, process.grace)


def _speaker(names: Sequence[str]) -> Say:
    """Shows lines with the name of their node before them, in its own colour on a terminal."""
    from rich.console import Console
    from rich.text import Text

    console, width = Console(highlight=False), max(map(len, names))
    colours = dict(zip(names, cycle(_COLOURS), strict=False))

    def say(name: str, line: str) -> None:
        console.print(Text.assemble((f"{name:>{width}}  ", colours[name]), line), soft_wrap=True)

    return say
