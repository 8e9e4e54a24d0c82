"""Batched manipulation environments on MuJoCo: many Pandas, one task, one contract."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import mujoco
import numpy as np

from controllers.lie import so3_exp, so3_log
from controllers.serial_chain import SerialChain, ToolState
from robot_rl.env import ArraySpec, Info, Observation, Step
from sim import panda
from sim.batch import Batch
from sim.randomization import ModelDraw, Randomization
from sim.scene import arm_scene
from sim.task import Pose, Task, Worlds

PROPRIOCEPTION = (
    *("x", "y", "z", "roll", "pitch", "yaw"),
    *("vx", "vy", "vz", "wx", "wy", "wz"),
    *("fx", "fy", "fz", "tx", "ty", "tz"),
    "gripper",
)
"""Tool pose relative to the work area, twist, external wrench, opening (as SERL's 19 numbers)."""


@dataclass(frozen=True)
class EnvConfig:
    """Everything about an environment that is not its task."""

    control_dt: float = 0.05
    """Time between two actions [s]."""
    translation: float = 0.015
    """Shift of the target that a full action asks for along each axis [m]."""
    rotation: float = 0.1
    """Turn of the target that a full action asks for about each axis [rad]."""
    tilt: float = 0.2
    """Largest roll and pitch of the target away from straight down [rad]."""
    yaw: float = 0.7
    """Largest yaw of the target [rad]."""
    workspace: tuple[tuple[float, float, float], tuple[float, float, float]] = (
        (0.3, -0.3, 0.01),
        (0.75, 0.3, 0.45),
    )
    """Corners of the box that the target cannot leave, base frame [m]."""
    relative_frame: bool = False
    """Actions, twist and wrench in the tool frame instead of the base frame (as SERL's wrapper)."""
    privileged: bool = True
    """Whether ``state`` ends with the task's true state; policies from pixels go without."""
    cameras: tuple[str, ...] = ()
    """Cameras to render into ``images/<camera>``."""
    image_size: int = 128
    """Height and width of the images."""
    randomization: Randomization = field(default_factory=Randomization)
    """Ranges of the physics, drawn per episode."""
    threads: int = 0
    """Physics threads; 0 takes one per core."""
    divergence_folder: str = "runs/diverged"
    """Where the states of a world that diverged are kept."""


@dataclass(frozen=True)
class Snapshot:
    """All that decides the future of an environment, for ``MujocoEnv.restore``."""

    state: np.ndarray
    """Physics. Shape (worlds, n)."""
    draw: dict[str, np.ndarray]
    """The task's draws. Shape (worlds, ...)."""
    physics: dict[str, np.ndarray]
    """The randomization's draws. Shape (worlds, ...)."""
    elapsed: np.ndarray
    """Shape (worlds,)."""
    last_target: np.ndarray
    """Joint targets of the last step. Shape (worlds, actuators) [rad, m]."""
    generator: dict[str, Any]
    """State of the random generator."""


class MujocoEnv:
    """``num_envs`` worlds of one task; action = tool displacement (6) and gripper (0 or 1) in [-1, 1].

    Once per step the measured pose plus the action becomes a joint target (one damped least-squares
    step); the joint servos inside the engine follow it at the physics rate, compliant in contact.
    """

    def __init__(
        self, task: Task, num_envs: int = 1, seed: int = 0, config: EnvConfig | None = None
    ) -> None:
        self.task = task
        self.config = config or EnvConfig()
        self.num_envs = num_envs
        self.dt = self.config.control_dt
        scene = arm_scene()
        task.build(scene)
        self.model = scene.compile()
        self.chain = SerialChain.from_mujoco(self.model, panda.ARM_JOINTS, panda.TOOL_SITE)
        self._batch = Batch(self.model, num_envs, self.config.threads or None)
        self._ticks = round(self.dt / self.model.opt.timestep)
        self._model_draw = ModelDraw(self.model, self.config.randomization)
        self._rng = np.random.default_rng(seed)
        self._free = _free_bodies(self.model)
        self._tool_weight = _tool_weight(self.model)
        self._draw = task.draw(np.random.default_rng(0), num_envs)
        self._physics = self.config.randomization.draw(np.random.default_rng(0), num_envs)
        self._elapsed = np.zeros(num_envs, np.int64)
        self._target = np.zeros((num_envs, self.model.nu))
        self._wrench = np.zeros((num_envs, 6))
        self._start_states: Callable[[int], Snapshot] | None = None
        self._diverged = 0
        self._tool = self.chain.forward(self._q)
        self._renderer = None

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

    def reset(self, seed: int | None = None) -> Step:
        """Starts a new episode in every world; the same seed gives the same episodes."""
        if seed is not None:
            self._rng = np.random.default_rng(seed)
        self._begin(np.arange(self.num_envs))
        observation = self._observation(self._worlds())
        nothing = np.zeros(self.num_envs, bool)
        info = {
            Info.FINAL_OBSERVATION: observation,
            Info.SUCCESS: nothing.copy(),
            Info.ACTION_SENT: self.action_spec.zeros(self.num_envs),
        }
        return Step(observation, np.zeros(self.num_envs, np.float32), nothing, nothing.copy(), info)

    def step(self, action: np.ndarray) -> Step:
        """Applies ``action``, shape (num_envs, action), for ``dt``; elements that are not finite hold."""
        action = self._accept(action)
        before = self._batch.state.copy()
        sent, target = self._solve(action)
        self._advance(target)
        self._elapsed += 1
        diverged = self._catch_divergence(before)
        worlds = self._worlds()
        success = self.task.success(worlds) & ~diverged
        truncated = ((self._elapsed >= self.task.horizon) | diverged) & ~success
        terms = self._reward_terms(worlds, diverged)
        final = self._observation(worlds)
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

    def expert_action(self) -> np.ndarray:
        """The task's scripted expert, without noise. Shape (num_envs, action)."""
        target = self.task.expert(self._worlds())
        tool, frame = self._tool, self._frame(self._tool.rotation)
        turn = so3_log(_yawed(target.pose.yaw) @ tool.rotation.transpose(0, 2, 1))
        shift = _rotate(frame, target.pose.position - tool.position) / self.config.translation
        action = np.hstack([shift, _rotate(frame, turn) / self.config.rotation])
        if self.task.held_opening is None:
            action = np.column_stack([action, 2 * target.gripper - 1])
        return np.clip(action, -1, 1).astype(np.float32)

    def snapshot(self) -> Snapshot:
        """A copy of everything that decides the future."""
        return Snapshot(
            self._batch.state.copy(),
            {key: value.copy() for key, value in self._draw.items()},
            {key: value.copy() for key, value in self._physics.items()},
            self._elapsed.copy(),
            self._target.copy(),
            self._rng.bit_generator.state,
        )

    def restore(self, snapshot: Snapshot) -> Step:
        """Goes back to a snapshot; the next steps repeat bit for bit."""
        if snapshot.state.shape != self._batch.state.shape:
            raise ValueError(
                f"snapshot of shape {snapshot.state.shape} does not fit {self._batch.state.shape}; "
                "use the same task and num_envs"
            )
        self._batch.state = snapshot.state.copy()
        self._draw = {key: value.copy() for key, value in snapshot.draw.items()}
        self._physics = {key: value.copy() for key, value in snapshot.physics.items()}
        self._elapsed = snapshot.elapsed.copy()
        self._target = snapshot.last_target.copy()
        self._rng.bit_generator.state = snapshot.generator
        self._write_models(np.arange(self.num_envs))
        self._wrench[:] = 0
        self._tool = self.chain.forward(self._q)
        observation = self._observation(self._worlds())
        nothing = np.zeros(self.num_envs, bool)
        info = {Info.FINAL_OBSERVATION: observation, Info.SUCCESS: nothing.copy()}
        return Step(observation, np.zeros(self.num_envs, np.float32), nothing, nothing.copy(), info)

    def start_from(self, states: Callable[[int], Snapshot] | None) -> None:
        """Draws the start of later episodes from ``states(count)`` (SnapshotRL); None ends that."""
        self._start_states = states

    def render(self, camera: str, world: int = 0) -> np.ndarray:
        """Picture of one world. Shape (image_size, image_size, 3), uint8."""
        if self._renderer is None:
            from sim.mujoco_render import CameraRenderer

            size = self.config.image_size
            self._renderer = CameraRenderer(self.model, size, size)
        return self._renderer.render(self._batch.models[world], self._batch.data(world), camera)

    def close(self) -> None:
        """Ends threads and renderer; safe to call twice."""
        self._batch.close()
        if self._renderer is not None:
            self._renderer.close()
            self._renderer = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def _q(self) -> np.ndarray:
        return self._batch.qpos[:, : len(panda.ARM_JOINTS)]

    def _accept(self, action: np.ndarray) -> np.ndarray:
        action = np.asarray(action, np.float64)
        wanted = (self.num_envs, *self.action_spec.shape)
        if action.shape != wanted:
            raise ValueError(
                f"action has shape {action.shape}, this environment takes {wanted}: "
                f"{', '.join(self.action_spec.names)} for each of {self.num_envs} worlds"
            )
        finite = np.isfinite(action).all(axis=1, keepdims=True)
        return np.where(finite, np.clip(action, -1, 1), 0.0)

    def _solve(self, action: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Joint and finger targets, and the part of the action that the workspace lets through."""
        tool, config = self._tool, self.config
        frame = self._frame(tool.rotation)
        back = frame.transpose(0, 2, 1)
        shift = _rotate(back, action[:, :3]) * config.translation
        turn = _rotate(back, action[:, 3:6]) * config.rotation
        position = np.clip(tool.position + shift, *config.workspace)
        rotation = self._within_cone(so3_exp(turn) @ tool.rotation)
        twist = np.concatenate(
            [position - tool.position, so3_log(rotation @ tool.rotation.transpose(0, 2, 1))], axis=1
        )
        q = self.chain.solve(tool, self._q, twist, panda.Q_READY)
        sent = action.copy()
        sent[:, :3] = _rotate(frame, twist[:, :3]) / config.translation
        sent[:, 3:6] = _rotate(frame, twist[:, 3:]) / config.rotation
        return np.clip(sent, -1, 1).astype(np.float32), np.hstack([q, self._fingers(action)])

    def _frame(self, tool_rotation: np.ndarray) -> np.ndarray:
        """Turns base-frame vectors into the frame of actions and observations."""
        if self.config.relative_frame:
            return tool_rotation.transpose(0, 2, 1)
        return np.broadcast_to(np.eye(3), tool_rotation.shape)

    def _within_cone(self, rotation: np.ndarray) -> np.ndarray:
        """The nearest orientation within the allowed tilt and yaw."""
        away = so3_log(panda.ROTATION_DOWN.T @ rotation)
        limit = np.array([self.config.tilt, self.config.tilt, self.config.yaw])
        return panda.ROTATION_DOWN @ so3_exp(np.clip(away, -limit, limit))

    def _fingers(self, action: np.ndarray) -> np.ndarray:
        """Finger targets [m]. Shape (worlds, 2)."""
        held = self.task.held_opening
        opening = (action[:, 6] + 1) / 2 if held is None else np.full(self.num_envs, held)
        return np.repeat(opening[:, None] * panda.FINGER_TRAVEL, 2, axis=1)

    def _advance(self, target: np.ndarray) -> None:
        """Runs the physics for one policy step; a delayed command holds the last target meanwhile."""
        delay = np.round(self._physics["delay"] / self.model.opt.timestep)
        late = np.arange(self._ticks) < delay[:, None]
        control = np.where(late[..., None], self._target[:, None], target[:, None])
        sensors = self._batch.advance(control)
        self._target = target
        self._tool = self.chain.forward(self._q)
        self._wrench = self._external_wrench(sensors.mean(axis=1))

    def _external_wrench(self, sensors: np.ndarray) -> np.ndarray:
        """Wrench of the environment on the tool in the base frame, its weight taken off."""
        wrist = self._tool.rotation  # The sensor is aligned with the tool.
        force = [0, 0, self._tool_weight] - _rotate(wrist, sensors[:, :3])
        return np.hstack([force, -_rotate(wrist, sensors[:, 3:6])])

    def _worlds(self) -> Worlds:
        tool, qpos = self._tool, self._batch.qpos
        joints = len(panda.ARM_JOINTS)
        twist = (tool.jacobian @ self._batch.qvel[:, :joints, None])[..., 0]
        fingers = qpos[:, joints : joints + 2].sum(axis=1)
        return Worlds(
            tool_position=tool.position,
            tool_rotation=tool.rotation,
            twist=twist,
            opening=fingers / (2 * panda.FINGER_TRAVEL),
            bodies={name: qpos[:, at : at + 7].copy() for name, at in self._free.items()},
            draw=self._draw,
            elapsed=self._elapsed.copy(),
        )

    def _observation(self, worlds: Worlds) -> Observation:
        noise = self.config.randomization.force_noise
        wrench = self._wrench
        if noise > 0:
            scale = noise * np.array([1, 1, 1, 0.1, 0.1, 0.1])
            wrench = wrench + scale * self._rng.standard_normal(wrench.shape)
        frame = self._frame(worlds.tool_rotation)
        seen = replace(worlds, tool_position=worlds.tool_position + self._physics["bias"])
        parts = [
            seen.tool_position - _WORK_AREA,
            so3_log(panda.ROTATION_DOWN.T @ worlds.tool_rotation),
            _rotate(frame, worlds.twist[:, :3]),
            _rotate(frame, worlds.twist[:, 3:]),
            _rotate(frame, wrench[:, :3]),
            _rotate(frame, wrench[:, 3:]),
            worlds.opening[:, None],
        ]
        if self.config.privileged:
            parts.append(self.task.observe(seen))
        observation = {"state": np.hstack(parts).astype(np.float32)}
        for camera in self.config.cameras:
            images = [self.render(camera, world) for world in range(self.num_envs)]
            observation[f"images/{camera}"] = np.stack(images)
        return observation

    def _reward_terms(self, worlds: Worlds, diverged: np.ndarray) -> dict[str, np.ndarray]:
        return {
            name: np.where(diverged, 0.0, weight * term(worlds))
            for name, (weight, term) in self.task.reward_terms.items()
        }

    def _restart(self, done: np.ndarray, final: Observation) -> Observation:
        if not done.any():
            return {key: value.copy() for key, value in final.items()}
        self._begin(np.flatnonzero(done))
        return self._observation(self._worlds())

    def _begin(self, worlds: np.ndarray) -> None:
        """Starts new episodes in the worlds with these indices."""
        count = len(worlds)
        if self._start_states is not None:
            self._begin_from(worlds, self._start_states(count))
            return
        _write(self._draw, worlds, self.task.draw(self._rng, count))
        _write(self._physics, worlds, self.config.randomization.draw(self._rng, count))
        self._elapsed[worlds] = 0
        self._write_models(worlds)
        self._batch.state[worlds] = 0
        held = self.task.held_opening
        self._batch.qpos[worlds, :7] = q = self._start_configuration(worlds)
        self._batch.qpos[worlds, 7:9] = (1.0 if held is None else held) * panda.FINGER_TRAVEL
        self._target[worlds] = np.hstack([q, self._batch.qpos[worlds, 7:9]])
        for name, pose in self.task.place(self._draw).items():
            if name in self._free:
                at = self._free[name]
                self._batch.qpos[worlds, at : at + 7] = _upright(pose)[worlds]
        self._wrench[worlds] = 0
        self._tool = self.chain.forward(self._q)

    def _begin_from(self, worlds: np.ndarray, start: Snapshot) -> None:
        _write(self._draw, worlds, start.draw)
        _write(self._physics, worlds, start.physics)
        self._elapsed[worlds] = start.elapsed
        self._batch.state[worlds] = start.state
        self._target[worlds] = start.last_target
        self._write_models(worlds)
        self._wrench[worlds] = 0
        self._tool = self.chain.forward(self._q)

    def _start_configuration(self, worlds: np.ndarray) -> np.ndarray:
        """Joint angles that bring the tool to the drawn start pose. Shape (count, 7) [rad]."""
        position, yaw = self._draw["tool_position"][worlds], self._draw["tool_yaw"][worlds]
        rotation = _yawed(yaw)
        q = np.tile(panda.Q_READY, (len(worlds), 1))
        for _ in range(_START_ITERATIONS):
            tool = self.chain.forward(q)
            away = so3_log(rotation @ tool.rotation.transpose(0, 2, 1))
            twist = np.concatenate([position - tool.position, away], axis=1)
            q = self.chain.solve(tool, q, twist, panda.Q_READY, posture_gain=0.0)
        return q

    def _write_models(self, worlds: np.ndarray) -> None:
        """Writes the draws into the worlds' models: physics, and poses of fixed bodies."""
        fixed = {n: p for n, p in self.task.place(self._draw).items() if n not in self._free}
        for world in worlds:
            model = self._batch.models[world]
            self._model_draw.write(model, {k: v[world] for k, v in self._physics.items()})
            for name, pose in fixed.items():
                body = self.model.body(name).id
                model.body_pos[body] = pose.position[world]
                half = pose.yaw[world] / 2
                model.body_quat[body] = [np.cos(half), 0, 0, np.sin(half)]

    def _catch_divergence(self, before: np.ndarray) -> np.ndarray:
        """Puts worlds with impossible states back to ``before`` and keeps their states for looking at."""
        state = self._batch.state
        bad = ~np.isfinite(state).all(axis=1) | (np.abs(self._batch.qvel).max(axis=1) > _MAX_SPEED)
        for world in np.flatnonzero(bad):
            self._keep(world, before[world])
        state[bad] = before[bad]
        if bad.any():
            self._wrench[bad] = 0
            self._tool = self.chain.forward(self._q)
        return bad

    def _keep(self, world: int, before: np.ndarray) -> None:
        folder = Path(self.config.divergence_folder)
        folder.mkdir(parents=True, exist_ok=True)
        draw = {f"draw_{k}": v[world] for k, v in (self._draw | self._physics).items()}
        path = folder / f"{self.task.name}-{self._diverged:04d}.npz"
        after, target = self._batch.state[world], self._target[world]
        np.savez(path, before=before, after=after, target=target, **draw)
        self._diverged += 1


_WORK_AREA = np.array([0.5, 0.0, 0.1])
_MAX_SPEED = 100.0
"""No joint or object moves faster than this [rad/s, m/s]."""
_START_ITERATIONS = 15


def _rotate(rotation: np.ndarray, vector: np.ndarray) -> np.ndarray:
    return (rotation @ vector[..., None])[..., 0]


def _write(into: dict[str, np.ndarray], worlds: np.ndarray, values: dict[str, np.ndarray]) -> None:
    for key, value in values.items():
        into[key][worlds] = value


def _upright(pose: Pose) -> np.ndarray:
    """Position and quaternion wxyz. Shape (worlds, 7)."""
    zero = np.zeros_like(pose.yaw)
    turn = np.column_stack([np.cos(pose.yaw / 2), zero, zero, np.sin(pose.yaw / 2)])
    return np.hstack([pose.position, turn])


def _yawed(yaw: np.ndarray) -> np.ndarray:
    """Orientation of the tool that points down, turned about the vertical. Shape (worlds, 3, 3)."""
    zero = np.zeros_like(yaw)
    return so3_exp(np.column_stack([zero, zero, yaw])) @ panda.ROTATION_DOWN


def _free_bodies(model: mujoco.MjModel) -> dict[str, int]:
    """Name of each free body -> where its pose stands in qpos."""
    free = np.flatnonzero(model.jnt_type == mujoco.mjtJoint.mjJNT_FREE)
    return {model.body(model.jnt_bodyid[j]).name: int(model.jnt_qposadr[j]) for j in free}


def _tool_weight(model: mujoco.MjModel) -> float:
    """Weight beyond the wrist sensor [N]."""
    return float(model.body_subtreemass[model.body("hand").id] * -model.opt.gravity[2])
