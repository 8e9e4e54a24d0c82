"""``robot-rl replay`` on a robot: an episode's commands again, through the safety path.

Arm and objects go to where they were; then the commands follow each other at the policy's rate, as
requests, and the tool is compared with what it did when they were recorded.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from controllers.command_space import CommandSpace, JointSpace, PoseSpace
from controllers.kinematics import Kinematics
from controllers.lie import vector_from_se3
from controllers.reason import Reason
from hardware.arm_model import kinematics_of
from hardware.contract import Contract
from hardware.contract_file import load_contract
from hardware.env import REASONS, HardwareEnv
from hardware.environments import box_of, connection
from hardware.graph import is_twin
from hardware.motion import Motion, contract_of
from hardware.recorded_start import RecordedStart
from hardware.robot_config import RobotConfig
from hardware.task import load_task
from robot_rl.env import Info, Step

if TYPE_CHECKING:
    from robot_rl.episode import Episode
    from robot_rl.schema import Schema

_ENDLESS = 10**9
_SLOW = 0.2
"""Share of the limits at which the arm goes from its start to the first command."""
_SMOOTHING = Reason.ACCELERATION | Reason.ENGAGE | Reason.SILENCE
"""Reasons that every motion meets, in the middle or at its ends."""


class Repeated(NamedTuple):
    """How well an episode was repeated."""

    length: int
    """Commands of the episode."""
    to_recording: np.ndarray
    """From the tool to where it was then, after each command that was sent. Shape (steps,) [m]."""
    to_command: np.ndarray
    """From the tool to where it was sent. Shape (steps,) [m]."""
    reasons: Reason
    """What the safety node did to the commands."""
    recorded_success: bool
    success: bool

    @property
    def as_recorded(self) -> bool:
        """Whether all was sent, or the task was done before."""
        return self.success or len(self.to_command) == self.length

    def __str__(self) -> str:
        ends = ["success" if end else "failure" for end in (self.recorded_success, self.success)]
        changed = ", ".join(reason.name or "" for reason in self.reasons & ~_SMOOTHING)
        return (
            f"{len(self.to_command)} of {self.length} steps; recorded {ends[0]}, now {ends[1]}; "
            f"tracking error {_millimetres(self.to_recording)} from the recorded way of the tool, "
            f"{_millimetres(self.to_command)} from its commands"
            + (f"; the safety node says {changed}" if changed else "")
        )


class Repetition:
    """Sends a motion again, one command per policy period.

    Args:
        env: The robot; its task starts as the motion does.
        motion: The commands.
        arm: Its kinematics.
    """

    def __init__(self, env: HardwareEnv, motion: Motion, arm: Kinematics) -> None:
        self._env, self._motion, self._arm = env, motion, arm
        contract = env.contract
        self._joints = len(contract.joints.arm)
        self._in_joints = contract.command.in_joints
        self._space: CommandSpace = (
            JointSpace(contract.limits, None) if self._in_joints else PoseSpace(contract.limits)
        )
        self._nothing = np.full((1, *env.action_spec.shape), np.nan)
        self._reasons = 0

    def run(self) -> Repeated:
        """Goes to the start, then sends everything, until the task is done or the arm is stopped.

        Raises:
            ConnectionError: The robot is not there.
            RuntimeError: The arm does not reach the start.
            ValueError: There was no command.
        """
        self._env.reset()
        self._approach()
        self._reasons = 0
        motion, success, tools = self._motion, False, []
        for command, gripper in zip(motion.sent, motion.gripper, strict=True):
            step = self._ask(command, gripper)
            success = bool(step.info[Info.SUCCESS][0])
            if step.done[0]:
                break  # the arm is on its way to the start already
            tools.append(self._tool(self._q))
        return self._compare(np.array(tools).reshape(-1, 3), success)

    def _approach(self) -> None:
        """Slowly to the first command: the tool is there already, the elbow may not be."""
        commands = [command for command in self._motion.sent if np.isfinite(command).all()]
        if not commands:
            raise ValueError("nothing was sent to the arm in this episode; choose another")
        here = self._q if self._in_joints else vector_from_se3(self._arm.pose(self._q))
        gap = self._space.gap(here, commands[0])
        duration = np.linalg.norm(gap, axis=1) / (_SLOW * self._space.speed)
        steps = int(np.ceil(duration.max() / self._env.dt)) + 1
        for share in np.linspace(0, 1, steps + 1)[1:]:
            self._ask(self._space.move(here, share * gap), np.nan)

    def _ask(self, command: np.ndarray, gripper: float) -> Step:
        if np.isfinite(command).all():
            self._env.link.request(command, float(gripper) if np.isfinite(gripper) else None)
        step = self._env.step(self._nothing)
        self._reasons |= int(step.info[REASONS][0])
        return step

    @property
    def _q(self) -> np.ndarray:
        return self._env.measured["joint_states"][0, : self._joints]

    def _tool(self, q: np.ndarray) -> np.ndarray:
        return self._arm.pose(q)[:3, 3]

    def _compare(self, tools: np.ndarray, success: bool) -> Repeated:
        motion, steps = self._motion, len(tools)
        after = [self._tool(q[: self._joints]) for q in motion.q[1 : steps + 1]]
        asked = [self._tool(c) if self._in_joints else c[:3] for c in motion.sent[:steps]]
        return Repeated(
            length=len(motion.sent),
            to_recording=np.linalg.norm(tools[: len(after)] - np.reshape(after, (-1, 3)), axis=1),
            to_command=np.linalg.norm(tools - np.reshape(asked, (-1, 3)), axis=1),
            reasons=Reason(self._reasons),
            recorded_success=motion.success,
            success=success,
        )


def repeat(
    episode: Episode, schema: Schema, robot: str, task: str = "", namespace: str = ""
) -> Repeated:
    """Repeats an episode on a robot.

    Args:
        episode: As it was recorded, by a session or from topics.
        schema: Of its store, with the robot that it was recorded on.
        robot: Contract: name of a preset, or path of a YAML file.
        task: What was to be done; empty if that is not known.
        namespace: Of the robot's nodes.

    Raises:
        ValueError: If the episode is not from a robot, or from another one.
        ConnectionError: The robot is not there.
        RuntimeError: The arm is stopped, or does not reach the start.
    """
    motion, contract = Motion.of(episode, schema), load_contract(robot)
    recorded = contract_of(schema)
    contract = contract.with_mode(recorded.command.mode)
    _require_same(contract, recorded)
    arm = kinematics_of(contract)
    if arm is None:
        raise ValueError(f"{contract.name} has no model, which tells where the tool is; give one")
    start = None
    if task or (motion.objects and is_twin(contract)):
        start, config = _start(motion, arm, contract, task), RobotConfig(privileged=False)
    else:  # Nobody places objects or knows how the tool was held: by the joints.
        q = motion.q[0, : len(contract.joints.arm)]
        contract = replace(contract, home=replace(contract.home, q=tuple(q.tolist())))
        config = RobotConfig(privileged=False, home=True, workspace=box_of(contract))
    with closing(connection(contract, start, config.cameras, namespace)) as link:
        env = HardwareEnv(link.contract, link, start, config=config, horizon=_ENDLESS)
        return Repetition(env, motion, arm).run()


def _start(motion: Motion, arm: Kinematics, contract: Contract, task: str) -> RecordedStart:
    joints, gripper = len(contract.joints.arm), contract.gripper
    pose, opening = arm.pose(motion.q[0, :joints]), 1.0
    if gripper is not None and contract.joints.gripper:
        fingers = motion.q[0, joints:].mean()
        opening = float((fingers - gripper.closed) / (gripper.open - gripper.closed))
    return RecordedStart(
        position=pose[:3, 3],
        yaw=float(np.arctan2(pose[1, 0], pose[0, 0])),
        opening=float(np.clip(opening, 0, 1)),
        objects=motion.objects,
        task=load_task(task) if task else None,
    )


def _require_same(contract: Contract, recorded: Contract) -> None:
    """The commands mean the same."""
    for what, mine, theirs in (
        ("joints.arm", contract.joints.arm, recorded.joints.arm),
        ("rates.policy", contract.rates.policy, recorded.rates.policy),
    ):
        if mine != theirs:
            raise ValueError(
                f"{what} of {contract.name} is {mine}, of the dataset's {recorded.name} {theirs}; "
                "choose the robot that it was recorded on"
            )


def _millimetres(distances: np.ndarray) -> str:
    distances = distances[np.isfinite(distances)]
    if not distances.size:
        return "unknown"
    rms = np.sqrt(np.mean(distances**2))
    return f"{1e3 * rms:.2f} mm rms, {1e3 * distances.max():.2f} mm at most"
