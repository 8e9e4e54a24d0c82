"""The actor: a policy on a robot, whose every step goes to a learner, from whom new weights come.

The robot never waits for the learner within an episode: weights change while a step waits, and
transitions go to an outbox. Between episodes it waits where the learner has fallen behind. Without
a learner it goes on with the policy that it has. Where a person has stopped it, it waits until a
person frees it.
"""

from __future__ import annotations

import secrets
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import numpy as np

from robot_rl.actor_link import ActorLink
from robot_rl.agent import Agent
from robot_rl.corrections import Corrections
from robot_rl.env import Closing, Env, Step, StoppedError
from robot_rl.episodes import Episodes
from robot_rl.metadata import Metadata
from robot_rl.outbox import Key
from robot_rl.robot_step import beside, stamped
from robot_rl.takeovers import TakeoverRewards, costs_of
from robot_rl.transition import Transition, WorldIds, split_step
from robot_rl.transition_message import to_message
from robot_rl.weights_message import acting_state

REDO, MISTAKEN = "redo", "mistaken"
"""Keys by which a person cuts an episode off, and says that the last one was no success."""
LABELS = {"success": True, "failure": False}
"""Keys by which a person says how the running episode went."""
RECENT = 20
"""Episodes over which success is told while it changes."""
_PATIENCE = 60.0
_LOOK = 0.05
"""How often somebody who waits looks up [s]."""
_STOPPED = 0.5
"""How often a robot that was stopped is asked whether it is free [s]."""
_BY = "finetune"
"""Where a person said that an episode was no success."""


@dataclass
class Acted:
    """What was done so far."""

    steps: int = 0
    interventions: int = 0
    """Steps that a person did."""
    takeovers: list[int] = field(default_factory=list)
    """How often a person took over, in each episode."""
    success: list[bool] = field(default_factory=list)
    length: list[int] = field(default_factory=list)
    greedy: list[bool] = field(default_factory=list)
    """Which episodes were without exploration noise."""
    version: int = -1
    """Of the weights that act; -1 before the first."""
    waited: float = 0.0
    """Time that the robot stood because the learner was behind [s]."""

    def recent(self, episodes: int = RECENT) -> float:
        """Share of the last episodes that succeeded; NaN before the first."""
        return float(np.mean(self.success[-episodes:])) if self.success else float("nan")

    def takeover_rate(self, first: int | None = -RECENT, last: int | None = None) -> float:
        """Takeovers per 1,000 steps in some of the episodes; NaN before the first."""
        steps = sum(self.length[first:last])
        return 1000 * sum(self.takeovers[first:last]) / steps if steps else float("nan")


Watch = Callable[[Acted], None]
Reward = Callable[[Transition], list[Transition]]
"""Takes the next transition; gives those whose reward is known by now, in their order."""


