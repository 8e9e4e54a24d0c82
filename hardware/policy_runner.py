"""Lets a policy act on a robot until somebody stops it; no ROS here."""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass

import numpy as np

from robot_rl.env import Act, Env, Info, Step, forgetting

ANSWERED = (ConnectionError, RuntimeError)
"""Errors that pause the policy: a person reads them, mends it and goes on."""
_LOOK = 0.05


@dataclass
class RunnerCounts:
    """What has happened since the runner was made."""

    steps: int = 0
    episodes: int = 0
    successes: int = 0
    interventions: int = 0
    """Steps in which a person commanded."""


class PolicyRunner:
    """One loop of reset, act and step, in the thread that calls ``run``.

    Args:
        env: One robot.
        act: Observation -> action.
        episodes: After these it pauses; 0 goes on for ever.

    Attributes:
        error: Why it paused by itself; empty if it did not.
        times: Wall-clock time from an observation to the action, of the last steps [s].
    """

    def __init__(self, env: Env, act: Act, episodes: int = 0) -> None:
        self.counts = RunnerCounts()
        self.error = ""
        self.times: deque[float] = deque(maxlen=200)
        self._env, self._act, self._episodes = env, act, episodes
        self._wanted, self._ending = threading.Event(), threading.Event()

    @property
    def active(self) -> bool:
        """Whether the policy acts."""
        return self._wanted.is_set()

    def resume(self) -> None:
        """Acts from now on, beginning with a new episode."""
        self.error = ""
        self._wanted.set()

    def pause(self) -> None:
        """Asks for nothing after the step that runs: the safety node then holds the arm."""
        self._wanted.clear()

    def end(self) -> None:
        """Makes ``run`` return."""
        self._ending.set()
        self._wanted.clear()

    def run(self) -> None:
        """Acts while it is wanted, until ``end``."""
        while not self._ending.is_set():
            if not self._wanted.wait(_LOOK):
                continue
            try:
                self._run_episodes(self._env.reset())
            except ANSWERED as error:
                self.pause()
                self.error = "" if self._ending.is_set() else str(error)

    def _run_episodes(self, step: Step) -> None:
        forget = forgetting(self._act)
        forget(np.ones(1, bool))
        while self._wanted.is_set():
            began = time.monotonic()
            action = self._act(step.observation)
            self.times.append(time.monotonic() - began)
            step = self._env.step(action)
            forget(step.done | step.info.get(Info.INTERVENED, False))  # A person went elsewhere.
            self._count(step)
            if self._episodes and self.counts.episodes >= self._episodes:
                self.pause()

    def _count(self, step: Step) -> None:
        counts = self.counts
        counts.steps += 1
        counts.episodes += bool(step.done[0])
        counts.successes += bool(step.info.get(Info.SUCCESS, [False])[0])
        counts.interventions += bool(step.info.get(Info.INTERVENED, [False])[0])
