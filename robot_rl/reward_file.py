"""Reward sources as a list in a YAML file, each with its ``kind`` and settings of its own.

::

    - kind: classifier
      file: peg.classifier
      frames: 3
    - kind: label

What does not fit is refused with the file, the key, the value and the choices.
"""

from __future__ import annotations

import dataclasses
import importlib
from pathlib import Path
from typing import Any

from robot_rl.reward import Rewards, RewardSource
from robot_rl.reward_sources import TaskReward
from robot_rl.settings import SettingsError, from_json
from robot_rl.suggestion import did_you_mean

KINDS = {
    "task": "robot_rl.reward_sources:TaskReward,TaskSettings",
    "pose_box": "robot_rl.reward_sources:PoseBox,PoseBoxSettings",
    "label": "robot_rl.reward_sources:LabelReward,LabelSettings",
    "intervention": "robot_rl.reward_sources:InterventionReward,InterventionSettings",
    "classifier": "robot_rl.classifier_reward:ClassifierReward,ClassifierSettings",
}
"""``module:source,settings`` by kind; the module loads only when a file names it. A source is made
of its settings, a dataclass, and ``num_envs``."""


class RewardError(ValueError):
    """A list of reward sources that does not hold; the message names file, key and choices."""


def load_rewards(path: str | Path, num_envs: int = 1, linger: int = 0) -> Rewards:
    """The sources of a file; without one the task's own truth.

    Args:
        path: The YAML file; files that it names are looked up beside it. Empty for none.
        num_envs: Number of worlds.
        linger: As of ``Rewards``.

    Raises:
        RewardError: The file does not fit.
    """
    if not str(path):
        return Rewards([TaskReward()], num_envs, linger)
    file = Path(path)
    items = _parse(file)
    sources = [
        _source(item, f"{file.name}[{number}]", file.parent, num_envs)
        for number, item in enumerate(items)
    ]
    try:
        return Rewards(sources, num_envs, linger)
    except ValueError as error:
        raise RewardError(f"{file.name}: {error}") from error


def _parse(file: Path) -> list[Any]:
    import yaml

    if not file.is_file():
        raise RewardError(f"no file {file}; give the path of a list of reward sources (YAML)")
    try:
        items = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise RewardError(f"{file.name} is no YAML that can be read: {error}") from error
    if not isinstance(items, list) or not items:
        raise RewardError(
            f"{file.name} holds {items!r}; give a list with one source or more, e.g. - kind: task"
        )
    return items


def _source(item: Any, name: str, folder: Path, num_envs: int) -> RewardSource:
    if not isinstance(item, dict) or "kind" not in item:
        raise RewardError(f"{name} is {item!r}; give it a kind: {', '.join(KINDS)}")
    values = dict(item)
    source, settings = _classes(values.pop("kind"), name)
    if missing := _missing(settings, values):
        raise RewardError(f"{name} lacks {', '.join(missing)}")
    try:
        read = from_json(settings, values, name)
    except SettingsError as error:
        raise RewardError(str(error)) from error
    paths = {
        f.name: folder / v
        for f in dataclasses.fields(read)
        if isinstance(v := getattr(read, f.name), Path)
    }
    try:
        return source(dataclasses.replace(read, **paths), num_envs)
    except (OSError, ValueError) as error:
        raise RewardError(f"{name}: {error}") from error


def _missing(settings: Any, values: dict[str, Any]) -> list[str]:
    nothing = dataclasses.MISSING
    return [
        field.name
        for field in dataclasses.fields(settings)
        if field.name not in values and field.default is field.default_factory is nothing
    ]


def _classes(kind: Any, name: str) -> tuple[Any, Any]:
    """A source and its settings, of the table or of somebody's own ``module:source,settings``."""
    address = KINDS.get(kind, kind)
    module, colon, both = str(address).partition(":")
    source, comma, settings = both.partition(",")
    if not (colon and comma):
        raise RewardError(
            f"{name}.kind is {kind!r}{did_you_mean(kind, KINDS)}; choose {', '.join(KINDS)}, or "
            "write module:source,settings for one of your own"
        )
    try:
        loaded = importlib.import_module(module)
        return getattr(loaded, source), getattr(loaded, settings)
    except (ModuleNotFoundError, AttributeError) as error:
        raise RewardError(f"{name}.kind is {kind!r}: {error}") from error
