"""``robot-rl replay`` of what was recorded on a robot: its commands again, by the safety path."""

from __future__ import annotations

import contextlib
import importlib
from typing import Protocol

from robot_rl.config import ReplayConfig, UpConfig
from robot_rl.environments import ROBOT, parse_options
from robot_rl.episodes import Episodes
from robot_rl.robot_processes import running

REPEAT = "hardware.robot_replay"
"""Its ``repeat`` sends an episode to a robot."""


class Repeated(Protocol):
    """How a repetition went; ``str`` says it."""

    @property
    def as_recorded(self) -> bool:
        """Whether all was sent."""
        ...


def is_for_robot(config: ReplayConfig) -> bool:
    """Whether a robot was named, or the dataset is from one: by a session, or a recorder node."""
    schema = Episodes(config.dataset).schema
    return bool(config.robot) or schema.env == ROBOT or "joints" in schema.contract


def replay_on_robot(config: ReplayConfig) -> Repeated:
    """Sends an episode's commands through the safety node, and compares what the arm does.

    Raises:
        ValueError: If the episode is not from a robot, or from another one.
        ConnectionError: The robot is not there.
        RuntimeError: The arm is stopped, or does not reach the start.
    """
    store = Episodes(config.dataset)
    known = store.schema.contract
    options = parse_options(known.get("options", ()))
    robot = config.robot or options.get("robot") or known["name"]
    task = options.get("task", "")
    up = running(UpConfig(robot, config.namespace, task=task or UpConfig.task))
    with up if config.start else contextlib.nullcontext():
        repeat = importlib.import_module(REPEAT).repeat
        return repeat(store.episode(config.episode), store.schema, robot, task, config.namespace)
