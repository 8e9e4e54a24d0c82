"""An agent with what it learns from: online data, demonstrations, and the updates it is owed."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from robot_rl.agent import Agent, Metrics
from robot_rl.batch import Batch, Window
from robot_rl.frame_cache import KnownFrames
from robot_rl.replay import Replay, demonstrations_in, mix
from robot_rl.transition import Transition


class Learner:
    """Draws batches, half demonstrations and half online data, and updates the agent with them.

    Args:
        agent: Learns.
        replay: Online data.
        demonstrations: What people or scripts did.
        seed: Of the draws.
        utd_ratio: Updates per step; None takes the agent's.

    Attributes:
        rng: Source of the draws.
        owed: Updates that steps are owed and have not got yet.
    """

    def __init__(
        self,
        agent: Agent,
        replay: Replay,
        demonstrations: Replay,
        seed: int,
        utd_ratio: float | None = None,
    ) -> None:
        self._ratio = agent.config.utd_ratio if utd_ratio is None else utd_ratio
        self.agent, self.replay, self.demonstrations = agent, replay, demonstrations
        self.rng = np.random.default_rng(seed)
        self.owed = 0.0
        self._batch: Batch | None = None
        self._known = KnownFrames()

    def take(self, transition: Transition) -> None:
        """To the online data, and what a person did to the demonstrations as well (HIL-SERL).

        A learner that was killed in between has the one and not the other, and takes it again.
        """
        had = self.demonstrations.last(transition.stream) or (-1, -1)
        if transition.intervened and (transition.episode, transition.step) > had:
            self.demonstrations.append(replace(transition, source="demo"))
        self.replay.append(transition)

    def correct(self, transition: Transition) -> None:
        """Gives a transition that was taken the reward and the end that it should have had."""
        for replay in (self.replay, self.demonstrations):
            replay.correct(transition)

    def clone(self) -> Metrics:
        """Starts from the demonstrations: normaliser, actor, and the clone that stays."""
        steps, metrics = self.agent.config.cloning_steps, Metrics()
        for some in self.demonstrations.observations():
            self.agent.observe(some)
        for _ in range(steps):
            metrics = self.agent.clone(self._demonstrated())
        if steps:
            self.agent.keep_clone()
        return metrics

    def owe(self, steps: int) -> None:
        """Counts the updates that steps of the environment are owed."""
        self.owed += steps * self._ratio

    def pay(self) -> Metrics:
        """Makes the updates that are owed; what the last of them measured."""
        metrics = Metrics()
        while self.owed >= 1:
            metrics |= self.update()
            self.owed -= 1
        return metrics

    def update(self) -> Metrics:
        """One update of the agent; what it measured."""
        return self.agent.update(self._sample())

    def study(self) -> Metrics:
        """The same on demonstrations alone, whatever was done since."""
        metrics = self.agent.update(self._demonstrated())
        self.agent.studied += 1
        return metrics

    def state_dict(self) -> dict[str, Any]:
        """A copy of all but the data."""
        return {
            "agent": self.agent.state_dict(),
            "generator": json.dumps(self.rng.bit_generator.state),
            "torch_generator": torch.get_rng_state(),
            "owed": self.owed,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restores what ``state_dict`` gave."""
        self.agent.load_state_dict(state["agent"])
        self.rng.bit_generator.state = json.loads(state["generator"])
        torch.set_rng_state(state["torch_generator"])
        self.owed = state["owed"]

    def _sample(self) -> Batch:
        return self._mix(0.5)

    def _demonstrated(self) -> Batch:
        return self._mix(1.0)

    def _mix(self, demo_fraction: float) -> Batch:
        config, both = self.agent.config, (self.replay, self.demonstrations)
        if self._batch is None:
            self._batch = Batch.empty(self.replay.spec, config.batch_size)
        window = Window(config.n_step, config.discount)
        batch = mix(*both, config.batch_size, self.rng, demo_fraction, self._batch, window)
        shown = demonstrations_in(*both, config.batch_size, demo_fraction)
        replays = self.demonstrations, self.replay
        return self._known.complete(batch, shown, self.agent, replays)
