"""A robot by its contract: its cameras, its safety node, and for the twin the arm itself.

    ros2 launch robot_rl_launch robot.launch.py robot:=so101 cameras:=wrist=/dev/video0

Which processes these are is said in ``hardware.graph``, for ``robot-rl up`` as well; the programs
come from the PATH. The driver of a real arm is started apart, as the head of its contract says.
"""

import os
from dataclasses import fields
from pathlib import Path

from launch import LaunchContext, LaunchDescription
from launch.actions import (
    DeclareLaunchArgument,
    GroupAction,
    OpaqueFunction,
    SetEnvironmentVariable,
    Shutdown,
)
from launch_ros.actions import Node, PushRosNamespace

try:
    from hardware.dds_profile import use_dds_profile
    from hardware.graph import GraphSettings, Process, processes, settings_from_texts
    from hardware.ros.parameters import strings_under_fields
except ImportError as error:
    raise ImportError("robot-rl is not installed for the Python of ros2: pip install it") from error

LEVELS = ("debug", "info", "warn", "error", "fatal")
MORE = {
    "namespace": ("", "Put before all names, so that several robots go side by side."),
    "params_file": ("", "YAML with further parameters of the nodes, as config/nodes.yaml."),
    "log_level": ("info", "What the nodes say: debug, info, warn, error or fatal."),
}
"""Arguments beside those of the graph: default and description."""


def generate_launch_description() -> LaunchDescription:
    meanings = strings_under_fields(GraphSettings)
    graph = {
        field.name: (_text(field.default), meanings[field.name]) for field in fields(GraphSettings)
    }
    return LaunchDescription(
        [
            *(
                DeclareLaunchArgument(
                    name, default_value=default, description=" ".join(text.split())
                )
                for name, (default, text) in (graph | MORE).items()
            ),
            *(
                SetEnvironmentVariable(name, value)
                for name, value in use_dds_profile(os.environ).items()
                if os.environ.get(name) != value
            ),
            OpaqueFunction(function=_start),
        ]
    )


def _start(context: LaunchContext) -> list[GroupAction]:
    given = context.launch_configurations
    namespace = [PushRosNamespace(given["namespace"])] if given["namespace"] else []
    graph = processes(settings_from_texts(given))
    file, level = given["params_file"], given["log_level"]
    if file and not Path(file).is_file():  # launch itself would warn, and go on without it
        raise FileNotFoundError(f"no params_file {file}; give the path of a YAML file")
    if level not in LEVELS:
        raise ValueError(f"log_level is {level!r}; choose from {', '.join(LEVELS)}")
    return [GroupAction([*namespace, *(_node(process, given) for process in graph)])]


def _node(process: Process, given: dict[str, str]) -> Node:
    files = [Path(given["params_file"])] if given["params_file"] else []
    return Node(
        executable=process.executable,
        exec_name=process.node,
        ros_arguments=["-r", f"__node:={process.node}", "--log-level", given["log_level"]],
        parameters=[*files, dict(process.parameters)],
        output="screen",
        respawn=process.respawn,
        respawn_delay=1.0,
        on_exit=None if process.respawn else [Shutdown(reason=f"{process.node} has ended")],
        sigterm_timeout="2",  # nodes that SIGINT did not reach end by this one
        sigkill_timeout=str(process.grace),
    )


def _text(default: object) -> str:
    return ",".join(default) if isinstance(default, tuple) else str(default)
