"""The environment contract on a robot's topics: the twin and a real arm are the same to a learner.

One step: the action becomes a request to the safety node, the clock of the robot runs to the next
tick of the policy, and the streams, aligned by stamp, become the observation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from controllers.lie import quat_from_so3, so3_from_quat
from controllers.proprioception import PROPRIOCEPTION, proprioception
from controllers.reason import Reason
from controllers.serial_chain import SerialChain
from controllers.tool_control import ToolAim, ToolControl, ToolSettings, upright
from hardware.contract import Contract
from hardware.link import Link, Report
from hardware.streams import Aligned
from hardware.task import RobotTask, Upright, as_worlds
from hardware.tool_reader import Arm, ToolReader
from robot_rl.env import ArraySpec, Closing, Info, Observation, Step

STAMPS = "stamps"
"""Key in ``info``: ``sensor`` and ``command``, arrays (1,) [s]."""
REQUESTED, SENT, REASONS = "requested", "sent", "reasons"
"""Keys in ``info``: the last request and command of the step in the contract's mode, shape
(1, size), and the bit mask of what the filter did to it, shape (1,)."""

_CHANGED = ~(Reason.ACCELERATION | Reason.ENGAGE)
"""Reasons for which the command was not the one asked for; smoothing is how the arm moves."""
_NEAR = (0.004, 0.03)
"""An arm this near to its start stands there [m, rad]."""
_WAIT = 1.0
"""How long a set of streams may fail to come together before it is an error [s]."""


@dataclass(frozen=True)
class RobotConfig(ToolSettings):
    """Settings of a robot's environment that are not in its contract."""

    privileged: bool = True
    """Whether ``state`` ends with the task's state, by the poses of its objects."""
    cameras: tuple[str, ...] = ()
    """Cameras of the contract that are observed as ``images/<camera>``."""
    timeout: float = 10.0
    """How long the robot may take to appear, and the arm to reach its start [s]."""
    retreat: float = 0.13
    """Height to which the tool goes up before it moves to a new start, base frame [m]."""


