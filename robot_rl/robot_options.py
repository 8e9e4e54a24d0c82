"""What ``make_env("robot")`` is called with by all that act on one."""

from __future__ import annotations

from typing import Any

from robot_rl.config import DeployConfig, FinetuneConfig, RecordConfig
from robot_rl.environments import parse_options

_PATIENCE = 30.0
"""Processes that have just been started need their time [s]."""


def robot_options(
    config: DeployConfig | FinetuneConfig | RecordConfig, task: str, **usual: Any
) -> dict[str, Any]:
    """Which robot, and what for; ``usual`` settings go behind those that the user typed.

    Raises:
        ValueError: The user typed one that has its own place.
    """
    patience = {"timeout": _PATIENCE} if config.start else {}
    where = {"robot": config.robot, "namespace": config.namespace, "task": task}
    typed = parse_options(config.options)
    if twice := sorted(typed.keys() & where.keys()):
        raise ValueError(f"{twice[0]} is typed by itself; take it out of --options, see --help")
    return patience | usual | typed | where
