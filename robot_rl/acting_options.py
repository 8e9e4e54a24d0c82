"""What an environment must be made with, so that a policy finds there what it was trained with."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from typing import Any

from controllers.tool_control import ToolSettings
from robot_rl.action_history import history_of
from robot_rl.crop import Crop
from robot_rl.env import IMAGES, STATE, Env, HasContract
from robot_rl.environments import BASE, FRAMES, HISTORY, ROBOT, parse_options
from robot_rl.schema import Schema, differences

_TWIN = "twin_"
KEPT = (*(field.name for field in fields(ToolSettings)), "privileged")
"""Options that say how an action moves the tool and what is observed, by the same names in
simulation and on a robot."""


def task_of(schema: Schema) -> str:
    """What a policy was trained for, as robots call it; empty if people alone knew what to do.

    Args:
        schema: Of the policy.
    """
    if schema.env == ROBOT:
        return parse_options(schema.contract.get("options", ())).get("task", "")
    return robot_task(schema.env)


def robot_task(env: str) -> str:
    """What robots call the task of a simulated environment: the twin's is the same."""
    return env.removeprefix(_TWIN)


def robot_differences(
    schema: Schema, env: Env, parts: Iterable[str] = ("joints", "rates", "limits", "frames")
) -> list[str]:
    """One line for each way in which a robot is not the one that something was learned on.

    These parts of the contract must agree and, without a task, the home, which says how a level
    tool is held. A simulator's policy asks for none of it.
    """
    learned = schema.contract.get("robot")
    if learned is None or not isinstance(env, HasContract):
        return []
    now, lines = env.contract_values, list[str]()
    for part in parts:
        lines += differences(learned[part], now[part], f"robot.{part}")
    if not task_of(schema):
        lines += differences(learned["home"]["q"], now["home"]["q"], "robot.home.q")
    return lines


def acting_options(schema: Schema) -> dict[str, Any]:
    """Options for ``make_env``, on a robot or in simulation; those of one's own go before them.

    Args:
        schema: Of the policy; its ``contract`` has the ``options`` of the training.
    """
    trained = parse_options(schema.contract.get("options", ()))
    images = {k: spec for k, spec in schema.observation.items() if k.startswith(IMAGES)}
    kept = (*KEPT, BASE, FRAMES) if images else (*KEPT, BASE)
    options = {name: trained[name] for name in kept if name in trained}
    cameras = tuple(map(_camera, images))
    history = history_of(schema.observation[STATE]) if STATE in schema.observation else 0
    options |= {HISTORY: history} if history else {}
    options |= {"cameras": cameras} if cameras else {}
    crops = [Crop(*spec.crop).typed(_camera(k)) for k, spec in images.items() if spec.crop]
    options |= {"crop": tuple(crops)} if crops else {}
    sides = {side for spec in images.values() for side in spec.shape[:2]}
    return options | ({"image_size": sides.pop()} if len(sides) == 1 else {})


def _camera(key: str) -> str:
    return key.removeprefix(IMAGES)
