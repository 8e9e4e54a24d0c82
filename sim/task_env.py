"""What the environments of a task have in common, whatever engine or robot is behind them."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np

from controllers.proprioception import PROPRIOCEPTION
from controllers.serial_chain import SerialChain, ToolState
from controllers.tool_control import ToolControl
from robot_rl.env import ArraySpec, Closing, Info, Observation, Step
from sim import panda
from sim.config import EnvConfig
from sim.scene import task_model
from sim.task import Target, Task, Worlds


class TaskEnv(Closing):
    """An action moves the tool (6) and, where the task moves it, the gripper (1).

    Once per step the measured pose plus the action becomes a joint target (one damped least-squares
    step); the joint servos follow it, compliant in contact.

    Args:
        task: The task, with its parameters.
        num_envs: Number of worlds.
        config: Everything that does not belong to the task.
    """

    _tool: ToolState
    """As measured."""

    def __init__(self, task: Task, num_envs: int, config: EnvConfig | None) -> None:
        self.task = task
        self.config = config or EnvConfig()
        self.num_envs = num_envs
        self.dt = self.config.control_dt
        self.model = task_model(task)
        self._chain = SerialChain.from_mujoco(self.model, panda.ARM_JOINTS, panda.TOOL_SITE)
        self._control = ToolControl(self._chain, panda.Q_READY, self.config)
        self._elapsed = np.zeros(num_envs, np.int64)
        self._target = np.zeros((num_envs, self.model.nu))

    @property
    def observation_spec(self) -> dict[str, ArraySpec]:
        """``state`` and one ``images/<camera>`` per camera."""
        names = PROPRIOCEPTION
        if self.config.privileged:
            names = (*names, *self.task.observation_names)
        size = self.config.image_size
        image = ArraySpec((size, size, 3), "uint8", 0, 255)
        return {"state": ArraySpec((len(names),), names=names)} | {
            f"images/{camera}": image for camera in self.config.cameras
        }

    @property
    def action_spec(self) -> ArraySpec:
        """Translation, rotation vector and, where the task moves it, gripper opening."""
        names = ("x", "y", "z", "rx", "ry", "rz")
        if self.task.held_opening is None:
            names = (*names, "gripper")
        return ArraySpec((len(names),), low=-1.0, high=1.0, names=names)

    @property
    def return_range(self) -> tuple[float, float] | None:
        """0 to 1 with the sparse reward, unknown with a shaped one."""
        return (0.0, 1.0) if self.task.reward_terms.keys() == {"success"} else None

    def expert_action(self) -> np.ndarray:
        """The task's scripted expert, without noise. Shape (num_envs, action)."""
        return self._towards(self.task.expert(self._worlds()))

    @property
    @abstractmethod
    def _q(self) -> np.ndarray:
        """Measured configuration of the arm. Shape (worlds, 7) [rad]."""

    @abstractmethod
    def _worlds(self) -> Worlds:
        """The true state."""

    @abstractmethod
    def _observation(self, worlds: Worlds, rows: np.ndarray) -> Observation:
        """What is measured of it in the worlds with these indices, and only there."""

    @abstractmethod
    def _begin(self, worlds: np.ndarray) -> None:
        """Starts new episodes in the worlds with these indices."""

    def _accept(self, action: np.ndarray) -> np.ndarray:
        action = np.asarray(action, np.float64)
        wanted = (self.num_envs, *self.action_spec.shape)
        if action.shape != wanted:
            raise ValueError(
                f"action has shape {action.shape}, this environment takes {wanted}: "
                f"{', '.join(self.action_spec.names)} for each of {self.num_envs} worlds"
            )
        finite = np.isfinite(action).all(axis=1, keepdims=True)
        return np.where(finite, np.clip(action, -1, 1), self._hold())

    def _hold(self) -> np.ndarray:
        """The action that moves neither tool nor gripper. Shape (worlds, action)."""
        hold = np.zeros((self.num_envs, *self.action_spec.shape))
        if self.task.held_opening is None:
            hold[:, 6] = 2 * self._target[:, 7] / panda.FINGER_TRAVEL - 1
        return hold

    def _solve(self, action: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The action as sent, and the targets of joints and fingers. Shape (worlds, 9) [rad, m]."""
        q, sent = self._control.target(action[:, :6], self._tool, self._q)
        sent = np.hstack([sent, action[:, 6:]]).astype(np.float32)
        return sent, np.hstack([q, self._fingers(action)])

    def _fingers(self, action: np.ndarray) -> np.ndarray:
        """Finger targets [m]. Shape (worlds, 2)."""
        held = self.task.held_opening
        opening = (action[:, 6] + 1) / 2 if held is None else np.full(self.num_envs, held)
        return np.repeat(opening[:, None] * panda.FINGER_TRAVEL, 2, axis=1)

    def _towards(self, target: Target) -> np.ndarray:
        (position, yaw), gripper = target
        action = self._control.action_towards(self._tool, position, yaw)
        if self.task.held_opening is None:
            action = np.column_stack([action, 2 * gripper - 1])
        return action.astype(np.float32)

    def _outcome(self, sent: np.ndarray, diverged: np.ndarray) -> Step:
        """What a step led to; finished worlds begin anew."""
        worlds = self._worlds()
        success = self.task.success(worlds) & ~diverged
        truncated = ((self._elapsed >= self.task.horizon) | diverged) & ~success
        terms = self._reward_terms(worlds, ~diverged)
        final = self._observation(worlds, np.arange(self.num_envs))
        info = {
            Info.FINAL_OBSERVATION: final,
            Info.ACTION_SENT: sent,
            Info.SUCCESS: success,
            Info.REWARD_TERMS: terms,
            "diverged": diverged,
        }
        observation = self._restart(success | truncated, final)
        reward = np.sum(list(terms.values()), axis=0).astype(np.float32)
        return Step(observation, reward, success, truncated, info)

    def _reward_terms(self, worlds: Worlds, valid: np.ndarray) -> dict[str, np.ndarray]:
        return {
            name: np.where(valid, weight * term(worlds), 0.0)
            for name, (weight, term) in self.task.reward_terms.items()
        }

    def _restart(self, done: np.ndarray, final: Observation) -> Observation:
        """Starts anew where an episode ended; the other worlds go on from what they saw."""
        observation = {key: value.copy() for key, value in final.items()}
        if len(ended := np.flatnonzero(done)) > 0:
            self._begin(ended)
            for key, value in self._observation(self._worlds(), ended).items():
                observation[key][ended] = value
        return observation

    def _first_step(self) -> Step:
        observation = self._observation(self._worlds(), np.arange(self.num_envs))
        nothing = np.zeros(self.num_envs, bool)
        info = {
            Info.FINAL_OBSERVATION: {key: value.copy() for key, value in observation.items()},
            Info.SUCCESS: nothing.copy(),
            Info.ACTION_SENT: self.action_spec.zeros(self.num_envs),
        }
        return Step(observation, np.zeros(self.num_envs, np.float32), nothing, nothing.copy(), info)
