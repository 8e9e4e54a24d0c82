"""The learner's process: takes what actors did, makes the updates they are owed, gives out weights.

A transition is acknowledged once it lies in memory-mapped files, so a learner that is killed loses
none: it comes back with its last checkpoint and all of the data, and makes up for the updates that
were lost. After a power cut it comes back with the data of its last checkpoint.
"""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from robot_rl import durable
from robot_rl.agent import Metrics
from robot_rl.agents import make_agent
from robot_rl.beginning import Beginning, beginning_of
from robot_rl.config import OF_AGENTS, LearnerConfig
from robot_rl.env import ArraySpec, Closing
from robot_rl.environments import ROBOT
from robot_rl.interruption import Interruption
from robot_rl.learner import Learner
from robot_rl.learner_link import Arrival, LearnerLink
from robot_rl.lock import alone_in
from robot_rl.log import Log
from robot_rl.machine import boot, describe_machine
from robot_rl.message import MessageError, decode
from robot_rl.offer import Offer
from robot_rl.outbox import Key
from robot_rl.policy import POLICY, PRACTISED, Policy, base_of
from robot_rl.replay import Replay
from robot_rl.run import Run
from robot_rl.schema import SchemaError
from robot_rl.train import DEMONSTRATIONS, prepare_torch
from robot_rl.transition_message import CORRECTED, from_message
from robot_rl.weights_message import weights_message

ONLINE = "online"
"""Folder of a run with what robots did, beside ``DEMONSTRATIONS``: memory-mapped replays."""
OFFER = "offer.message"
"""File of a run with what it learns, as it was when the run began."""
_BEGUN_WITH = (
    *("source", "demonstrations", "base", "buffer", "pretraining", "seed", "capacity"),
    *("takeover_cost", *OF_AGENTS),
)
"""Settings that count once, when a run begins."""
_SPEAK = 0.2
"""How often actors are told how learning stands [s]."""
_WAIT = 0.05


@dataclass(frozen=True)
class Standing:
    """How learning stands; given to whoever watches."""

    steps: int
    """Transitions taken so far."""
    updates: int
    owed: float
    """Updates that the steps are owed and have not got yet."""
    version: int
    """Of the weights that were given out last."""
    metrics: Metrics


Watch = Callable[[Standing], None]


