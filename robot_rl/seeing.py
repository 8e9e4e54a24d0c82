"""What learners from cameras share: what sees, and a clone that keeps the eyes it was made with."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor

from robot_rl.actor_critic import ActorCritic
from robot_rl.camera_watch import CameraWatch
from robot_rl.env import Observation
from robot_rl.networks import DeterministicActor, GaussianActor
from robot_rl.perception import Heads, Senses

_CLONED = "cloned_action"
"""Key of what the clone would do, where it is known already."""


class Seeing(ActorCritic):
    """An agent for images (``images/<camera>``) and, where there is one, a vector (``state``).

    What sees changes all the time while it learns, so the clone has all of its own.

    Attributes:
        senses, heads, actor: From images and vector to maps, to what the actor sees, to actions.
        cloned_senses, cloned_heads, cloned: The same as they were when the clone was made.
    """

    CLONE: ClassVar = ("cloned_senses", "cloned_heads", "cloned")
    CHOOSING: ClassVar = ("target_heads", "target_critics")

    senses: Senses
    heads: Heads
    actor: GaussianActor | DeterministicActor
    cloned_senses: Senses
    cloned_heads: Heads
    cloned: GaussianActor | DeterministicActor

    def camera_watch(self) -> CameraWatch:
        """What looks after the cameras of one world."""
        return self.senses.watch()

    def observe(self, observation: Observation) -> None:
        """Lets the normaliser see new observations."""
        self.senses.observe(observation)

    def look(self, observation: Observation) -> None:
        """Remembers how the cameras look."""
        self.senses.looks.observe(observation)

    def load_encoder(self, path: Path) -> None:
        """As every agent."""
        self.senses.load_encoder(path)
        self._keep_senses()

    def _load_senses(self, state: dict[str, Any]) -> None:
        """Takes what it sees with from a ``state_dict``, and the same for the clone."""
        self._load(("senses", "heads"), state)
        self.senses.looks.forget()
        self._keep_senses()

    def _keep_senses(self) -> None:
        """Gives the clone the eyes of now."""
        self.fixed_version += 1
        self.cloned_senses.load_state_dict(self.senses.state_dict())
        self.cloned_heads.load_state_dict(self.heads.state_dict())

    @property
    def has_fixed(self) -> bool:
        """Whether there is a clone, or an encoder that sees each image one way."""
        return self.has_clone or self.senses.are_fixed

    def fixed(self, observation: Observation) -> Observation:
        """Maps that never change, and what the clone would do."""
        known = self.senses.fixed(observation)
        if self.has_clone:
            known[_CLONED] = self._cloned_action(observation | known).cpu().numpy()
        return known

    @torch.no_grad()
    def _cloned_action(self, observation: Observation) -> Tensor:
        if _CLONED in observation:
            return torch.as_tensor(observation[_CLONED])
        maps = self.cloned_senses(observation)
        return self.cloned.greedy(self.cloned_senses.reduce(self.cloned_heads, maps, observation))
