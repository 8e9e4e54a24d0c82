"""What learning on a robot begins with: a simulator's policy, demonstrations, or both."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from robot_rl.agent import Metrics
from robot_rl.agent_config import AgentConfig, DrqV2Config, PixelConfig
from robot_rl.config import LearnerConfig, TrainConfig
from robot_rl.demonstrations import proposals_for, schema_of
from robot_rl.encoder_file import read_encoder
from robot_rl.env import IMAGES, STATE
from robot_rl.environments import BASE, make_env, parse_options
from robot_rl.episode import Episode
from robot_rl.episodes import Episodes
from robot_rl.learner import Learner
from robot_rl.offer import Offer
from robot_rl.policy import Policy
from robot_rl.recorded import demonstrated, learnable, useful, without_base
from robot_rl.recorded_cameras import RecordedCameras, looked_at
from robot_rl.replay import Replay, mix
from robot_rl.rlif import rlif_returns, without_rewards
from robot_rl.run import Run
from robot_rl.schema import Schema
from robot_rl.takeovers import with_takeovers
from robot_rl.train import BASE_FILE, DEMONSTRATIONS, REPLAY, known_returns
from robot_rl.transition import Transition
from robot_rl.with_base import base_spec, load_base

_CLONING_WEIGHT = (5.0, 2.0)
"""How strongly a simulator's policy is drawn to how it began. In simulation the weight falls
further; what critics learn in minutes on a robot does not carry a policy that far."""


@dataclass(frozen=True)
class Beginning:
    """Where a learner starts."""

    offer: Offer
    """What it learns, for its actors."""
    simulated: Path | None = None
    """Demonstrations in simulation."""
    shown: Path | None = None
    """Demonstrations on the robot. Half of each batch is from both."""
    state: dict[str, Any] | None = None
    """Of the agent; None: it clones the demonstrations first."""
    encoder: Path | None = None
    """Weights of what sees, before it clones."""
    buffer: Path | None = None
    """Replay of what the agent did in simulation, to learn from as well."""
    imitation: int = 300
    """Updates in which a simulator's policy imitates what was shown on the robot."""

    def fill(self, replay: Replay) -> None:
        """Appends what the learner observes of its demonstrations, the successful ones.

        Raises:
            CameraError: A camera was covered, frozen or swapped while it was shown.
            FileNotFoundError: The simulator's run has lost what it did.
        """
        if self.buffer is not None:  # First, for what comes first is forgotten first.
            replay.absorb(Replay.load(self.buffer))
        self._read(self.simulated, replay)
        cameras = RecordedCameras(looked_at(self.offer.agent, self.offer.schema.observation))
        self._read(self.shown, replay, cameras.see)
        if self.shown is not None:
            cameras.require(self.shown)

    def teach(self, learner: Learner, updates: int) -> Metrics:
        """Loads the simulator's policy, or clones; then so many updates on demonstrations alone.

        A simulator's policy imitates what was shown on the robot before it acts there. As it is
        then, it is the clone that stays; its critics know another robot, and begin anew.
        """
        if self.state is None:
            if self.encoder is not None:
                learner.agent.load_encoder(self.encoder)
            metrics = learner.clone()
        else:
            learner.agent.load_policy(self.state)
            metrics = Metrics() if self.shown is None else self._imitate(learner)
        for _ in range(updates):
            metrics |= learner.study()
        return metrics

    def _imitate(self, learner: Learner) -> Metrics:
        """Clones demonstrations of the simulator and of the robot, half and half."""
        agent, metrics, spec = learner.agent, Metrics(), learner.demonstrations.spec
        simulated, shown = both = [
            Replay(spec.observation, spec.action, spec.capacity) for _ in range(2)
        ]
        for path, replay in zip((self.simulated, self.shown), both, strict=True):
            self._read(path, replay)
        for some in shown.observations():
            agent.look(some)
        for _ in range(self.imitation):
            metrics |= agent.clone(mix(simulated, shown, agent.config.batch_size, learner.rng))
        agent.keep_clone()
        return metrics

    def _read(
        self, path: Path | None, replay: Replay, see: Callable[[Episode], Episode] = lambda one: one
    ) -> None:
        if path is None:
            return
        keys, store = self.offer.schema.observation.keys(), Episodes(path)
        told = proposals_for(self.offer.schema)
        for episode in map(told, map(see, useful(store))):
            transitions = (_seen(one, keys) for one in episode.transitions())
            replay.extend(without_rewards(transitions) if self.offer.rlif else transitions)


def beginning_of(config: LearnerConfig) -> Beginning:
    """What the settings ask for.

    Raises:
        FileNotFoundError: There is no such run, or no such dataset.
        CheckpointError: The run holds no checkpoint.
        SchemaError: The demonstrations are of something else than the run.
        ValueError: There is no successful demonstration, or none to pretrain with, or a file of
            weights does not fit.
    """
    found = _beginning(config)
    if config.pretraining and not (found.simulated or found.shown or found.buffer):
        other = "" if config.rlif else ", or --buffer for what its policy did in simulation"
        raise ValueError(
            f"pretraining is {config.pretraining} updates on demonstrations, and {config.source} "
            f"has none; add --demonstrations DATASET{other}, or leave --pretraining out"
        )
    offer = _rewarded(found.offer, config)
    ratio = config.utd_ratio or offer.agent.utd_ratio  # Actors count the learner's time by it.
    return replace(found, offer=replace(offer, agent=replace(offer.agent, utd_ratio=ratio)))