class RemoteLearner(Closing):
    """One agent with its data and the link to its actors.

    Args:
        config: What to start from, where to listen, how to go on.
        run: Its folder; one that holds a checkpoint is gone on with.
        watch: Called a few times a second.

    Raises:
        FileNotFoundError: There is nothing to start from.
        OSError: Somebody else listens at the address.
    """

    def __init__(
        self, config: LearnerConfig, run: Run, watch: Watch = lambda standing: None
    ) -> None:
        prepare_torch(config.threads, config.products, config.device)
        self._config, self._run, self._watch = config, run, watch
        beginning = None if run.steps else beginning_of(config)
        self._offer = _offer(run) if beginning is None else beginning.offer
        self._schema = replace(self._offer.schema, env=ROBOT, contract={})
        specs = self._schema.observation, self._schema.action
        self._base = base_of(self._offer.schema)
        agent = make_agent(*specs, self._offer.agent, config.seed)
        self._capacity = run.config(LearnerConfig).capacity or _capacity_for(specs[0])
        online = Replay(*specs, self._capacity, path=run.folder / ONLINE)
        self.learner = Learner(
            agent, online, self._demonstrated(beginning), config.seed, self._ratio
        )
        self._paid, self._version = 0, 0
        self._metrics = Metrics()
        if beginning is None:
            self._resume()
        else:
            durable.replace(run.folder / OFFER, self._offer.to_message())
            self._metrics = beginning.teach(self.learner, config.pretraining)
        self._log = Log(run.folder, resume_step=run.steps[-1] if run.steps else -1)
        self._spoke = self._saved = time.monotonic()
        self._idle = 0.0
        if not run.steps:  # Or who is killed soon would begin anew, and give out a version twice.
            self._checkpoint()
        # Last, for nobody closes it where the rest fails, or is interrupted.
        clone = weights_message(agent.clone_state())
        self._link = LearnerLink(self._offer.to_message(), clone, self._weights(), config.address)

    @property
    def _ratio(self) -> float:
        """Updates per step."""
        return self._config.utd_ratio or self._offer.agent.utd_ratio

    @property
    def steps(self) -> int:
        """Transitions taken so far."""
        return self.learner.replay.appended

    @property
    def owed(self) -> float:
        """Updates that the steps are owed and have not got yet."""
        return self.learner.owed if self.steps >= self._config.learning_starts else 0.0

    def learn(self, enough: Callable[[RemoteLearner], bool] = lambda learner: False) -> None:
        """Learns until there is enough, or somebody interrupts; then there is a checkpoint."""
        with Interruption() as interruption:
            while not (interruption.asked or enough(self)):
                self._take()
                if self.owed >= 1:
                    self._update()
                self._speak()
                if time.monotonic() - self._saved > self._config.checkpoint_every:
                    self._checkpoint()
        self._checkpoint()

    def close(self) -> None:
        """Ends link and log; safe to call twice."""
        self._link.close()
        self._log.close()

    def _demonstrated(self, beginning: Beginning | None) -> Replay:
        """The demonstrations: all of them are there, or, if it was killed meanwhile, none yet."""
        folder, capacity = self._run.folder / DEMONSTRATIONS, self._capacity
        specs = self._schema.observation, self._schema.action
        if beginning is not None and not folder.exists():
            part = folder.with_suffix(".part")
            shutil.rmtree(part, ignore_errors=True)
            filled = Replay(*specs, capacity, path=part)
            beginning.fill(filled)
            filled.flush()
            durable.sync_tree(part)
            durable.move(part, folder)
        return Replay(*specs, capacity, path=folder)

    def _take(self) -> None:
        """All that has come in; waits a little if there is nothing else to do."""
        began = time.monotonic()
        arrival = self._link.take(0.0 if self.owed >= 1 else _WAIT)
        self._idle += time.monotonic() - began
        while arrival is not None:
            self._accept(arrival)
            arrival = self._link.take(0.0)

    def _accept(self, arrival: Arrival) -> None:
        """Appends a transition that is the next of its stream; one that was there already is told.

        Without its predecessor it is left, and comes again behind it, unless nobody has that.
        """
        key, message = arrival.key, arrival.message
        try:
            transition = None if message is None else from_message(message, self._schema)
        except (MessageError, SchemaError):
            transition = None
        if message is None or transition is None:
            self._link.refuse(arrival.robot, key)
            return
        facts = message.facts
        if facts.get(CORRECTED):
            self.learner.correct(transition)
            self._link.took(arrival.robot, key)
            return
        last = self.learner.replay.last(key.stream)
        if last is None or key[1:] > last:
            if not (last is None or arrival.first or facts.get("previous") == list(last)):
                return
            self.learner.take(transition)
            self.learner.owe(1)
            last = key[1:]
        self._link.took(arrival.robot, Key(key.stream, *last))

    def _update(self) -> None:
        self._metrics |= self.learner.update()
        self.learner.owed -= 1
        self._paid += 1
        if self._paid % self._config.publish_every == 0:
            self._version += 1
            self._link.publish(self._weights())

    def _weights(self) -> bytes:
        state = self.learner.agent.acting_state(clone=False)
        return weights_message(state, version=self._version)

    def _speak(self) -> None:
        if (since := time.monotonic() - self._spoke) < _SPEAK:
            return
        idle = min(self._idle / since, 1.0)
        self._spoke, self._idle = time.monotonic(), 0.0
        behind = self.owed > self._config.patience * self._ratio
        self._link.say(
            version=self._version,
            steps=self.steps,
            updates=self._paid,
            owed=self.owed,
            behind=behind,
            idle=idle,
            refused=self._link.refused,
            metrics=self._metrics,
        )
        self._watch(Standing(self.steps, self._paid, self.owed, self._version, self._metrics))

    def _checkpoint(self) -> None:
        self._saved = time.monotonic()
        self.learner.replay.flush()
        self.learner.demonstrations.flush()
        state = {
            **self.learner.state_dict(),
            "paid": self._paid,
            "version": self._version,
            "boot": boot(),
            "demonstrated": self.learner.demonstrations.appended,
        }
        self._run.save_checkpoint(state, self.steps, self._schema)
        origin = {
            "run": str(self._run.folder),
            "steps": self.steps,
            "machine": describe_machine(),
            PRACTISED: True,
        }
        policy = Policy(self.learner.agent, self._offer.schema, origin, self._base)
        policy.save(self._run.folder / POLICY)
        self._log.write(self.steps, {**self._metrics, "updates": self._paid, "owed": self.owed})

    def _resume(self) -> None:
        step, state, _ = self._run.load_checkpoint(self._schema)
        self.learner.load_state_dict(state)
        if state["boot"] != boot():  # What was not flushed when the power went may be zeros.
            self.learner.replay.forget_after(step)
            self.learner.demonstrations.forget_after(state["demonstrated"])
        for name, replay, least in (
            (ONLINE, self.learner.replay, step),
            (DEMONSTRATIONS, self.learner.demonstrations, state["demonstrated"]),
        ):
            if replay.appended < least:
                raise FileNotFoundError(
                    f"{self._run.folder / name} holds {replay.appended:,} transitions, and its "
                    f"run's checkpoint knows {least:,}; copy it back, or begin anew elsewhere"
                )
        self.learner.owe(self.steps - step)
        # Versions that were given out after the checkpoint do not come again.
        before = self._run.config(LearnerConfig)
        ratio = max(before.utd_ratio or 0.0, self._offer.agent.utd_ratio, self._ratio)
        self._paid = state["paid"]
        self._version = state["version"] + round(ratio * self.steps) + 1


