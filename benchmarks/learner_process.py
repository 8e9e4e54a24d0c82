"""One learner in a process of its own, which runs updates on request and says how fast it was.

Started by ``benchmarks.learner``, because OpenMP, XLA and the allocators decide at start how many
threads they have. Each line on standard input is answered with one number: critic updates per
second.
"""

from __future__ import annotations

import itertools
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

STATE, ACTIONS = 23, 6
"""As in ``peg_insert``."""
BATCH, STORED = 256, 10_000
SECONDS = 1.0
"""Length of one measurement."""
Learner = Callable[[], int]
"""Does some updates, sampling included, and returns how many."""


def ours(critics: int, updates_per_actor_update: int) -> Learner:
    """Our learner; two random critics of the ensemble make the target."""
    from robot_rl.batch import Batch
    from robot_rl.config import SacConfig
    from robot_rl.env import ArraySpec
    from robot_rl.sac import Sac

    specs = {"state": ArraySpec((STATE,))}, ArraySpec((ACTIONS,), low=-1, high=1)
    config = SacConfig(ensemble=critics, critic_updates_per_actor_update=updates_per_actor_update)
    agent, replay = Sac(*specs, config), _filled_replay(*specs)
    rng, batch = np.random.default_rng(0), Batch.empty(replay.spec, BATCH)

    def update() -> int:
        for _ in range(updates_per_actor_update):
            agent.update(replay.sample(BATCH, rng, batch))
        return updates_per_actor_update

    return update


def stable_baselines3(critics: int, updates_per_actor_update: int) -> Learner:
    """Stable-Baselines3, in which every critic update comes with one of the actor."""
    from stable_baselines3 import SAC

    learner = SAC(
        "MlpPolicy",
        _spaces(),
        buffer_size=STORED,
        policy_kwargs={"net_arch": [256, 256], "n_critics": critics},
        device="cpu",
    )
    return _trained(learner, updates_per_actor_update)


def sbx(critics: int, updates_per_actor_update: int) -> Learner:
    """Stable-Baselines3's sibling in JAX; all critics make the target."""
    from sbx import SAC  # pyright: ignore[reportMissingImports]  # Only the extra [bench] has it.

    learner = SAC(
        "MlpPolicy",
        _spaces(),
        buffer_size=STORED,
        policy_delay=updates_per_actor_update,
        policy_kwargs={"net_arch": [256, 256], "n_critics": critics},
    )
    return _trained(learner, updates_per_actor_update)


LEARNERS: dict[str, Callable[..., Learner]] = {
    "ours": ours,
    "stable_baselines3": stable_baselines3,
    "sbx": sbx,
}


def _filled_replay(observation_spec: Any, action_spec: Any) -> Any:
    from robot_rl.env import Step
    from robot_rl.replay import Replay
    from robot_rl.transition import WorldIds

    replay, rng = Replay(observation_spec, action_spec, STORED), np.random.default_rng(0)
    worlds = STORED // 100
    ids, reward, no = WorldIds(worlds), np.zeros(worlds, np.float32), np.zeros(worlds, bool)
    for before, after in itertools.pairwise(_normal(rng, 101, worlds, STATE)):
        step = Step({"state": after}, reward, no, no, {})
        replay.append_step(ids, {"state": before}, _actions(rng, worlds), step)
        ids.advance(no)
    return replay


def _trained(learner: Any, gradient_steps: int) -> Learner:
    from stable_baselines3.common.logger import Logger

    rng = np.random.default_rng(0)
    learner.set_logger(Logger(None, []))
    for _ in range(STORED):
        before, after = _normal(rng, 2, 1, STATE)
        learner.replay_buffer.add(before, after, _actions(rng, 1), np.zeros(1), np.zeros(1), [{}])

    def update() -> int:
        learner.train(gradient_steps=gradient_steps, batch_size=BATCH)
        return gradient_steps

    return update


def _spaces() -> Any:
    """An environment of which only the spaces matter."""
    from gymnasium import Env, spaces

    env: Env[np.ndarray, np.ndarray] = Env()
    env.observation_space = spaces.Box(-np.inf, np.inf, (STATE,), np.float32)
    env.action_space = spaces.Box(-1, 1, (ACTIONS,), np.float32)
    return env


def _normal(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return rng.standard_normal(shape, np.float32)


def _actions(rng: np.random.Generator, count: int) -> np.ndarray:
    return rng.uniform(-1, 1, (count, ACTIONS)).astype(np.float32)


def rate(update: Learner, seconds: float = SECONDS) -> float:
    """Critic updates per second of wall clock."""
    start, updates = time.perf_counter(), 0
    while time.perf_counter() < start + seconds:
        updates += update()
    return updates / (time.perf_counter() - start)


def main(arguments: list[Any]) -> None:
    """Builds a learner, then answers each line."""
    name, products, threads, critics, updates = arguments
    from robot_rl.train import prepare_torch

    prepare_torch(int(threads), products)
    update = LEARNERS[name](int(critics), int(updates))
    for _ in sys.stdin:
        print(rate(update), flush=True)
