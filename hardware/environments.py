"""The factory of robots' environments, for the table in ``robot_rl.environments``."""

from __future__ import annotations

import dataclasses
import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from controllers.ranges import require_count
from hardware import contract_checks as checks
from hardware.contract import Contract
from hardware.contract_file import load_contract
from hardware.env import HardwareEnv
from hardware.robot_config import RobotConfig
from hardware.task import RobotTask, load_task
from hardware.topics import ExtraPose
from robot_rl.env import STATE, Act, ArraySpec
from robot_rl.reward import Rewards
from robot_rl.reward_file import load_rewards

Corner = tuple[float, float, float]


@dataclass(frozen=True)
class Robot:
    """Which robot, and what it shall do."""

    robot: str = "twin"
    """Contract: name of a preset, or path of a YAML file."""
    task: str = "peg_insert"
    """Task, or module:class of one's own; empty for none."""
    namespace: str = ""
    """Namespace of the robot's nodes."""
    mode: str = ""
    """Command mode; empty takes the contract's own."""
    use_sim_time: bool = False
    """Whether /clock counts."""
    horizon: int | None = None
    """Steps of an episode; None: the task's own, or 200 without one."""

    def __post_init__(self) -> None:
        if self.horizon is not None:
            require_count(self, "horizon", at_least=1)


class RobotFactory:
    """Makes ``HardwareEnv`` of options, as the simulators' factories do."""

    settings = (Robot, RobotConfig)

    def __call__(self, num_envs: int = 1, seed: int = 0, **options: Any) -> HardwareEnv:
        """One robot over ROS 2; nothing is awaited before the first ``reset``.

        Args:
            num_envs: A robot is one: 1.
            seed: Seed of the starts.
            **options: Fields of ``Robot`` and of ``RobotConfig``.

        Raises:
            TypeError: An option is unknown.
            ValueError: ``num_envs`` is not 1, or an option makes no sense.
            FileNotFoundError: There is no policy ``backward``.
            ImportError: There is no ROS.
        """
        if num_envs != 1:
            raise ValueError(f"num_envs={num_envs}, but a robot is one; set num_envs=1")
        names = [field.name for part in self.settings for field in dataclasses.fields(part)]
        if unknown := options.keys() - set(names):
            raise TypeError(
                f"a robot has no option {', '.join(sorted(unknown))}; choose from "
                f"{', '.join(sorted(names))}"
            )
        if isinstance(options.get("cameras"), str):
            options["cameras"] = (options["cameras"],)
        chosen = _filled(Robot, options)
        contract = load_contract(chosen.robot)
        if not chosen.task:
            options = {"workspace": box_of(contract)} | options
        return _make(contract, chosen, _filled(RobotConfig, options), seed)


def box_of(contract: Contract) -> tuple[Corner, Corner]:
    """Where its tool may be, as ``ToolSettings.workspace`` has it."""
    limits = contract.limits
    lower, upper = limits.workspace_lower.tolist(), limits.workspace_upper.tolist()
    return (lower[0], lower[1], lower[2]), (upper[0], upper[1], upper[2])


def _filled(part: type, options: dict[str, Any]) -> Any:
    names = {field.name for field in dataclasses.fields(part)}
    return part(**{name: value for name, value in options.items() if name in names})


def _make(contract: Contract, chosen: Robot, config: RobotConfig, seed: int) -> HardwareEnv:
    if chosen.mode:
        contract = contract.with_mode(chosen.mode)  # pyright: ignore[reportArgumentType]
    task = load_task(chosen.task) if chosen.task else None
    rewards = _rewards(config, task)
    cameras = (*config.cameras, *rewards.cameras)
    contract.require_cameras(cameras)
    link = connection(contract, task, cameras, chosen.namespace, chosen.use_sim_time)
    env = HardwareEnv(link.contract, link, task, seed, config, chosen.horizon, rewards)
    if config.backward:
        env.backward = load_backward(config.backward, env)
    return env


def _rewards(config: RobotConfig, task: RobotTask | None) -> Rewards:
    """Those of the file, or else the task's own, or else none."""
    if config.rewards or task is not None:
        return load_rewards(config.rewards, 1, config.linger)
    return Rewards([], 1, config.linger)


def load_backward(path: str, env: HardwareEnv) -> Act:
    """A saved policy that fits the robot and brings its arm back; torch loads with it.

    Raises:
        ValueError: There is no task to bring the arm back from, or it does not fit; the robot is
            closed then.
        FileNotFoundError: There is none; likewise.
    """
    if env.task is None:
        env.close()
        raise ValueError(f"backward is {path!r}, and without a task there is no start; give task")
    try:
        policy = importlib.import_module("robot_rl.policy").Policy.load(Path(path))
        _require_no_history(path, policy.schema.observation[STATE])
        policy.settle_in(env)
    except (ValueError, OSError):
        env.close()
        raise
    return policy


def _require_no_history(path: str, state: ArraySpec) -> None:
    """Refuses a policy that observes its last actions, which nobody remembers on the way back."""
    if steps := importlib.import_module("robot_rl.action_history").history_of(state):
        raise ValueError(
            f"backward is {path!r}, which was trained with action_history={steps}, and on the way "
            "back no action is remembered; train one without: robot-rl train --env peg_remove"
        )


def connection(
    contract: Contract,
    task: RobotTask | None,
    cameras: tuple[str, ...],
    namespace: str = "",
    use_sim_time: bool = False,
) -> Any:
    """A ``RobotLink`` to the streams of cameras, and those that a task needs; nothing is awaited.

    Raises:
        ValueError: The namespace is no relative name.
        ImportError: There is no ROS.
    """
    if namespace:
        checks.relative(namespace, "namespace")
    try:
        link_class = importlib.import_module("hardware.ros.robot_link").RobotLink
    except ModuleNotFoundError as error:
        raise ImportError(
            f"a robot needs ROS 2, and there is no {error.name}: source its setup.bash, or "
            "pip install 'robot-rl[ros]'"
        ) from error
    return link_class(observing(contract, task), namespace, cameras, use_sim_time)


def observing(contract: Contract, task: RobotTask | None) -> Contract:
    """The robot with a pose stream for each of the task's objects, and for nothing else."""
    given = {pose.name: pose for pose in contract.extra}
    objects = () if task is None else task.objects
    extra = tuple(given.get(name) or ExtraPose(name, f"{name}/pose") for name in objects)
    return dataclasses.replace(contract, extra=extra)


make_robot = RobotFactory()
