"""An environment in which a saved policy says at every step what it would do: a base to improve."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from robot_rl.env import ArraySpec, Env, Info, Observation, Step
from robot_rl.environments import BASE
from robot_rl.episode import Episode
from robot_rl.own_noise import OwnNoise, own_noise
from robot_rl.policy import Policy, PolicyError
from robot_rl.wrapper import Wrapper, seen_as


class WithBase(Wrapper):
    """Everything else is the environment's own; an action is still the whole of what is done.

    What the base would do after the last step of an episode is known as well, for time-outs go on.
    Where a person acts, or nobody, it plans anew.

    Args:
        env: As the base was trained in; it is closed if they do not fit.
        base: The policy, its file, or its run.

    Raises:
        FileNotFoundError: If there is none.
        PolicyError: If it was trained for something else; lists how they differ.
    """

    def __init__(self, env: Env, base: Policy | Path) -> None:
        try:
            self._base = base if isinstance(base, Policy) else load_base(base)
            self._base.settle_in(env)
        except (ValueError, OSError):
            env.close()
            raise
        super().__init__(env)
        self._noise = OwnNoise(0)  # Whoever learns draws as without plans.

    @property
    def observation_spec(self) -> dict[str, ArraySpec]:
        """As the environment's, and what the base says."""
        return self._env.observation_spec | {BASE: base_spec(self._env.action_spec)}

    def reset(self, seed: int | None = None) -> Step:
        """Starts new episodes; the same seed gives the same plans as well."""
        if seed is not None:
            self._noise = OwnNoise(seed)
        step = self._env.reset(seed)
        everywhere = np.ones(self.num_envs, bool)
        self._base.forget(everywhere)
        seen = self._with_base(step.observation, everywhere)
        return seen_as(step, seen, seen)

    def step(self, action: np.ndarray) -> Step:
        """As the environment's."""
        step = self._env.step(action)
        everywhere, done = np.ones(self.num_envs, bool), step.done
        rests = ~np.isfinite(action).all(axis=1)
        self._base.forget(rests | step.info.get(Info.INTERVENED, False))
        seen = final = self._with_base(step.final_observation, everywhere)
        if done.any():
            self._base.forget(done)
            began = self._with_base(step.observation, done)
            seen = step.observation | {BASE: np.where(done[:, None], began[BASE], final[BASE])}
        return seen_as(step, seen, final)

    def _with_base(self, observation: Observation, where: np.ndarray) -> Observation:
        """With what the base would do in some worlds, which move on in these."""
        self._base.watch(observation)
        with self._noise.drawn():
            told = self._base.propose(observation, where)
        return observation | {BASE: told.astype(np.float32)}


def load_base(path: Path) -> Policy:
    """A policy that may be corrected.

    Raises:
        FileNotFoundError: If there is none.
        PolicyError: If it corrects another one itself.
    """
    policy = Policy.load(path)
    if BASE in policy.schema.observation:
        raise PolicyError(
            f"{path} corrects a base itself; name what it corrects, or go on with its own run: "
            "robot-rl resume, or finetune --from"
        )
    return policy


def base_spec(action: ArraySpec) -> ArraySpec:
    """Of what a base says: an action, and how much of its plan is done then."""
    names = (*action.names, "done") if action.names else ()
    size, high = action.shape[0] + 1, max(action.high, 1.0)
    return ArraySpec((size,), low=min(action.low, 0.0), high=high, names=names)


def with_proposals(episode: Episode, base: Policy) -> Episode:
    """An episode that was recorded without the base, with what it would have done.

    The same episode gets the same plans, and whoever learns draws as without them.
    """
    with own_noise(zlib.crc32(episode.metadata.uuid.encode())):
        known = {BASE: np.array(list(_proposals(episode, base)), np.float32)}
    return replace(episode, observation=episode.observation | known)


def _proposals(episode: Episode, base: Policy) -> Iterator[np.ndarray]:
    """Of each frame; as in an environment it plans anew where a person acted."""
    for seen, anew in episode.moments():
        base.forget(anew)
        yield base.propose(seen, np.ones(1, bool))[0]
