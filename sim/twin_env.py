"""The environment contract on a twin, without ROS in between."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from robot_rl.crop import WHOLE, shrunk
from robot_rl.env import Info, Observation, Step
from sim.config import EnvConfig
from sim.gap import GapProfile
from sim.proprioception import arm_fields, felt
from sim.randomization import Randomization
from sim.scene import SPECTATOR
from sim.task import Task, Worlds
from sim.task_env import TaskEnv
from sim.twin import Twin


class TwinEnv(TaskEnv):
    """One robot. Specs, semantics and the first episode of a seed are those of ``MujocoEnv``.

    Controller, expert and observation know what the twin reports; success, reward and the poses of
    objects in the privileged state are the truth.

    Args:
        task: The task, with its parameters.
        gap: In what the robot differs from the arm in MuJoCo.
        seed: Seed of episodes and noise until ``reset`` gives another.
        config: Everything that does not belong to the task. It draws no physics.

    Raises:
        ValueError: If ``config`` randomizes.
    """

    def __init__(
        self,
        task: Task,
        gap: GapProfile | None = None,
        seed: int = 0,
        config: EnvConfig | None = None,
    ) -> None:
        super().__init__(task, 1, config)
        if self.config.randomization != Randomization():
            raise ValueError("a twin is always the same robot; leave randomization out, choose gap")
        self.twin = Twin(task, gap, seed)
        self._measure()
        self.twin.seed(seed)  # What was measured has drawn noise.

    def reset(self, seed: int | None = None) -> Step:
        """Starts a new episode; the same seed gives the same episodes."""
        self._start(seed)
        return self._aged(self._first_step())

    def step(self, action: np.ndarray) -> Step:
        """Applies ``action``, shape (1, action), for ``dt``; holds where it is not finite.

        Raises:
            ValueError: If the action has another shape.
        """
        sent, self._target = self._solve(self._accept(action))
        self.twin.command(self._target[0])
        self.twin.advance(self.dt)
        self._measure()
        self._elapsed[:] += 1
        return self._aged(self._outcome(sent, np.zeros(1, bool)))

    def expert_action(self) -> np.ndarray:
        """The task's scripted expert, who knows the arm as measured. Shape (1, action)."""
        return self._towards(self.task.expert(self._as_measured(self._worlds())))

    def picture(self, width: int, height: int) -> np.ndarray:
        """What a spectator sees. Shape (height, width, 3), uint8."""
        return self.twin.picture(SPECTATOR, (width, height))

    def close(self) -> None:
        """Frees engine and renderers; safe to call twice."""
        self.twin.close()

    @property
    def _q(self) -> np.ndarray:
        return self._measured.q[None, :7]

    def _start(self, seed: int | None = None) -> None:
        self.twin.reset(seed)
        self._elapsed[:] = 0
        self._measure()
        self._target = self._measured.q[None]

    def _begin(self, worlds: np.ndarray) -> None:
        self._start()

    def _measure(self) -> None:
        self._measured = self.twin.state()
        self._wrench = self._measured.wrench[None]
        self._tool = self._chain.forward(self._q)

    def _worlds(self) -> Worlds:
        return replace(self.twin.worlds(), elapsed=self._elapsed.copy())

    def _as_measured(self, worlds: Worlds) -> Worlds:
        q, dq = self._measured.q[None], self._measured.dq[None]
        return replace(worlds, **arm_fields(self._tool, q, dq))

    def _observation(self, worlds: Worlds, rows: np.ndarray) -> Observation:
        seen = self._as_measured(worlds)
        frame = self._control.frame(seen.tool_rotation)
        felt_now = felt(seen, self._wrench, frame)
        self._stamps = {"state": self._measured.stamp}
        observation = {"state": self._state(felt_now, seen)}
        for camera in self._watched:
            crop, size = self._crops.get(camera, WHOLE), self.config.image_size
            picture = self.twin.image(camera, (crop.whole(size), crop.whole(size)))
            self._stamps[f"images/{camera}"] = picture.stamp
            observation[f"images/{camera}"] = shrunk(crop.of(picture.pixels), size)[None]
        return observation

    def _image_stamps(self) -> dict[str, np.ndarray]:
        return {key: np.array([stamp]) for key, stamp in self._stamps.items()}

    def _aged(self, step: Step) -> Step:
        """With the age of each stream in ``info``."""
        stamps = {key: stamp for key, stamp in self._stamps.items() if key in step.observation}
        age = {key: np.array([self.twin.time - stamp]) for key, stamp in stamps.items()}
        step.info[Info.AGE] = age
        return step
