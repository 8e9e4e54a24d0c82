"""Observations that end with the last actions: what a robot that answers late has still to do.

With a delay of d steps the state alone is not Markov; together with the last d actions it is
(Katsikopoulos and Engelbrecht, 2003).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from robot_rl.env import STATE, ArraySpec, Env, Info, Observation, Step
from robot_rl.wrapper import Wrapper, seen_as

_SENT = "sent_"
"""What the names of the elements begin with; then how many steps ago, and the action's own name."""


class ActionHistory(Wrapper):
    """An environment whose ``state`` ends with the last actions as sent, newest first.

    Zeros stand for what was before an episode. Everything else is the environment's own.

    Args:
        env: Has a vector called ``state``.
        steps: Actions to remember.

    Raises:
        ValueError: If it has none, or ``steps`` is not positive.
    """

    def __init__(self, env: Env, steps: int) -> None:
        if steps < 1:
            raise ValueError(f"action_history is {steps}; give at least 1, or leave it out")
        if STATE not in env.observation_spec:
            raise ValueError(
                f"action_history needs an observation called {STATE!r}; "
                f"there are {', '.join(env.observation_spec)}"
            )
        super().__init__(env)
        self._steps = steps
        self._sent = env.action_spec.zeros(env.num_envs, steps)

    @property
    def observation_spec(self) -> dict[str, ArraySpec]:
        """As the environment's, with a longer ``state``."""
        spec = self._env.observation_spec
        return spec | {STATE: remembering(spec[STATE], self._env.action_spec, self._steps)}

    def reset(self, seed: int | None = None) -> Step:
        """Starts new episodes, before which nothing was sent."""
        self._sent[:] = 0
        step = self._env.reset(seed)
        observation, final = map(self._with_actions, (step.observation, step.final_observation))
        return seen_as(step, observation, final)

    def step(self, action: np.ndarray) -> Step:
        """As the environment's."""
        step = self._env.step(action)
        sent = step.info.get(Info.ACTION_SENT, action)
        self._sent = np.concatenate([sent[:, None], self._sent[:, :-1]], axis=1)
        final = self._with_actions(step.final_observation)
        self._sent[step.done] = 0
        return seen_as(step, self._with_actions(step.observation), final)

    def _with_actions(self, observation: Observation) -> Observation:
        sent = self._sent.reshape(self.num_envs, -1)
        return observation | {STATE: np.hstack([observation[STATE], sent]).astype(np.float32)}


def history_of(state: ArraySpec) -> int:
    """How many actions a state ends with."""
    marked = [name for name in state.names if name.startswith(_SENT)]
    return max((int(name.removeprefix(_SENT).partition("/")[0]) for name in marked), default=0)


def remembering(state: ArraySpec, action: ArraySpec, steps: int) -> ArraySpec:
    """The spec of a state that ends with so many actions."""
    size = state.shape[0] + steps * action.shape[0]
    names = [f"{_SENT}{ago}/{name}" for ago in range(1, steps + 1) for name in action.names]
    whole = bool(state.names and action.names)
    return replace(state, shape=(size,), names=(*state.names, *names) if whole else ())
