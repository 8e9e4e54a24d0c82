"""Scripted episodes for a classifier of success: each success beside attempts that nearly were one.

An attempt begins where a success began, by the same seed. Then either the expert stops a few steps
before it would succeed, and half of the time draws back; or it aims beside the goal. So the frames
of both differ in nothing but what makes a success.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from robot_rl.demonstrations import (
    HasExpert,
    Recorded,
    require_expert,
    scripted_metadata,
    seed_beside,
    trembling,
)
from robot_rl.env import ArraySpec, Env
from robot_rl.episodes import Episodes
from robot_rl.metadata import ATTEMPT, Metadata
from robot_rl.transition import Transition, WorldIds, split_step

SCENE = "scene"
"""Key in ``Metadata.labels``: episodes of one scene begin alike, and are held out together."""
STOP_BEFORE = (1, 8)
"""Steps before the success at which an attempt stops."""
PAUSE, RETREAT = 10, 8
"""Steps for which it then stands, and draws back."""
ASIDE, SHORT = "aside", "short"
"""Kinds of attempts, as their labels say."""
DRAWN = (0.4, 1.5)
"""How far beside the goal an attempt aims, in units of the action."""
GIVE_UP = 10
"""Steps beyond those of the success after which an attempt aside ends."""

Act = Callable[[int], np.ndarray]
"""The action of a step, counted from 0. Shape (1, action)."""


def record_near_misses(
    env: Env,
    store: Episodes,
    successes: int,
    attempts: int,
    noise: float = 0.1,
    seed: int = 0,
    operator: str = "script",
) -> Recorded:
    """Records successes, and as many attempts beside each.

    Args:
        env: One world with an ``expert_action``; set its option ``linger``, so that a success shows
            in more than one frame.
        store: Where the episodes go; each is on disk before the next begins. Attempts are labelled,
            for some of them succeed, and are no demonstrations.
        successes: Scenes in which the expert succeeds.
        attempts: Attempts in each.
        noise: Standard deviation of the tremble, in units of the action.
        seed: Of scenes, tremble and attempts.
        operator: Written into the metadata.

    Raises:
        TypeError: If the environment has no expert.
        RuntimeError: If the expert fails nearly always.
    """
    require_expert(env, store.schema.env)
    metadata = scripted_metadata(store.schema, operator, {"seed": seed, "noise": noise})
    first, scenes, counts = seed_beside(seed, len(store)), 0, Recorded(0, 0)
    for number in range(10 + 10 * successes):
        # Of its own: the next seed's scenes must not be the same ones.
        scene = int(np.random.SeedSequence((first, number)).generate_state(1)[0])
        found = _Collector(env, store, metadata, noise, scene).collect(attempts)
        counts = Recorded(*map(sum, zip(counts, found, strict=True)))
        scenes += found.successes > 0
        if scenes >= successes:
            return counts
    raise RuntimeError(
        f"the expert succeeded in {scenes} scenes of {10 + 10 * successes}; "
        "lower the noise or make the task easier"
    )


class _Collector:
    """One scene."""

    def __init__(
        self, env: Env, store: Episodes, metadata: Metadata, noise: float, scene: int
    ) -> None:
        self._env, self._store, self._noise, self._scene = env, store, noise, scene
        self._metadata = replace(metadata, labels=metadata.labels | {SCENE: str(scene)})
        self._rng = np.random.default_rng(scene)

    def collect(self, attempts: int) -> Recorded:
        """The success and the attempts beside it; without the one there are no others."""
        tremble = int(self._rng.integers(2**31))
        episode = self._run(self._expert(tremble), 10**6)
        reached = next((t.step for t in episode if t.success), None)
        if reached is None:
            return Recorded(0, 1)
        failures = 0
        for attempt in range(attempts):
            if attempt % 2:
                how, act, steps = ASIDE, self._aside(tremble), reached + GIVE_UP
            else:
                stop = max(1, reached - int(self._rng.integers(*STOP_BEFORE, endpoint=True)))
                how, act, steps = SHORT, self._short(tremble, stop), stop + PAUSE + RETREAT
            failures += not self._run(act, steps, how)[-1].success
        return Recorded(1 + attempts - failures, failures)

    def _run(self, act: Act, steps: int, attempt: str = "") -> list[Transition]:
        """One episode of at most so many steps, committed."""
        labels = self._metadata.labels | ({ATTEMPT: attempt} if attempt else {})
        metadata = replace(self._metadata, labels=labels)
        ids, step = WorldIds(1), self._env.reset(self._scene)
        episode: list[Transition] = []
        with self._store.writer(metadata) as writer:
            while len(episode) < steps and not (episode and step.done[0]):
                action = act(len(episode))
                after = self._env.step(action)
                episode += split_step(ids, step.observation, action, after, source="demo")
                writer.add(episode[-1])
                ids.advance(after.done)
                step = after
        return episode

    def _expert(self, tremble: int) -> Act:
        rng, env = np.random.default_rng(tremble), self._env
        assert isinstance(env, HasExpert)
        return lambda step: trembling(env.expert_action(), self._noise, rng)

    def _short(self, tremble: int, stop: int) -> Act:
        """As the expert up to a step, then still, then back where it came from, or still."""
        expert, retreats = self._expert(tremble), self._rng.random() < 0.5
        taken: list[np.ndarray] = []

        def act(step: int) -> np.ndarray:
            if step < stop:
                taken.append(expert(step))
                return taken[-1]
            back = step - stop - PAUSE
            still = taken[-1].copy()
            still[:, :6] = 0
            if retreats and 0 <= back < stop:
                still[:, :6] = -taken[-1 - back][:, :6]
            return trembling(still, self._noise, self._rng)

        return act

    def _aside(self, tremble: int) -> Act:
        """As the expert, drawn to one side."""
        expert, drawn = self._expert(tremble), draw_aside(self._env.action_spec, self._rng)
        return lambda step: np.clip(expert(step) + drawn, -1, 1).astype(np.float32)


def draw_aside(action_spec: ArraySpec, rng: np.random.Generator) -> np.ndarray:
    """What is added to every action of an attempt that aims beside the goal. Shape (1, action)."""
    angle = rng.uniform(0, 2 * np.pi)
    drawn = np.zeros((1, *action_spec.shape), np.float32)
    drawn[0, :2] = rng.uniform(*DRAWN) * np.array([np.cos(angle), np.sin(angle)])
    drawn[0, 2] = rng.uniform(-0.5, 0.2)
    return drawn
