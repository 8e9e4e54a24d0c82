"""``robot-rl record --robot``: demonstrations on a robot over ROS 2, by a script or a person."""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Callable
from typing import Any, Protocol

from robot_rl.config import RecordConfig, UpConfig
from robot_rl.demonstrations import schema_of, seed_beside
from robot_rl.env import Env, HasContract
from robot_rl.environments import ROBOT, make_env
from robot_rl.episodes import Episodes
from robot_rl.metadata import Metadata
from robot_rl.robot_options import robot_options
from robot_rl.robot_processes import running
from robot_rl.robot_script import RobotScript, ScriptedRobot
from robot_rl.schema import Schema

SESSION = "hardware.session"
"""Its ``record`` lets somebody act on a robot, and records it."""
_TRIES = 3
"""A near miss may succeed all the same; with so many times the episodes it is enough."""
_LONG = 2400
"""Steps of an episode without a task, which a person's key ends."""


class Session(Protocol):
    """How a recording goes."""

    failures: int
    """Episodes that ended without success."""
    counts: Any
    """``committed``, ``successes``, ``demonstrations`` and ``marked``."""


def record_on_robot(config: RecordConfig) -> str:
    """Records until there are enough episodes, or a person stops; says what was recorded.

    Raises:
        ConnectionError: The robot is not there.
        TypeError: Without a task nobody can demonstrate.
        RuntimeError: The expert fails nearly always.
    """
    if config.scripted is not None and not config.env:
        raise TypeError("without a task nobody can demonstrate; give --env, or no --scripted")
    with contextlib.ExitStack() as stack:
        if config.start:
            task = config.env or "reach"
            stack.enter_context(running(UpConfig(config.robot, config.namespace, task=task)))
        env = stack.enter_context(make_env(ROBOT, 1, config.seed, **_options(config)))
        store = Episodes(config.folder, _schema(env, config))
        try:
            seed = seed_beside(config.seed, len(store))
            done = importlib.import_module(SESSION).record(
                env,
                store,
                _metadata(config, env),
                enough=until_enough(config),
                seed=seed,
                keep_failures=config.keep_failures or config.near_misses > 0,
                **_acting(env, config, seed),
            )
        except KeyboardInterrupt:
            kept = f"; {len(store)} episodes are safe in {store.path}, and more can be added"
            raise KeyboardInterrupt(kept) from None
    return (
        f"{config.folder}: {done.counts.committed} episodes, {done.counts.successes} of them "
        f"successes; {done.failures} failures, {done.counts.marked} with a mark"
    )


def _acting(env: Env, config: RecordConfig, seed: int) -> dict[str, Any]:
    """Who acts: a script, or a person by teleoperation."""
    if not config.scripted:
        return {"act": lambda: None}
    assert isinstance(env, ScriptedRobot)
    script = RobotScript(env, config.near_misses, config.tremble, seed)
    return {"act": script.act, "pressed": script.pressed, "labels": script.labels}


def until_enough(config: RecordConfig) -> Callable[[Session], bool]:
    """Whether a session has what was asked for.

    Raises:
        RuntimeError: When asked, if the expert fails nearly always.
    """
    if config.scripted is None:
        return lambda session: session.counts.committed >= config.episodes
    wanted, misses = config.scripted, config.scripted * config.near_misses

    def enough(session: Session) -> bool:
        if session.failures > 10 + 10 * wanted:
            raise RuntimeError(
                f"the expert failed in {session.failures} episodes, and succeeded in "
                f"{session.counts.successes}; lower the noise, or see what the robot does"
            )
        counts, done = session.counts, session.counts.committed
        missed = done - counts.successes >= misses or done >= _TRIES * (wanted + misses)
        return counts.demonstrations >= wanted and missed

    return enough


def _schema(env: Env, config: RecordConfig) -> Schema:
    options = (f"robot={config.robot}", f"task={config.env}", *config.options)
    return schema_of(env, ROBOT, options)


def _metadata(config: RecordConfig, env: Env) -> Metadata:
    contract = env.contract_values if isinstance(env, HasContract) else {}
    return Metadata(
        task=config.env,
        operator=config.operator or ("script" if config.scripted else ""),
        control_mode=contract["command"]["mode"],
        action_representation="tool displacement",
        home_pose=tuple(contract["home"]["q"]),
        config={"seed": config.seed, "noise": config.tremble, "options": list(config.options)},
    )


def _options(config: RecordConfig) -> dict[str, Any]:
    return robot_options(config, config.env, **({} if config.env else {"horizon": _LONG}))