def _capacity_for(observation: Mapping[str, ArraySpec]) -> int:
    """Transitions that fit on every disk."""
    return 30_000 if any(len(spec.shape) > 1 for spec in observation.values()) else 200_000


def require_same_reward(run: Run, rlif: bool) -> None:
    """Refuses to go on with other rewards than those that the run's critics have learned.

    Raises:
        ValueError: The run was begun with the other ones.
    """
    if run.config(LearnerConfig).rlif is not rlif:
        how = "without --rlif" if rlif else "with --rlif"
        raise ValueError(
            f"{run.folder} was begun {how}, and its critics know no other reward; go on {how}, or "
            "choose another folder"
        )


def _offer(run: Run) -> Offer:
    """What a run that goes on learns.

    Raises:
        FileNotFoundError: Another version has begun it.
    """
    file = run.folder / OFFER
    if not file.exists():
        raise FileNotFoundError(
            f"{run.folder} has no {OFFER}, for another version has begun it; begin anew elsewhere"
        )
    return Offer.of_message(decode(file.read_bytes()))


def _say_what_stays(run: Run, config: LearnerConfig) -> None:
    """Tells that a run goes on with what it was begun with, whatever else is asked for now."""
    before = run.config(LearnerConfig)
    for name in _BEGUN_WITH:
        old, new = getattr(before, name), getattr(config, name)
        if old != new:
            print(f"{run.folder} was begun with {name} {old}, which stays", file=sys.stderr)


def run_learner(config: LearnerConfig, watch: Watch = lambda standing: None) -> Path:
    """Learns in a run's folder until somebody interrupts; a later call goes on there.

    Raises:
        BlockingIOError: Another one learns there.
        ValueError: The folder's run has learned other rewards.
    """
    with alone_in(config.run):
        try:
            run = Run.open(config.run)
            require_same_reward(run, config.rlif)
            _say_what_stays(run, config)
        except FileNotFoundError:
            run = Run.create(config.run, config, config.seed)
        with RemoteLearner(config, run, watch) as learner:
            learner.learn()
    return run.folder
