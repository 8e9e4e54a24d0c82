"""A physical robot that is none: the arm, its task and its cameras on an engine of their own."""

from __future__ import annotations

from collections import deque
from itertools import islice
from typing import NamedTuple

import mujoco
import numpy as np

from controllers.serial_chain import SerialChain
from controllers.tool_control import ToolControl, ToolSettings
from robot_rl.env import Closing
from sim import panda
from sim.bullet_world import BulletWorld
from sim.gap import GapProfile
from sim.placement import Placement, fixed_objects
from sim.proprioception import arm_fields, external_wrench, tool_weight
from sim.scene import task_model
from sim.task import Pose, Task, Worlds
from sim.twin_cameras import Picture, TwinCameras

WRENCH_WINDOW = 0.05
"""The wrist sensor delivers the mean over this time [s], as a policy step of MuJoCo's does that is
as long."""


class ArmState(NamedTuple):
    """What the arm reports of itself."""

    stamp: float
    """When it was so, on the clock of the twin [s]."""
    q: np.ndarray
    """Positions of arm and fingers. Shape (9,) [rad, m]."""
    dq: np.ndarray
    """Velocities of arm and fingers. Shape (9,) [rad/s, m/s]."""
    wrench: np.ndarray
    """Of the environment on everything beyond the wrist, mean over ``WRENCH_WINDOW``; base frame,
    torque about the wrist sensor. Shape (6,) [N, N m]."""


class _Sample(NamedTuple):
    """The truth at one tick."""

    tick: int
    qpos: np.ndarray
    dq: np.ndarray
    wrist: np.ndarray


