"""A policy that plans, as policies are saved and act: one step of every world at a time."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from robot_rl.chunk_config import ChunkConfig
from robot_rl.chunk_policies import make_chunk_policy
from robot_rl.chunk_policy import ChunkPolicy
from robot_rl.env import ArraySpec, Observation

_WEIGHTS = "policy"


class Planner:
    """Follows its plans; whoever lets it act tells it which worlds have ended.

    Args:
        observation_spec: As the environment has it.
        action_spec: Of one step.
        config: Which policy, and its settings.

    Raises:
        ValueError: If it can't plan from such observations.
    """

    def __init__(
        self, observation_spec: dict[str, ArraySpec], action_spec: ArraySpec, config: ChunkConfig
    ) -> None:
        self.config = config
        self.policy: ChunkPolicy = make_chunk_policy(observation_spec, action_spec, config).eval()
        self._chunks = self.policy.chunks()

    def act(self, observation: Observation, greedy: bool | np.ndarray = True) -> np.ndarray:
        """The next action of every world; there is no other than the greedy one."""
        return self._chunks(observation)

    def propose(self, observation: Observation, where: np.ndarray) -> np.ndarray:
        """As ``Policy.propose``, which calls it."""
        action = self._chunks(observation, where)
        return np.hstack([action, self._chunks.done[:, None]])

    def forget(self, ended: np.ndarray) -> None:
        """These worlds begin anew with the next observation. Shape (worlds,), bool."""
        self._chunks.forget(ended)

    def camera_watch(self) -> None:
        """It looks at no camera."""

    def acting_state(self) -> dict[str, Any]:
        """A copy of what acting needs."""
        return {_WEIGHTS: copy.deepcopy(self.policy.state_dict())}

    def load_acting_state(self, state: dict[str, Any]) -> None:
        """Restores what ``acting_state`` gave."""
        self.policy.load_state_dict(state[_WEIGHTS])