class Actor(Closing):
    """Acts in one environment.

    Args:
        env: One robot.
        agent: Acts; its weights are replaced by the learner's.
        link: To the learner.
        store: Where episodes go, as everybody's do.
        metadata: What is known of each.
        greedy_share: Share of episodes without exploration noise.
        exploration: Factor on that noise in the others.
        seed: Of what is greedy, and of the starts.
        watch: Called after each episode.
        waits: Called again and again while the robot stands because the learner is behind.
        paused: Whether to rest before the next episode, the arm held.
        reward: Has the last word on rewards; by default takeovers cost what the environment says.
        pressed: Keys that a person has pressed since the last look: ``redo`` cuts the running
            episode off, ``mistaken`` takes back the success of the last one, ``success`` and
            ``failure`` go to ``label``.
        label: Takes a person's word on the running episode.
    """

    def __init__(
        self,
        env: Env,
        agent: Agent,
        link: ActorLink,
        store: Episodes,
        metadata: Metadata,
        greedy_share: float = 0.25,
        exploration: float = 1.0,
        seed: int = 0,
        watch: Watch = lambda acted: None,
        waits: Watch = lambda acted: None,
        paused: Callable[[], bool] = lambda: False,
        reward: Reward | None = None,
        pressed: Callable[[], Sequence[str]] = tuple,
        label: Callable[[bool], None] = lambda success: None,
    ) -> None:
        self.acted, self._paused = Acted(), paused
        self._pressed, self._label = pressed, label
        self._reward = reward or TakeoverRewards(costs_of(env))
        self._env, self._agent, self._link = env, agent, link
        self._cameras = agent.camera_watch()
        self._renews = self._offered_time(env)
        self._store, self._metadata = store, metadata
        self._watch, self._waits = watch, waits
        self._rng, self._seed = np.random.default_rng(seed), seed
        self._greedy_share, self._exploration = greedy_share, exploration
        # Whoever begins again is another stream: no counter has to survive.
        self._ids = WorldIds(1, first_stream=secrets.randbits(62))
        self._previous: Key | None = None
        self._corrections = Corrections(store)
        self._disk = ThreadPoolExecutor(1)
        self._disk.submit(int).result()  # Its thread is there, to be scheduled with the others.
        self._writing: list[Future[None]] = []
        self._last = ""
        """Uuid of the last episode, once it is durable; of the disk's thread alone."""

    def act(self, enough: Callable[[Acted], bool]) -> Acted:
        """Acts until there is enough; asked between episodes.

        Raises:
            ConnectionError: No learner has given the first weights.
            OSError: An episode, or what the learner has not taken, could not be written.
            CameraError: A camera is covered, frozen or swapped.
        """
        self._await_weights()
        step = self._begin(self._seed)
        while not enough(self.acted):
            try:
                step = self._episode(self._settle(step))
            except StoppedError:  # Said in place of an episode's first step, so none is lost.
                step = self._begin()
            else:
                self._watch(self.acted)
        _require_written(self._writing)
        return self.acted

    def rest(self, seconds: float = _LOOK) -> None:
        """Waits a little; what a person says meanwhile of the last episode counts at once."""
        self._take_back(self._pressed())
        time.sleep(seconds)

    def close(self) -> None:
        """Waits for the disk; safe to call twice."""
        self._disk.shutdown()

    def _begin(self, seed: int | None = None) -> Step:
        """The first step of an episode, once nobody has the robot stopped."""
        told = False
        while True:
            try:
                return self._env.reset(seed)
            except StoppedError as stopped:
                if not told:
                    print(f"{stopped}; learning goes on then", file=sys.stderr)
                told = True
                self.rest(_STOPPED)

    def _settle(self, step: Step) -> Step:
        """Waits, the arm held, until learner and watcher let us go on, and looks anew."""
        began = time.monotonic()
        self._await_learner()
        while self._paused():
            self.rest()
        if time.monotonic() - began < _LOOK:
            return step
        return self._env.step(np.full((1, *self._env.action_spec.shape), np.nan))

    def _await_learner(self) -> None:
        """Waits while it is behind, and says so all the time."""
        while self._link.said().get("behind", False):
            began = time.monotonic()
            self.rest()
            self.acted.waited += time.monotonic() - began
            self._waits(self.acted)

    def _episode(self, step: Step) -> Step:
        """One episode; returns the first step of the next."""
        transitions: list[Transition] = []
        greedy = bool(self._rng.random() < self._greedy_share)
        done = cut = False
        pressed = self._pressed()
        self._take_back(pressed)  # What else was pressed before it is over.
        self._renew()
        while not done:
            if self._cameras is not None:
                self._cameras.see(step.observation)
            action = self._agent.act(step.observation, greedy, self._exploration)
            measured, version = self._measured(), self.acted.version
            after = self._env.step(action)
            pressed = self._pressed()
            if cut := not after.done[0] and self._heed(pressed):
                after = after._replace(truncated=np.ones(1, bool))
            for one in self._reward(self._transition(step, action, after, measured, version)):
                self._send(one)
                transitions.append(one)
            self._ids.advance(after.done)
            done, step = bool(after.done[0]), after
            if not self._renews:
                self._renew()
        self.acted.success.append(transitions[-1].success)
        self.acted.length.append(len(transitions))
        self.acted.greedy.append(greedy)
        self.acted.takeovers.append(_takeovers(transitions))
        self._keep(transitions, REDO if cut else None)
        if not cut:  # Said while the arm went to its next start.
            self._take_back(pressed)
        return self._begin() if cut else step

    def _await_weights(self) -> None:
        """Nobody acts with a network that has learned nothing."""
        end = time.monotonic() + _PATIENCE
        while not self._renew() and self.acted.version < 0:
            if time.monotonic() > end:
                raise ConnectionError(
                    f"no learner has given weights within {_PATIENCE:g} s; see what it says"
                )
            time.sleep(_LOOK)

    def _offered_time(self, env: Any) -> bool:
        """Whether weights are renewed while a step waits: a robot's would be late by it before."""
        if not hasattr(env, "offer_time"):
            return False
        env.offer_time(self._renew)
        return True

    def _renew(self) -> bool:
        """Takes the newest weights, if there are any."""
        newest = self._link.weights()
        if newest is not None:
            self._agent.load_acting_state(acting_state(newest))
            self.acted.version = newest.facts["version"]
        return newest is not None

    def _measured(self) -> dict[str, np.ndarray]:
        """Raw streams of a robot, by name; nothing of a simulator."""
        return dict(getattr(self._env, "measured", {}))

    def _transition(
        self,
        before: Step,
        action: np.ndarray,
        after: Step,
        measured: dict[str, np.ndarray],
        version: int,
    ) -> Transition:
        [one] = split_step(
            self._ids,
            before.observation,
            action,
            after,
            source="real",
            policy_version=version,
            extra=beside(after.info, measured),
        )
        one = stamped(one, after.info)
        self.acted.steps += 1
        self.acted.interventions += one.intervened
        return one

    def _send(self, one: Transition) -> None:
        key = Key(one.stream, one.episode, one.step)
        previous = None if self._previous is None else list(self._previous[1:])
        learned_from = replace(one, extra={})
        self._link.send(key, to_message(learned_from, previous=previous))
        self._previous = key

    def _heed(self, pressed: Sequence[str]) -> bool:
        """Does what a person says within an episode; returns whether to cut it off."""
        self._take_back(pressed)
        for key in pressed:
            if key in LABELS:
                self._label(LABELS[key])
        return REDO in pressed

    def _take_back(self, pressed: Sequence[str]) -> None:
        """Takes back the last success, if a person says so: aside, once it is durable."""
        if MISTAKEN in pressed:
            self._writing.append(self._disk.submit(self._correct))

    def _keep(self, transitions: list[Transition], reason: str | None) -> None:
        """Commits an episode aside; one that could not be written is an error after the next."""
        before = self._writing
        self._writing = [self._disk.submit(self._commit, transitions, reason)]
        _require_written(before)

    def _commit(self, transitions: list[Transition], reason: str | None) -> None:
        self._last = ""
        self._link.keep()  # First, so that what is committed is never lost to the learner.
        with self._store.writer(replace(self._metadata, termination_reason=reason)) as writer:
            for transition in transitions:
                writer.add(transition)
        self._last = writer.metadata.uuid
        self._tell_corrections()

    def _correct(self) -> None:
        """The last episode was no success; one thread does this and commits, so it is durable."""
        if not self._last:
            print("no episode has ended yet, so there is none to take back", file=sys.stderr)
            return
        try:
            self._store.mistake(self._last, _BY)
        except ValueError as error:
            print(error, file=sys.stderr)
            return
        self._tell_corrections()
        said = f"episode {self._last[:8]} was no success, and is learned from as none"
        print(said, file=sys.stderr)

    def _tell_corrections(self) -> None:
        for key, message in self._corrections.news():
            self._link.send(key, message)


def _require_written(writing: Iterable[Future[None]]) -> None:
    """Waits for what is on its way to disk.

    Raises:
        OSError: Some of it could not be written.
    """
    for one in writing:
        one.result()


def _takeovers(transitions: list[Transition]) -> int:
    """How often a person took the arm from the policy, at the start included."""
    had = [False, *(transition.intervened for transition in transitions)]
    return sum(now and not before for before, now in pairwise(had))
