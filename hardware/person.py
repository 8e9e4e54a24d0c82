"""A scripted person: watches a policy, takes over where it makes no progress, errs as people do.

No ROS here: time is an argument, of an episode's own clock. Progress is the way that the tool goes
towards where the task's expert wants it: the distance itself tells little, for a waypoint that
leads into contact stays ahead of the tool.
"""

from __future__ import annotations

from collections import deque
from enum import Enum
from typing import NamedTuple

import numpy as np

from hardware.node_settings import PersonSettings

_THERE = 0.002
"""A tool this near to where the expert wants it is not stuck; its gripper may be busy [m]."""
_LEVER = 0.15
"""From the tool to the joint of the hand about which it turns as it trembles [m]."""
_SOON = 0.4
"""Time after which somebody gives up who does [s]."""
_AFTER = 1.5
"""Share of an episode after which it must have ended, unheard; nobody is helped any more."""


class Look(NamedTuple):
    """What a person sees in one moment. Base frame."""

    tool: np.ndarray
    """Position. Shape (3,) [m]."""
    way: np.ndarray
    """From the tool to where the task's expert wants it. Shape (6,) [m, rad]."""


class Error(Enum):
    """How a takeover goes wrong."""

    BESIDE = "aims beside"
    GIVES_UP = "gives up"


class Person:
    """One person who watches one arm.

    Args:
        settings: Skill and patience.
        length: Longest time of an episode [s].
        rng: Of errors and tremble.

    Attributes:
        rng: As given; may be replaced.
        takeovers: How often they took over.
        errors: How many of these went wrong.
    """

    def __init__(self, settings: PersonSettings, length: float, rng: np.random.Generator) -> None:
        self.takeovers = self.errors = 0
        self._settings, self._length, self.rng = settings, length, rng
        self.begin()

    @property
    def holds(self) -> bool:
        """Whether they have the arm."""
        return self._since is not None

    def begin(self) -> None:
        """A new episode begins, at time 0: hands off, and hope."""
        self._since: float | None = None
        self._error: Error | None = None
        self._beside = np.zeros(6)
        self._seen: Look | None = None
        self._gained = 0.0
        self._ways: deque[tuple[float, float]] = deque()
        self._watches_from, self._has_given_up = 0.0, False

    def look(self, seen: Look, now: float) -> np.ndarray | None:
        """Where their hand wants the tool, from where it is; None while the policy has the arm.

        Args:
            seen: The moment.
            now: Time since the episode began [s].

        Returns:
            Shape (6,) [m, rad], base frame.
        """
        self._note(seen, now)
        if self._since is not None and self._is_enough(now - self._since):
            self._let_go(now)
        elif self._since is None and self._wants_to_help(now):
            self._take(now)
        if self._since is None:
            return None
        tremble = self._settings.tremble * np.repeat([1, 1 / _LEVER], 3)
        return seen.way + self._beside + self.rng.normal(0, tremble)

    def twist(self, way: np.ndarray) -> np.ndarray:
        """What their hand asks a teleop node for. Shape (6,) [m/s, rad/s], base frame."""
        return self._settings.quickness * way

    def _note(self, seen: Look, now: float) -> None:
        """Adds what the tool has gone, since the last look, where the expert wanted it then."""
        gained = 0.0
        if self._seen is not None:
            wanted = self._seen.way[:3]
            gained = float((seen.tool - self._seen.tool) @ wanted / (np.linalg.norm(wanted) + 1e-9))
        if np.linalg.norm(seen.way[:3]) < _THERE:
            gained = max(gained, self._settings.progress)
        self._seen, self._gained = seen, self._gained + gained
        self._ways.append((now, gained))
        while self._ways[0][0] < now - self._settings.patience:
            self._ways.popleft()

    def _wants_to_help(self, now: float) -> bool:
        if self._has_given_up or now < self._watches_from or now > _AFTER * self._length:
            return False
        watched = now - self._watches_from >= self._settings.patience
        stuck = sum(gained for _, gained in self._ways) < self._settings.progress
        return (watched and stuck) or now > self._settings.late * self._length

    def _is_enough(self, held: float) -> bool:
        if self._error is Error.GIVES_UP:
            return held > _SOON
        return self._gained > self._settings.enough or held > self._settings.longest

    def _take(self, now: float) -> None:
        self.takeovers += 1
        self._since, self._gained = now, 0.0
        if self.rng.random() < self._settings.skill:
            return
        self.errors += 1
        self._error = Error.BESIDE if self.rng.random() < 0.5 else Error.GIVES_UP
        if self._error is Error.BESIDE:
            angle = self.rng.uniform(0, 2 * np.pi)
            self._beside[:2] = self._settings.error * np.array([np.cos(angle), np.sin(angle)])

    def _let_go(self, now: float) -> None:
        self._has_given_up = self._error is Error.GIVES_UP
        self._since, self._error = None, None
        self._beside[:] = 0
        self._watches_from = now + self._settings.pause