class Twin(Closing):
    """One robot with a task in front of it; its clock runs in ``advance`` only.

    What it reports, and the commands it takes, are late, noisy and off as its profile says. The
    truth is in ``worlds``.

    Args:
        task: Its objects stand in the scene.
        profile: In what it differs from the arm in MuJoCo.
        seed: Seed of episodes and noise.

    Attributes:
        model: The scene as MuJoCo has it; kinematics and dynamics of the arm are those of the twin.
        dt: Time step [s].
        chain: Kinematics of the arm.
    """

    def __init__(self, task: Task, profile: GapProfile | None = None, seed: int = 0) -> None:
        self.task = task
        self.profile = profile or GapProfile()
        self.model = task_model(task)
        self.dt = float(self.model.opt.timestep)
        self.chain = SerialChain.from_mujoco(self.model, panda.ARM_JOINTS, panda.TOOL_SITE)
        self._control = ToolControl(self.chain, panda.Q_READY, ToolSettings())
        self._world = BulletWorld(self.model, self.profile)
        self._cameras = TwinCameras(self.model, self.profile)
        self._placement = Placement(self.model)
        self._scene = mujoco.MjData(self.model)
        self._fixed = fixed_objects(self._placement, task)
        self._weight = tool_weight(self.model)
        self._tick = 0
        self._window = round(WRENCH_WINDOW / self.dt)
        late = round(self.profile.observation_delay / self.dt)
        self._samples: deque[_Sample] = deque(maxlen=self._window + late)
        self.reset(seed)
        self.seed(seed)  # So that the next reset begins the first episode of the seed.

    @property
    def time(self) -> float:
        """Since the twin was made [s]."""
        return self._tick * self.dt

    def reset(self, episode: dict[str, np.ndarray] | int | None = None) -> None:
        """Places arm and objects for a new episode; the clock goes on.

        Args:
            episode: A draw of the task for one world, or a seed that also decides the noise and
                all episodes after it; the next of the current seed by default.
        """
        if not isinstance(episode, dict):
            if episode is not None:
                self.seed(episode)
            episode = self.task.draw(self._rng, 1)
        self._draw = episode
        self._place_objects()
        held = self.task.held_opening
        finger = (1.0 if held is None else held) * panda.FINGER_TRAVEL
        start = self._control.configuration(episode["tool_position"], episode["tool_yaw"])[0]
        self._target = np.array([*start, finger, finger])
        self._world.set_joints(self._target)
        self._commands: deque[tuple[int, np.ndarray]] = deque()
        self._stand()

    def objects(self) -> dict[str, np.ndarray]:
        """Position and quaternion wxyz of the task's objects, as old as ``state``. Shape (7,)."""
        free = self._placement.read(self._late.qpos[None])
        fixed = [self.model.body(name) for name in self._fixed]
        stand = {body.name: np.r_[body.pos, body.quat] for body in fixed}
        return {name: pose[0] for name, pose in free.items()} | stand

    def place(self, name: str, position: np.ndarray, yaw: float) -> None:
        """Puts an object elsewhere, upright and at rest, as a person does between two episodes.

        Args:
            name: One of ``task.objects``.
            position: Shape (3,) [m].
            yaw: About the vertical [rad].

        Raises:
            ValueError: There is no such object.
        """
        if name not in self.task.objects:
            raise ValueError(
                f"{self.task.name} has no object {name!r}; "
                f"choose from {', '.join(self.task.objects)}"
            )
        poses = self.task.place(self._draw) | {name: Pose(position[None], np.array([yaw]))}
        self._draw = self._draw | self.task.locate(poses)
        self._put({name: poses[name]})

    def scene(self) -> tuple[float, np.ndarray]:
        """When, and all that ``TwinView`` needs to draw it: positions, then fixed objects."""
        fixed = [self.model.body(name) for name in self._fixed]
        stand = [part for body in fixed for part in (body.pos, body.quat)]
        return self._late.tick * self.dt, np.concatenate([self._late.qpos, *stand])

    def command(self, target: np.ndarray) -> None:
        """Sends joint and finger targets, which reach the servos after the delay of commands.

        Args:
            target: Shape (9,) [rad, m].

        Raises:
            ValueError: If the shape is another one or not all numbers are finite.
        """
        target = np.array(target, np.float64)
        if target.shape != self._target.shape or not np.isfinite(target).all():
            raise ValueError(
                f"command {target} is not {self._target.size} finite numbers; send the targets of "
                "7 joints [rad] and 2 fingers [m]"
            )
        delay = round(self.profile.action_delay / self.dt)
        self._commands.append((self._tick + delay, target))

    def advance(self, seconds: float) -> None:
        """Lets time pass, rounded to whole ticks of ``dt``."""
        for _ in range(round(seconds / self.dt)):
            while self._commands and self._commands[0][0] <= self._tick:
                self._target = self._commands.popleft()[1]
            self._world.tick(self._target)
            self._tick += 1
            self._samples.append(self._sample())
            self._state = None

    def state(self) -> ArmState:
        """The arm as reported now; the same until time passes."""
        if self._state is None:
            self._state = self._measure()
        return self._state

    def image(self, camera: str, size: tuple[int, int]) -> Picture:
        """What a camera delivers now, the same until time passes; ``size`` is width and height."""
        late = self._late
        return self._cameras.take(camera, size, late.qpos, late.tick * self.dt, self._noise)

    def picture(self, camera: str, size: tuple[int, int]) -> np.ndarray:
        """For people: what is there now, with shadows. Shape (height, width, 3), uint8."""
        return self._cameras.draw(camera, size, self._samples[-1].qpos, "video")

    def worlds(self) -> Worlds:
        """The true state, as a batch of one; ``elapsed`` counts ticks."""
        sample = self._samples[-1]
        q, dq = sample.qpos[None], sample.dq[None]
        return Worlds(
            **arm_fields(self.chain.forward(q[:, :7]), q, dq),
            bodies=self._placement.read(q),
            draw=self._draw,
            elapsed=np.array([self._tick - self._began]),
        )

    def success(self) -> bool:
        """Whether the task is accomplished now."""
        return bool(self.task.success(self.worlds())[0])

    def close(self) -> None:
        """Frees engine and renderers; safe to call twice."""
        self._world.close()
        self._cameras.close()

    @property
    def _late(self) -> _Sample:
        """The sample that is reported now."""
        return self._samples[self._window - 1]

    def seed(self, seed: int) -> None:
        """Of the noise and of all episodes from now on."""
        self._rng = np.random.default_rng(seed)
        self._noise = self._rng.spawn(1)[0]

    def _place_objects(self) -> None:
        """Writes the draw into model, data and engine, which forgets the last episode."""
        self._world.reset()
        self._put(self.task.place(self._draw))

    def _put(self, poses: dict[str, Pose]) -> None:
        data, first = self._scene, np.array([0])
        self._placement.write_free(data.qpos[None], first, poses)
        self._placement.write_fixed([self.model], first, poses)
        mujoco.mj_kinematics(self.model, data)
        for name in poses:
            self._world.put(name, data.body(name).xpos, data.body(name).xquat)

    def _stand(self) -> None:
        """Begins the records of an episode as if the arm had stood there, free of load, before."""
        self._began = self._tick
        here, rotation = self._sample(), self.chain.forward(self._target[None, :7]).rotation[0]
        here.wrist[:] = [*(rotation.T @ [0, 0, self._weight]), 0, 0, 0]
        ticks = range(self._tick - (self._samples.maxlen or 0) + 1, self._tick + 1)
        self._samples.extend(here._replace(tick=tick) for tick in ticks)
        self._cameras.forget()
        self._state: ArmState | None = None

    def _sample(self) -> _Sample:
        reading, qpos = self._world.reading, self._scene.qpos.copy()
        qpos[:9] = reading.q
        for name, at in self._placement.free.items():
            qpos[at : at + 7] = self._world.pose(name)
        return _Sample(self._tick, qpos, reading.dq, reading.wrist)

    def _measure(self) -> ArmState:
        late, profile = self._late, self.profile
        q = late.qpos[:9].copy()
        q[:7] += profile.joint_noise * self._noise.standard_normal(7)
        wrists = [sample.wrist for sample in islice(self._samples, self._window)]
        rotation = self.chain.forward(q[None, :7]).rotation
        wrench = external_wrench(np.mean(wrists, axis=0)[None], rotation, self._weight)[0]
        scale = profile.force_noise * np.array([1, 1, 1, 0.1, 0.1, 0.1])
        wrench += scale * self._noise.standard_normal(6)
        return ArmState(late.tick * self.dt, q, late.dq.copy(), wrench)