def _rewarded(offer: Offer, config: LearnerConfig) -> Offer:
    """The offer with the range of returns that takeovers make, unless somebody has given one."""
    if config.rlif:
        return replace(offer, agent=rlif_returns(offer.agent), rlif=True)
    returns = offer.agent.return_range
    if not config.takeover_cost or returns is None or config.agent.return_range is not None:
        return offer
    wider = with_takeovers(returns, config.takeover_cost, offer.agent.discount)
    agent = replace(offer.agent, return_range=wider)
    return replace(offer, agent=agent, takeover_cost=config.takeover_cost)


def _beginning(config: LearnerConfig) -> Beginning:
    if config.source is None:
        assert config.demonstrations is not None
        base = None if config.base is None else load_base(config.base)
        own = _of_demonstrations(config.demonstrations, config.agent, config.rlif, base)
        own = own if base is None else _upon(own, base, config)
        return own if config.encoder_file is None else _seeing(own, config.encoder_file)
    own = _of_run(config.source)
    if config.buffer:
        if isinstance(own.offer.agent, DrqV2Config):
            raise ValueError(
                f"{config.source} was learned by drqv2, which imitates all that is demonstrated, "
                "and most of a buffer is no demonstration; leave --buffer out"
            )
        own = replace(own, buffer=config.source / REPLAY)
    if config.demonstrations is None:
        return own
    recorded = demonstrated(config.demonstrations, not config.rlif).schema
    learned = without_base(replace(own.offer.schema, env=recorded.env))
    learned.expect(learnable(recorded, _shows(learned)), str(config.demonstrations))
    return replace(own, shown=config.demonstrations)


def _seeing(beginning: Beginning, encoder: Path) -> Beginning:
    """The same with the weights of a file, which fit."""
    agent, images = beginning.offer.agent, beginning.offer.schema.observation
    assert isinstance(agent, PixelConfig)
    for channels in {spec.shape[-1] for key, spec in images.items() if key.startswith(IMAGES)}:
        read_encoder(encoder, agent.encoder, channels)
    return replace(beginning, encoder=encoder)


def _of_run(folder: Path) -> Beginning:
    source = Run.open(folder)
    settings = source.config(TrainConfig)
    with make_env(settings.env, 1, **parse_options(settings.options)) as env:
        schema = schema_of(env, settings.env, settings.options)
        agent = known_returns(settings.agent, env)
    agent = replace(agent, cloning_weight=_CLONING_WEIGHT)
    state = source.load_checkpoint(schema).state["agent"]
    return Beginning(Offer(schema, agent), _dataset_of(settings, folder), state=state)


def _dataset_of(settings: TrainConfig, folder: Path) -> Path | None:
    """What a run has learned from: a dataset, what it has recorded itself, or nothing."""
    recorded = folder / DEMONSTRATIONS if settings.demonstrations else None
    return settings.dataset or recorded


def _of_demonstrations(
    path: Path, agent: AgentConfig, rlif: bool, base: Policy | None
) -> Beginning:
    store = demonstrated(path, not rlif)
    if agent.return_range is None and all(map(_is_sparse, store)):
        agent = replace(agent, return_range=(0.0, 1.0))
    sees = isinstance(agent, PixelConfig) or (base is not None and _shows(base.schema))
    schema = learnable(store.schema, sees)
    if base is not None:  # Of the pictures those that it looks at.
        known = base.schema.observation
        seen = {k: v for k, v in schema.observation.items() if k in known or k == STATE}
        schema = replace(schema, observation=seen)
    return Beginning(Offer(schema, agent), shown=path)


def _upon(beginning: Beginning, base: Policy, config: LearnerConfig) -> Beginning:
    """The same as corrections of a base, of which a copy lies in the run's folder."""
    schema = beginning.offer.schema
    if lines := replace(base.schema, env="").differences(replace(schema, env="")):
        raise ValueError(
            f"{config.base} was trained for something else than what was demonstrated:"
            + "".join(f"\n  {line}" for line in lines)
        )
    own = base.save((config.run / BASE_FILE).resolve())
    options = [*schema.contract["options"], f"{BASE}={own}"]
    seen = schema.observation | {BASE: base_spec(schema.action)}
    upon = replace(schema, observation=seen, contract=schema.contract | {"options": options})
    return replace(beginning, offer=replace(beginning.offer, schema=upon))


def _shows(schema: Schema) -> bool:
    """Whether there are pictures in it."""
    return any(key.startswith(IMAGES) for key in schema.observation)


def _seen(transition: Transition, keys: Iterable[str]) -> Transition:
    before, after = (
        {key: seen[key] for key in keys}
        for seen in (transition.observation, transition.next_observation)
    )
    return replace(transition, observation=before, next_observation=after)


def _is_sparse(episode: Episode) -> bool:
    """Whether an episode paid nothing, or one at its end: returns are then between 0 and 1."""
    reward = episode.reward
    return not reward[:-1].any() and bool(np.isin(reward[-1:], (0, 1)).all())