class HardwareEnv(Closing):
    """One robot behind ROS topics; ``num_envs`` is 1.

    Nothing is connected before the first ``reset``, so specs can be read without a robot.

    Args:
        contract: The robot, commanded by joint positions with a model, or by a pose of the tool.
        link: Its topics.
        task: What to do; without one there is no reward, and an episode ends by ``horizon``.
        seed: Seed of the starts until ``reset`` gives another.
        config: How far an action goes, what is observed.
        horizon: Steps of an episode without a task.

    Raises:
        ValueError: If the contract lacks what an action needs, or a camera.
    """

    num_envs = 1

    def __init__(
        self,
        contract: Contract,
        link: Link,
        task: RobotTask | None = None,
        seed: int = 0,
        config: RobotConfig | None = None,
        horizon: int = 200,
    ) -> None:
        self.contract, self.task, self.config = contract, task, config or RobotConfig()
        self.dt = 1 / contract.rates.policy
        self.late_steps = 0
        """Steps that took longer than ``dt``."""
        self._link, self._horizon = link, horizon if task is None else task.horizon
        self._joints = contract.command.mode == "joint_position"
        chain = _chain(contract)
        self._require_usable(chain)
        self._reader = ToolReader(contract, chain)
        self._aim = ToolAim(self.config)
        self._chain = chain
        self._control = chain and ToolControl(chain, np.array(contract.home.q), self.config)
        self._rng = np.random.default_rng(seed)
        self._connected, self._elapsed, self._next = False, 0, 0.0
        self._opening = 1.0
        self._times: list[float] = []

    @property
    def observation_spec(self) -> dict[str, ArraySpec]:
        """``state`` and one ``images/<camera>`` per camera."""
        names = PROPRIOCEPTION
        if self.task is not None and self.config.privileged:
            names = (*names, *self.task.observation_names)
        specs = {"state": ArraySpec((len(names),), names=names)}
        for camera in self.contract.cameras:
            if camera.name in self.config.cameras:
                shape = (camera.height, camera.width, 3)
                specs[f"images/{camera.name}"] = ArraySpec(shape, "uint8", 0, 255)
        return specs

    @property
    def action_spec(self) -> ArraySpec:
        """Translation, rotation vector and, where the task moves it, gripper opening."""
        names = ("x", "y", "z", "rx", "ry", "rz")
        if self._moves_gripper:
            names = (*names, "gripper")
        return ArraySpec((len(names),), low=-1.0, high=1.0, names=names)

    @property
    def return_range(self) -> tuple[float, float] | None:
        """0 to 1 with a sparse reward, unknown otherwise."""
        sparse = self.task is not None and self.task.reward_terms.keys() == {"success"}
        return (0.0, 1.0) if sparse else None

    @property
    def achieved_rate(self) -> float:
        """Steps per second of this episode, by the clock of the robot; NaN before the second."""
        times = self._times
        if len(times) < 2 or times[-1] <= times[0]:
            return float("nan")
        return (len(times) - 1) / (times[-1] - times[0])

    def reset(self, seed: int | None = None) -> Step:
        """Brings arm and objects to a new start; the same seed gives the same starts.

        Raises:
            ConnectionError: The robot, a camera or the safety node is not there.
            RuntimeError: The arm is stopped, or does not reach its start.
        """
        if seed is not None:
            self._rng = np.random.default_rng(seed)
        if not self._connected:
            self._link.connect(self.config.timeout)
            self._connected = True
        self._begin()
        observation = self._observe()
        nothing = np.zeros(1, bool)
        info = {
            Info.FINAL_OBSERVATION: _copied(observation),
            Info.SUCCESS: nothing.copy(),
            Info.ACTION_SENT: self.action_spec.zeros(1),
            Info.AGE: self._ages(),
        }
        return Step(observation, np.zeros(1, np.float32), nothing, nothing.copy(), info)

    def step(self, action: np.ndarray) -> Step:
        """Sends ``action``, shape (1, action), and returns one policy period later.

        An action that is not finite asks for standing still. A finished episode ends with the arm
        at the start of the next one.

        Raises:
            ValueError: If the action has another shape.
            ConnectionError: If a stream fails for longer than a second.
            RuntimeError: If the arm cannot go to its next start.
        """
        asked = self._accept(action)
        before = self._arm
        target, sent = self._solve(asked)
        stamp = self._link.request(target, self._grip(asked))
        self._pace()
        final = self._observe()
        self._elapsed += 1
        reports = self._link.reports(stamp)
        return self._outcome(final, sent, before, stamp, target, reports)

    def expert_action(self) -> np.ndarray:
        """The task's scripted expert, by what is measured. Shape (1, action).

        Raises:
            TypeError: If there is no task.
        """
        if self.task is None:
            raise TypeError("without a task nobody can demonstrate; give task=")
        target = self.task.expert(self._worlds())
        action = self._aim.action_towards(self._arm.tool, *target.pose)
        if self._moves_gripper:
            action = np.column_stack([action, 2 * target.gripper - 1])
        return action.astype(np.float32)

    def close(self) -> None:
        """Ends the connection; the safety node holds the arm. Safe to call twice."""
        self._link.close()

    @property
    def _moves_gripper(self) -> bool:
        if self.task is None:
            return self.contract.gripper is not None
        return self.task.held_opening is None

    def _require_usable(self, chain: SerialChain | None) -> None:
        mode, name = self.contract.command.mode, self.contract.name
        if mode not in ("joint_position", "cartesian_pose"):
            raise ValueError(
                f"{name} is commanded by {mode}; HardwareEnv asks for joint_position or "
                "cartesian_pose: add such a controller to its alternatives"
            )
        if chain is None and self._joints:
            raise ValueError(f"{name} has no model to find joint positions with; give model.file")
        if chain is None and self.contract.state.current_pose is None:
            raise ValueError(f"{name} has neither model nor state.current_pose; give one of them")
        known = [camera.name for camera in self.contract.cameras]
        if missing := [camera for camera in self.config.cameras if camera not in known]:
            raise ValueError(
                f"{name} has no camera {missing[0]!r}; choose from {', '.join(known) or 'none'}"
            )

    def _accept(self, action: np.ndarray) -> np.ndarray:
        action = np.asarray(action, np.float64)
        wanted = (1, *self.action_spec.shape)
        if action.shape != wanted:
            raise ValueError(
                f"action has shape {action.shape}, this robot takes {wanted}: "
                f"{', '.join(self.action_spec.names)}"
            )
        if not np.isfinite(action).all():
            action = np.zeros(wanted)
            action[:, 6:] = 2 * self._opening - 1
        return np.clip(action, -1, 1)

    def _solve(self, action: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The request in the contract's mode, and the action that it stands for."""
        if self._control is not None and self._joints:
            q, sent = self._control.target(action[:, :6], self._arm.tool, self._arm.q)
            return q[0], np.hstack([sent, action[:, 6:]])
        position, rotation, sent = self._aim.aim(action[:, :6], self._arm.tool)
        return np.r_[position[0], quat_from_so3(rotation[0])], np.hstack([sent, action[:, 6:]])

    def _grip(self, action: np.ndarray) -> float | None:
        """The gripper's value, in the unit of its driver."""
        gripper = self.contract.gripper
        if gripper is None:
            return None
        if self._moves_gripper:
            self._opening = float(action[0, 6] + 1) / 2
        return gripper.closed + self._opening * (gripper.open - gripper.closed)

    def _pace(self) -> None:
        """Waits for the next tick; a tick that was missed is not made up for."""
        self._next += self.dt
        if (now := self._link.now()) > self._next + 0.1 * self.dt:
            self.late_steps += 1
            self._next = max(self._next, now)
        while self._link.now() < self._next:
            self._link.sleep_until(self._next)
        self._times.append(self._link.now())

    def _observe(self) -> Observation:
        """The newest aligned set as an observation; keeps the arm for the next action."""
        self._aligned = aligned = self._aligned_set()
        self._arm = arm = self._reader.read(aligned)
        frame = self._aim.frame(arm.tool.rotation)
        parts = [proprioception(arm.tool, arm.twist, arm.wrench, arm.opening, frame)]
        if self.task is not None and self.config.privileged:
            parts.append(self.task.observe(self._worlds()))
        observation = {"state": np.hstack(parts).astype(np.float32)}
        for camera in self.config.cameras:
            key = f"images/{camera}"
            observation[key] = aligned.samples[key].value[None].copy()
        return observation

    def _aligned_set(self) -> Aligned:
        end = self._link.now() + _WAIT
        while not (aligned := self._link.streams.align(self._link.now())).whole:
            if self._link.now() > end:
                faults = "; ".join(aligned.faults.values())
                raise ConnectionError(f"{self.contract.name} cannot be observed: {faults}")
            self._link.sleep_until(self._link.now() + 0.1 * self.dt)
        return aligned

    def _ages(self) -> dict[str, np.ndarray]:
        return {name: np.array([age]) for name, age in self._aligned.ages.items()}

    def _worlds(self) -> Any:
        """The measured world as a task sees it."""
        assert self.task is not None
        arm = self._arm
        samples = {name: self._aligned.samples[f"extra/{name}"].value for name in self.task.objects}
        poses = {name: _upright(pose) for name, pose in samples.items()}
        return as_worlds(
            tool_position=arm.tool.position,
            tool_rotation=arm.tool.rotation,
            twist=arm.twist,
            opening=arm.opening,
            bodies={n: np.r_[p[:3], np.roll(p[3:], 1)][None] for n, p in samples.items()},
            draw=self.task.locate(poses),
            elapsed=np.array([self._elapsed]),
        )

    def _outcome(
        self,
        final: Observation,
        sent: np.ndarray,
        before: Arm,
        stamp: float,
        target: np.ndarray,
        reports: list[Report],
    ) -> Step:
        success, terms = np.zeros(1, bool), {"success": np.zeros(1)}
        if self.task is not None:
            worlds = self._worlds()
            success = np.asarray(self.task.success(worlds))
            terms = {name: w * term(worlds) for name, (w, term) in self.task.reward_terms.items()}
        stopped = bool(reports and reports[-1].latched)
        truncated = np.array([self._elapsed >= self._horizon or stopped]) & ~success
        info = {
            Info.FINAL_OBSERVATION: final,
            Info.ACTION_SENT: self._action_sent(sent, before, reports),
            Info.INTERVENED: np.array([any(report.person for report in reports)]),
            Info.SUCCESS: success,
            Info.REWARD_TERMS: terms,
            Info.AGE: self._ages(),
            STAMPS: {"sensor": np.array([before.stamp]), "command": np.array([stamp])},
            REQUESTED: target[None].copy(),
            SENT: (reports[-1].sent if reports else np.full_like(target, np.nan))[None].copy(),
            REASONS: np.array([_reasons(reports)]),
        }
        observation = _copied(final)
        if (success | truncated)[0]:
            self._begin()
            observation = self._observe()
        reward = np.sum(list(terms.values()), axis=0).astype(np.float32)
        return Step(observation, reward, success, truncated, info)

    def _action_sent(self, sent: np.ndarray, before: Arm, reports: list[Report]) -> np.ndarray:
        """The action, or, where it was not what moved the arm, what the command amounts to."""
        acted = any(report.person for report in reports)
        if reports and (acted or Reason(_reasons(reports)) & _CHANGED):
            commands = [report.sent for report in reports if np.isfinite(report.sent).all()]
            sent = sent.copy()
            sent[:, :6] = self._amounts_to(commands[-1], before) if commands else 0.0
        return np.clip(sent, -1, 1).astype(np.float32)

    def _amounts_to(self, command: np.ndarray, before: Arm) -> np.ndarray:
        """The action that asks for a command, from where the arm was."""
        if self._joints and self._chain is not None:
            tool = self._chain.forward(command[None])
            return self._aim.action_between(before.tool, tool.position, tool.rotation)
        rotation = so3_from_quat(command[3:])[None]
        return self._aim.action_between(before.tool, command[None, :3], rotation)

    def _begin(self) -> None:
        """Opens a latch that contact closed, goes up, has the objects placed, goes to the start."""
        self._reader.forget()
        self._unlatch()
        self._next = self._link.now()
        self._observe_arm()
        if self.task is not None:
            draw = self.task.draw(self._rng, 1)
            start, yaw = draw["tool_position"], draw["tool_yaw"]
            held = self.task.held_opening
            self._opening = 1.0 if held is None else held
            up = self._arm.tool.position.copy()
            up[:, 2] = np.maximum(up[:, 2], max(self.config.retreat, float(start[0, 2])))
            here = np.arctan2(self._arm.tool.rotation[:, 1, 0], self._arm.tool.rotation[:, 0, 0])
            self._go(up, here)
            self._place(self.task.place(draw))
            self._go(start, yaw)
        self._elapsed, self._times = 0, [self._link.now()]

    def _unlatch(self) -> None:
        """Contact that was too hard ends an episode; what a person stopped, a person frees."""
        reports = self._link.reports(self._link.now() - 2 * self.dt)
        latched = Reason(reports[-1].latched) if reports else Reason.NONE
        if latched & Reason.STOP:
            raise RuntimeError(
                f"{self.contract.name} was stopped; see that all is well, then call the service "
                "reset of its safety node"
            )
        if latched:
            self._link.open_latch()

    def _place(self, poses: Any) -> None:
        """Has objects placed where somebody can, and waits until they are seen there."""
        for name, pose in poses.items():
            half = pose.yaw[0] / 2
            wanted = np.array([*pose.position[0], 0, 0, np.sin(half), np.cos(half)])
            if self._link.place(name, wanted):
                self._await(name, wanted)

    def _await(self, name: str, wanted: np.ndarray) -> None:
        end = self._link.now() + _WAIT
        while self._link.now() < end:
            sample = self._link.streams[f"extra/{name}"].newest()
            if sample is not None and np.abs(sample.value[:3] - wanted[:3]).max() < 0.005:
                return
            self._link.sleep_until(self._link.now() + 0.1 * self.dt)
        raise RuntimeError(f"{name} was not placed within {_WAIT:.0f} s; is its way blocked?")

    def _observe_arm(self) -> None:
        self._aligned = self._aligned_set()
        self._arm = self._reader.read(self._aligned)

    def _go(self, position: np.ndarray, yaw: np.ndarray) -> None:
        """Moves the tool to an upright pose by the same requests that actions make."""
        end = self._link.now() + self.config.timeout
        position = np.clip(position, *self.config.workspace)
        while not self._stands_at(position, yaw):
            if self._link.now() > end:
                raise RuntimeError(
                    f"{self.contract.name} did not reach {position[0].round(3)} within "
                    f"{self.config.timeout:g} s: {self._why()}"
                )
            self._unlatch()
            action = np.zeros((1, self.action_spec.shape[0]))
            action[:, :6] = self._aim.action_towards(self._arm.tool, position, yaw)
            action[:, 6:] = 2 * self._opening - 1
            target, _ = self._solve(action)
            self._link.request(target, self._grip(action))
            self._pace()
            self._observe_arm()

    def _stands_at(self, position: np.ndarray, yaw: np.ndarray) -> bool:
        tool = self._arm.tool
        turn = np.abs(self._aim.action_between(tool, tool.position, upright(yaw)))
        near = np.linalg.norm(tool.position - position) < _NEAR[0]
        return bool(near and (turn[:, 3:] * self.config.rotation < _NEAR[1]).all())

    def _why(self) -> str:
        """What the safety node says about an arm that does not move."""
        reports = self._link.reports(self._link.now() - 0.5)
        if not reports:
            return "the safety node says nothing; is it running?"
        names = [r.name or "" for r in Reason if r.value & reports[-1].reasons]
        return f"the safety node says {', '.join(names) or 'that all is passed on'}"


def _chain(contract: Contract) -> SerialChain | None:
    if contract.model is None:
        return None
    import mujoco

    model = mujoco.MjModel.from_xml_path(str(contract.model.path))
    return SerialChain.from_mujoco(model, contract.joints.arm, contract.model.tool_site)


def _upright(pose: np.ndarray) -> Upright:
    *_, x, y, z, w = pose
    yaw = np.arctan2(2 * (w * z + x * y), 1 - 2 * (y * y + z * z))
    return Upright(pose[None, :3], np.array([yaw]))


def _reasons(reports: list[Report]) -> int:
    return int(np.bitwise_or.reduce([0, *(report.reasons for report in reports)]))


def _copied(observation: Observation) -> Observation:
    return {key: value.copy() for key, value in observation.items()}
