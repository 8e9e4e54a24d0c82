"""What all learners have in common: they act, are updated with batches, and are saved."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from robot_rl.agent_config import AgentConfig
from robot_rl.batch import Batch
from robot_rl.camera_watch import CameraWatch
from robot_rl.env import Observation

Metrics = dict[str, float]


class Agent(ABC):
    """One learner of one task.

    Attributes:
        updates: How many there were.
        studied: How many of them were before the first step, on demonstrations alone.
        has_clone: Whether it began as a clone of demonstrations, or of another policy.
        fixed_version: Counts how often what ``fixed`` says has changed.
    """

    ACTING: ClassVar[tuple[str, ...]]
    """Names of what acting needs, as they are saved; an agent may have None in the place of one."""
    CLONE: ClassVar[tuple[str, ...]]
    """Names of the clone, which stays as it is."""
    CHOOSING: ClassVar[tuple[str, ...]]
    """Names of what chooses between the policy and the clone."""
    LEARNING: ClassVar[tuple[str, ...]]
    """Names of what only learning needs."""
    config: AgentConfig
    updates = studied = 0
    has_clone = False
    fixed_version = 0

    @abstractmethod
    def act(
        self, observation: Observation, greedy: bool | np.ndarray = False, exploration: float = 1.0
    ) -> np.ndarray:
        """Actions for a batch of observations.

        Args:
            observation: Arrays of shape (batch, ...).
            greedy: Whether to act without exploration noise: for all, or by row, shape (batch,).
            exploration: Factor on the standard deviation of that noise.

        Returns:
            Shape (batch, action), in [-1, 1].
        """

    @property
    def practised(self) -> float:
        """Steps of the environment that the updates were for."""
        return (self.updates - self.studied) / self.config.utd_ratio

    def camera_watch(self) -> CameraWatch | None:
        """What looks after the cameras of one world, where the agent sees any."""
        return None

    @abstractmethod
    def act_cloned(self, observation: Observation) -> np.ndarray:
        """Actions of the clone alone, where there is one. Shape (batch, action)."""

    @property
    def has_fixed(self) -> bool:
        """Whether ``fixed`` says anything."""
        return False

    def fixed(self, observation: Observation) -> Observation:
        """What of observations stays as it is while the agent learns, by keys of its own.

        Batches for ``update`` may have it beside the observations; then it is not computed again.
        """
        return {}

    def load_encoder(self, path: Path) -> None:
        """Begins with the weights of a file for what sees, before anything else is learned.

        Raises:
            FileNotFoundError: If there is no such file.
            CheckpointError: If it is damaged.
            ValueError: If it has weights of something else, or nothing sees.
        """
        raise ValueError(f"there is no encoder to load {path} into; choose drq or drqv2")

    @abstractmethod
    def observe(self, observation: Observation) -> None:
        """Lets the normaliser see new observations."""

    @abstractmethod
    def look(self, observation: Observation) -> None:
        """Remembers how the cameras look, beside what was seen of them before."""

    @abstractmethod
    def clone(self, batch: Batch) -> Metrics:
        """One behaviour-cloning update on a batch of demonstrations."""

    @abstractmethod
    def keep_clone(self) -> None:
        """Cloning is over, and learning goes on from there."""

    @abstractmethod
    def update(self, batch: Batch) -> Metrics:
        """One update with a batch; what it measured."""

    @abstractmethod
    def load_policy(self, state: dict[str, Any]) -> None:
        """Takes what acts from ``state_dict`` and begins its critics anew, for another robot.

        It forgets how the cameras looked.
        """

    def acting_state(self, clone: bool = True) -> dict[str, Any]:
        """A copy of what acting needs, and no more.

        Args:
            clone: Whether with the clone, where there is one; it is the same each time.
        """
        beside = self.CHOOSING + (self.CLONE if clone else ())
        names = self.ACTING + (beside if self.has_clone else ())
        return self._copies(names) | self._counts()

    def clone_state(self) -> dict[str, Any]:
        """A copy of the clone, where there is one: what ``acting_state`` may leave out."""
        return self._copies(self.CLONE if self.has_clone else ())

    def load_acting_state(self, state: dict[str, Any]) -> None:
        """Restores what ``acting_state`` gave.

        Raises:
            ValueError: If something is missing in it.
        """
        beside = self.CHOOSING + self.CLONE
        self._restore(self.ACTING + (beside if state["has_clone"] else ()), state)

    def state_dict(self) -> dict[str, Any]:
        """A copy of everything that learning goes on from."""
        return self._copies(self._parts()) | self._counts()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restores what ``state_dict`` gave."""
        self._restore(self._parts(), state)

    def _parts(self) -> tuple[str, ...]:
        """Names of all that is saved."""
        return (*self.ACTING, *self.CLONE, *self.CHOOSING, *self.LEARNING)

    def _counts(self) -> dict[str, Any]:
        return {
            "has_clone": self.has_clone,
            "updates": self.updates,
            "studied": self.studied,
        }

    def _restore(self, names: tuple[str, ...], state: dict[str, Any]) -> None:
        self._load(names, state)
        self.has_clone, self.updates = state["has_clone"], state["updates"]
        self.studied = state.get("studied", 0)  # Older files do not tell, and most have none.
        self.fixed_version += 1

    def _copies(self, names: tuple[str, ...]) -> dict[str, Any]:
        parts = {name: part for name in names if (part := getattr(self, name)) is not None}
        return copy.deepcopy({name: part.state_dict() for name, part in parts.items()})

    def _load(self, names: tuple[str, ...], state: dict[str, Any]) -> None:
        for name in names:
            if (part := getattr(self, name)) is not None:
                if name not in state:
                    raise ValueError(
                        f"these weights have no {name!r}, another version of robot_rl wrote them; "
                        "learn anew, or go on with that version"
                    )
                part.load_state_dict(state[name])
