"""What the environments of a task have in common, whatever engine or robot is behind them."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace

import numpy as np

from controllers.proprioception import LEAD, PROPRIOCEPTION
from controllers.serial_chain import SerialChain, ToolState
from controllers.tool_control import ToolControl
from robot_rl.crop import crops_of
from robot_rl.env import ArraySpec, Closing, Info, Observation, Step
from robot_rl.reward import Moments, Verdict
from robot_rl.reward_file import load_rewards
from robot_rl.reward_sources import LabelReward, is_tasks_own
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
    _wrench: np.ndarray
    """As the arm reports it, in MuJoCo before noise is added. Shape (worlds, 6) [N, N m]."""

    def __init__(self, task: Task, num_envs: int, config: EnvConfig | None) -> None:
        self.task = task
        self.config = config or EnvConfig()
        self.num_envs = num_envs
        self.dt = self.config.control_dt
        self.model = task_model(task)
        self._rewards = load_rewards(self.config.rewards, num_envs, self.config.linger)
        if any(isinstance(source, LabelReward) for source in self._rewards.sources):
            raise ValueError(
                f"{self.config.rewards}: nobody labels episodes in a simulator; "
                "leave out the kind label, or choose the environment robot"
            )
        self._watched = tuple(dict.fromkeys((*self.config.cameras, *self._rewards.cameras)))
        self._crops = crops_of(self.config.crop, self._watched)
        self._rewards.require_crops(self._crops)
        self._chain = SerialChain.from_mujoco(self.model, panda.ARM_JOINTS, panda.TOOL_SITE)
        self._control = ToolControl(self._chain, panda.Q_READY, self.config)
        self._elapsed = np.zeros(num_envs, np.int64)
        self._target = np.zeros((num_envs, self.model.nu))

    @property
    def observation_spec(self) -> dict[str, ArraySpec]:
        """``state`` and one ``images/<camera>`` per camera."""
        names = (*PROPRIOCEPTION, *(LEAD if self.config.leash else ()))
        if self.config.privileged:
            names = (*names, *self.task.observation_names)
        size = self.config.image_size
        image = ArraySpec((size, size, 3), "uint8", 0, 255)
        return {"state": ArraySpec((len(names),), names=names)} | {
            f"images/{camera}": replace(image, crop=self._crops.get(camera, ()))
            for camera in self.config.cameras
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
        return self._rewards.return_range(self.task.reward_terms.keys() == {"success"})

    @property
    def takeover_costs(self) -> dict[str, float]:
        """What the step before a takeover costs, by the names of the terms."""
        return self._rewards.takeover_costs

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
        q, sent = self._control.target(action[:, :6], self._tool, self._q, self._lead())
        sent = np.hstack([sent, action[:, 6:]]).astype(np.float32)
        return sent, np.hstack([q, self._fingers(action)])

    def _lead(self) -> np.ndarray:
        """By how many actions the last target leads the measured tool. Shape (worlds, 6)."""
        if not self.config.leash:
            return np.zeros((self.num_envs, len(LEAD)))
        target = self._chain.forward(self._target[:, :7])
        return self._control.lead(self._tool, target.position, target.rotation)

    def _state(self, felt: np.ndarray, seen: Worlds) -> np.ndarray:
        """What ``observation_spec`` names, of all worlds. Shape (worlds, state)."""
        parts = [felt]
        if self.config.leash:
            parts.append(self._lead())
        if self.config.privileged:
            parts.append(self.task.observe(seen))
        return np.hstack(parts).astype(np.float32)

    def _fingers(self, action: np.ndarray) -> np.ndarray:
        """Finger targets [m]. Shape (worlds, 2)."""
        held = self.task.held_opening
        opening = (action[:, 6] + 1) / 2 if held is None else np.full(self.num_envs, held)
        return np.repeat(opening[:, None] * panda.FINGER_TRAVEL, 2, axis=1)

    def _towards(self, target: Target) -> np.ndarray:
        (position, yaw), gripper = target
        action = self._control.action_towards(self._tool, position, yaw, self._lead())
        if self.task.held_opening is None:
            action = np.column_stack([action, 2 * gripper - 1])
        return action.astype(np.float32)

    def _outcome(self, sent: np.ndarray, diverged: np.ndarray) -> Step:
        """What a step led to; finished worlds begin anew."""
        worlds = self._worlds()
        shown = self._observation(worlds, np.arange(self.num_envs))
        lost = self._presses_too_hard()
        final, truth = self._seen(shown), self._truth(worlds, ~diverged)
        over = (self._elapsed >= self.task.horizon) | diverged
        moments = self._moments(worlds, shown, truth)
        judgement = self._rewards.judge(moments, over, diverged | lost)
        info = {
            Info.FINAL_OBSERVATION: final,
            Info.ACTION_SENT: sent,
            Info.SUCCESS: judgement.success,
            Info.REWARD_TERMS: judgement.terms,
            "diverged": diverged,
        }
        if not is_tasks_own(self._rewards):
            true = truth.success & ~lost
            info |= {Info.READINGS: judgement.readings, Info.TRUE_SUCCESS: true}
            info |= {Info.JUDGED: moments.beside(final)}
        terminated = judgement.terminated & ~diverged
        truncated = over & ~terminated
        observation = self._restart(terminated | truncated, final)
        return Step(observation, judgement.reward, terminated, truncated, info)

    def _presses_too_hard(self) -> np.ndarray:
        """Worlds whose contact force is beyond the limit. Shape (worlds,), bool."""
        limit = self.config.force_limit or np.inf
        return np.linalg.norm(self._wrench[:, :3], axis=1) > limit

    def _truth(self, worlds: Worlds, valid: np.ndarray) -> Verdict:
        """What the task knows; nothing where the physics diverged."""
        terms = {
            name: np.where(valid, weight * term(worlds), 0.0)
            for name, (weight, term) in self.task.reward_terms.items()
        }
        return Verdict(self.task.success(worlds) & valid, np.zeros_like(valid), terms)

    def _moments(self, worlds: Worlds, shown: Observation, truth: Verdict) -> Moments:
        """What the sources of reward may look at: what is measured, and the task's truth."""
        return Moments(
            observation=shown,
            tool_position=self._tool.position,
            tool_rotation=self._tool.rotation,
            opening=worlds.opening,
            elapsed=self._elapsed.copy(),
            intervened=np.zeros(self.num_envs, bool),
            stamps=self._image_stamps(),
            task=truth,
        )

    def _image_stamps(self) -> dict[str, np.ndarray]:
        """When images were taken, by key; nothing where they are always of now."""
        return {}

    def _seen(self, shown: Observation) -> Observation:
        """Without the images that only the sources of reward see."""
        return {key: shown[key] for key in self.observation_spec}

    def _restart(self, done: np.ndarray, final: Observation) -> Observation:
        """Starts anew where an episode ended; the other worlds go on from what they saw."""
        observation = {key: value.copy() for key, value in final.items()}
        if len(ended := np.flatnonzero(done)) > 0:
            self._begin(ended)
            self._rewards.forget(ended)
            for key, value in self._seen(self._observation(self._worlds(), ended)).items():
                observation[key][ended] = value
        return observation

    def _first_step(self) -> Step:
        everywhere = np.arange(self.num_envs)
        self._rewards.forget(everywhere)
        observation = self._seen(self._observation(self._worlds(), everywhere))
        nothing = np.zeros(self.num_envs, bool)
        info = {
            Info.FINAL_OBSERVATION: {key: value.copy() for key, value in observation.items()},
            Info.SUCCESS: nothing.copy(),
            Info.ACTION_SENT: self.action_spec.zeros(self.num_envs),
        }
        return Step(observation, np.zeros(self.num_envs, np.float32), nothing, nothing.copy(), info)
