"""Environment steps per second of peg insertion in contact, with state observations."""

from __future__ import annotations

import time

import numpy as np

from benchmarks.table import Row
from controllers.proprioception import PROPRIOCEPTION
from robot_rl.demonstrations import trembling
from sim.mujoco_env import MujocoEnv
from sim.peg_insert import PegInsert

BAR = 1500.0
"""Wanted with 64 worlds on 2 cores [environment steps/s]."""
CONTACT_FORCE = 1.0
"""External force from which a world counts as in contact [N]."""
NOISE = 0.1
"""Tremble of the expert, as in demonstrations [units of the action]."""
SECONDS = 3.0
_FORCE = [PROPRIOCEPTION.index(name) for name in ("fx", "fy", "fz")]


def measure(num_envs: int, seconds: float = SECONDS) -> tuple[float, float]:
    """Drives the worlds with the noisy expert; the expert's own time does not count.

    Returns:
        Environment steps per second of wall clock, and the share of steps in contact.
    """
    with MujocoEnv(PegInsert(), num_envs) as env:
        rng = np.random.default_rng(0)
        env.reset(seed=0)
        for _ in range(env.task.horizon // 2):  # Until the worlds are in different phases.
            env.step(trembling(env.expert_action(), NOISE, rng))
        spent, steps, touching = 0.0, 0, 0
        while spent < seconds:
            action = trembling(env.expert_action(), NOISE, rng)
            start = time.perf_counter()
            step = env.step(action)
            spent += time.perf_counter() - start
            force = np.linalg.norm(step.final_observation["state"][:, _FORCE], axis=1)
            touching += int((force > CONTACT_FORCE).sum())
            steps += num_envs
    return steps / spent, touching / steps


def rows() -> list[Row]:
    """Speed for few and many worlds, and how much of it was in contact."""
    table: list[Row] = []
    for num_envs in (1, 8, 64):
        rate, contact = measure(num_envs)
        name = f"simulation/peg_insert/{num_envs}"
        table.append(Row(name, rate, "steps/s", BAR if num_envs == 64 else None))
        table.append(Row(f"{name}/contact", contact, "share of steps"))
    return table
