"""Batched manipulation environments on MuJoCo: many Pandas, one task, one contract."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from robot_rl.crop import WHOLE, shrunk
from robot_rl.env import Observation, Step
from sim import panda
from sim.batch import Batch
from sim.cameras import Cameras
from sim.config import EnvConfig
from sim.divergence import DivergedStates
from sim.placement import Placement
from sim.proprioception import arm_fields, external_wrench, felt, tool_weight
from sim.randomization import ModelDraw
from sim.scene import SPECTATOR
from sim.task import Task, Worlds
from sim.task_env import TaskEnv


class Snapshot(NamedTuple):
    """All that decides the future of an environment, for ``MujocoEnv.restore``."""

    worlds: np.ndarray
    """One row per world, as ``world_states`` has them. Shape (worlds, n), float64."""
    generator: Mapping[str, Any]
    """State of the random generator."""


class MujocoEnv(TaskEnv):
    """``num_envs`` worlds of one task, their joint servos inside the engine at the physics rate.

    Args:
        task: The task, with its parameters.
        num_envs: Number of worlds.
        seed: Seed of all draws until ``reset`` gives another.
        config: Everything that does not belong to the task.
    """

    def __init__(
        self, task: Task, num_envs: int = 1, seed: int = 0, config: EnvConfig | None = None
    ) -> None:
        super().__init__(task, num_envs, config)
        self._batch = Batch(self.model, num_envs, self.config.threads or None)
        self._ticks = round(self.dt / self.model.opt.timestep)
        self._model_draw = ModelDraw(self.model, self.config.randomization)
        self._rng = np.random.default_rng(seed)
        self._placement = Placement(self.model)
        self._tool_weight = tool_weight(self.model)
        self._draw = task.draw(np.random.default_rng(0), num_envs)
        self._physics = self.config.randomization.draw(np.random.default_rng(0), num_envs)
        self._wrench = np.zeros((num_envs, 6))
        longest = self._in_ticks(self.config.randomization.delay[1])
        # Targets before the last one that may still be under way, newest first.
        self._earlier = np.zeros((num_envs, max(0, -(-longest // self._ticks) - 1), self.model.nu))
        self._starts: np.ndarray | None = None
        self._start_share = 0.0
        self._tool = self._chain.forward(self._q)
        self._cameras = Cameras(self.model)
        self._diverged = DivergedStates(self.config.divergence_folder, task.name)

    def reset(self, seed: int | None = None) -> Step:
        """Starts a new episode in every world; the same seed gives the same episodes."""
        if seed is not None:
            self._rng = np.random.default_rng(seed)
        self._begin(np.arange(self.num_envs))
        return self._first_step()

    def step(self, action: np.ndarray) -> Step:
        """Applies ``action``, shape (num_envs, action), for ``dt``.

        A world holds tool and gripper where its action is not finite. One whose physics diverges is
        truncated and starts anew, and its states are kept in ``divergence_folder``, where there is
        room.

        Raises:
            ValueError: If the action has another shape.
        """
        action = self._accept(action)
        before = self._batch.state.copy()
        sent, target = self._solve(action)
        self._advance(target)
        self._elapsed[:] += 1
        return self._outcome(sent, self._catch_divergence(before))

    def world_states(self) -> np.ndarray:
        """Physics, targets, clock, wrench and draws of each world. Shape (num_envs, n), float64."""
        rows = [part.reshape(self.num_envs, -1) for part in self._parts()]
        return np.hstack(rows).astype(np.float64)

    def set_world_states(self, states: np.ndarray) -> Step:
        """Puts every world into its row of ``world_states``.

        Raises:
            ValueError: If the states are of another task or number of worlds, or not finite.
        """
        self._write_rows(np.arange(self.num_envs), states)
        return self._first_step()

    def snapshot(self) -> Snapshot:
        """A copy of everything that decides the future."""
        return Snapshot(self.world_states(), self._rng.bit_generator.state)

    def restore(self, snapshot: Snapshot) -> Step:
        """Goes back to a snapshot; the next steps repeat bit for bit.

        All but how long success has lasted already, which ``linger`` and the sources of reward
        count anew.
        """
        self._rng.bit_generator.state = snapshot.generator
        step = self.set_world_states(snapshot.worlds)
        # The observation of that step draws sensor noise, which must not shift what follows.
        self._rng.bit_generator.state = snapshot.generator
        return step

    def start_from(self, states: np.ndarray | None, share: float = 1.0) -> None:
        """Lets a ``share`` of later episodes start from demonstrated states (SnapshotRL).

        Args:
            states: Rows of ``world_states``; each start is one of them. None ends it.
            share: Probability that an episode starts from one.
        """
        self._starts, self._start_share = states, share if states is not None else 0.0

    def render(self, camera: str, world: int = 0) -> np.ndarray:
        """What a camera of one world sees. Shape (image_size, image_size, 3), uint8."""
        crop = self._crops.get(camera, WHOLE)
        size, side = self.config.image_size, crop.whole(self.config.image_size)
        whole = self._cameras.render(*self._batch.view(world), camera, (side, side))
        return shrunk(crop.of(whole), size)

    def picture(self, width: int, height: int) -> np.ndarray:
        """What a spectator of the first world sees. Shape (height, width, 3), uint8."""
        return self._cameras.render(*self._batch.view(0), SPECTATOR, (width, height), "video")

    def close(self) -> None:
        """Ends threads and renderer; safe to call twice."""
        self._batch.close()
        self._cameras.close()

    @property
    def _q(self) -> np.ndarray:
        return self._batch.qpos[:, : len(panda.ARM_JOINTS)]

    def _in_ticks(self, seconds: float | np.ndarray) -> Any:
        """Whole time steps of the physics."""
        return np.round(np.asarray(seconds) / self.model.opt.timestep).astype(int)

    def _advance(self, target: np.ndarray) -> None:
        """Runs the physics for one policy step; earlier targets hold until a late one comes."""
        sent = np.concatenate([target[:, None], self._target[:, None], self._earlier], axis=1)
        missing = self._in_ticks(self._physics["delay"])[:, None] - np.arange(self._ticks)
        steps_ago = -(-np.maximum(missing, 0) // self._ticks)
        control = np.take_along_axis(sent, steps_ago[..., None], axis=1)
        sensors = self._batch.advance(control)
        self._target, self._earlier = target, sent[:, 1:-1]
        self._tool = self._chain.forward(self._q)
        rotation, weight = self._tool.rotation, self._tool_weight
        self._wrench = external_wrench(sensors.mean(axis=1), rotation, weight)

    def _worlds(self) -> Worlds:
        qpos, qvel = self._batch.qpos, self._batch.qvel
        return Worlds(
            **arm_fields(self._tool, qpos, qvel),
            bodies=self._placement.read(qpos),
            draw=self._draw,
            elapsed=self._elapsed.copy(),
        )

    def _observation(self, worlds: Worlds, rows: np.ndarray) -> Observation:
        """What the worlds with these indices see; noise and pictures are made for them alone."""
        frame = self._control.frame(worlds.tool_rotation)
        seen = replace(worlds, tool_position=worlds.tool_position + self._physics["bias"])
        state = self._state(felt(seen, self._felt_wrench(rows), frame), seen)
        observation = {"state": state[rows]}
        for camera in self._watched:
            images = [self.render(camera, int(world)) for world in rows]
            observation[f"images/{camera}"] = np.stack(images)
        return observation

    def _felt_wrench(self, rows: np.ndarray) -> np.ndarray:
        """The wrench, in these worlds with a sensor's noise. Shape (worlds, 6) [N, N m]."""
        noise = self.config.randomization.force_noise
        wrench = self._wrench.copy()
        if noise > 0:
            scale = noise * np.array([1, 1, 1, 0.1, 0.1, 0.1])
            wrench[rows] += scale * self._rng.standard_normal((len(rows), 6))
        return wrench

    def _begin(self, worlds: np.ndarray) -> None:
        """Starts new episodes in the worlds with these indices."""
        if self._starts is not None:
            chosen = self._rng.random(len(worlds)) < self._start_share
            self._begin_demonstrated(worlds[chosen], self._starts)
            worlds = worlds[~chosen]
        if len(worlds) > 0:
            self._begin_drawn(worlds)

    def _begin_demonstrated(self, worlds: np.ndarray, states: np.ndarray) -> None:
        self._write_rows(worlds, states[self._rng.integers(len(states), size=len(worlds))])
        drawn = self.config.randomization.draw(self._rng, len(worlds))
        del drawn["object_size"]  # Objects stand, or are held, as those that were demonstrated.
        _write(self._physics, worlds, drawn)
        self._write_models(worlds)
        self._elapsed[worlds] = 0

    def _begin_drawn(self, worlds: np.ndarray) -> None:
        count = len(worlds)
        _write(self._draw, worlds, self.task.draw(self._rng, count))
        _write(self._physics, worlds, self.config.randomization.draw(self._rng, count))
        self._elapsed[worlds] = 0
        self._write_models(worlds)
        self._batch.state[worlds] = 0
        held = self.task.held_opening
        self._batch.qpos[worlds, :7] = q = self._control.configuration(
            self._draw["tool_position"][worlds], self._draw["tool_yaw"][worlds]
        )
        self._batch.qpos[worlds, 7:9] = (1.0 if held is None else held) * panda.FINGER_TRAVEL
        self._target[worlds] = np.hstack([q, self._batch.qpos[worlds, 7:9]])
        self._earlier[worlds] = self._target[worlds, None]
        self._placement.write_free(self._batch.qpos, worlds, self.task.place(self._draw))
        self._placement.stand(self._batch.qpos, worlds, self._physics["object_size"])
        self._wrench[worlds] = 0
        self._tool = self._chain.forward(self._q)

    def _parts(self) -> list[np.ndarray]:
        """Everything that a world consists of, worlds first."""
        draws = [d[key] for d in (self._draw, self._physics) for key in sorted(d)]
        targets = self._target, self._earlier
        return [self._batch.state, *targets, self._elapsed, self._wrench, *draws]

    def _write_rows(self, worlds: np.ndarray, rows: np.ndarray) -> None:
        """Puts rows of ``world_states`` into the worlds with these indices."""
        parts = self._parts()
        widths = [part[0].size for part in parts]
        if rows.shape != (len(worlds), sum(widths)):
            raise ValueError(
                f"states of shape {rows.shape} do not fit {len(worlds)} worlds of {self.task.name} "
                f"with {sum(widths)} numbers each; take them from the same task and num_envs"
            )
        if not np.isfinite(rows).all():
            bad = np.flatnonzero(~np.isfinite(rows).all(axis=1)).tolist()
            raise ValueError(f"the states in rows {bad} are not finite; leave them out")
        for part, values in zip(parts, np.split(rows, np.cumsum(widths)[:-1], axis=1), strict=True):
            part[worlds] = values.reshape(len(worlds), *part.shape[1:])
        self._write_models(worlds)
        self._tool = self._chain.forward(self._q)

    def _write_models(self, worlds: np.ndarray) -> None:
        """Writes the draws into the worlds' models: physics, and poses of fixed bodies."""
        for world in worlds:
            draw = {k: v[world] for k, v in self._physics.items()}
            self._model_draw.write(self._batch.models[world], draw)
        self._placement.write_fixed(self._batch.models, worlds, self.task.place(self._draw))

    def _catch_divergence(self, before: np.ndarray) -> np.ndarray:
        """Puts diverged worlds back to ``before`` and keeps their states for looking at."""
        bad = self._batch.diverged
        for world in np.flatnonzero(bad):
            self._keep(int(world), before[world])
        self._batch.state[bad] = before[bad]
        if bad.any():
            self._wrench[bad] = 0
            self._tool = self._chain.forward(self._q)
        return bad

    def _keep(self, world: int, before: np.ndarray) -> None:
        draw = {f"draw_{k}": v[world] for k, v in (self._draw | self._physics).items()}
        after, target = self._batch.state[world], self._target[world]
        self._diverged.keep(before=before, after=after, target=target, **draw)


def _write(into: dict[str, np.ndarray], worlds: np.ndarray, values: dict[str, np.ndarray]) -> None:
    for key, value in values.items():
        into[key][worlds] = value
