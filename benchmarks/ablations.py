"""Parts of the learning loop, each of which can be left out, to see what carries the result."""

from __future__ import annotations

from dataclasses import replace

from robot_rl.batch import Batch
from robot_rl.learner import Learner
from robot_rl.transition import Transition


class Apart(Learner):
    """Takeovers are online data and no demonstrations."""

    def take(self, transition: Transition) -> None:
        """To the online data alone."""
        self.replay.append(transition)


class Pooled(Apart):
    """No half of demonstrations: they are drawn as if they lay among the online data."""

    def _sample(self) -> Batch:
        share = len(self.demonstrations) / (len(self.demonstrations) + len(self.replay))
        return self._mix(share)


def as_terminal(transition: Transition) -> Transition:
    """A time-out as if nothing could come after it."""
    ended = transition.terminated or transition.truncated
    return replace(transition, terminated=ended, truncated=False)
