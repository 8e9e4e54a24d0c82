"""Episodes of a robot: begun, ended and judged from outside, written to disk by a thread aside.

While an episode runs, nobody waits for the disk. The next one begins when the last is durable, so
that a kill at any moment costs the running episode and no other. No ROS here.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from hardware.saver import Companion, Counts, Saver, Say
from hardware.timing import Timing
from robot_rl.reward import SUCCESS
from robot_rl.robot_step import REWARD, paid
from robot_rl.takeovers import settled

if TYPE_CHECKING:
    from robot_rl.episodes import Episodes, EpisodeWriter
    from robot_rl.metadata import Metadata
    from robot_rl.transition import Transition

State = Literal["idle", "recording", "saving"]
_LONG_AGO = 10.0
"""No transition of before an episode comes so long after it began [s]."""


@dataclass(frozen=True)
class EpisodeLimits:
    """When an episode ends by itself."""

    steps: int | None = None
    """Transitions after which it is truncated; None for no limit."""
    gap: float = 0.5
    """Time without an observation that ends it, so that no action spans it [s]."""

    def __post_init__(self) -> None:
        if self.steps is not None and self.steps < 1:
            raise ValueError(f"steps is {self.steps}; give at least 1, or None for no limit")
        if not self.gap > 0:
            raise ValueError(f"gap is {self.gap} s; give a time above 0")


class Recorder:
    """Takes transitions, numbers them, and makes durable episodes of them; threads may share it.

    The last transition is held back until the next one comes: whether it was the last, and how the
    episode ended, is known only then.

    Args:
        store: Where the episodes go.
        metadata: What is known of each episode.
        limits: When an episode ends by itself.
        say: Hears what was committed and what is wrong with it; prints unless given.
        accompany: Begins the file beside the episode of a uuid.
        clock: Time on the clock of the stamps [s]. With it, what was seen before an episode began
            is not of it, however late one hears of it.
        costs: What the step before a takeover costs, by the names of the terms; nothing by default.
        labels: What is noted of an episode besides, asked when it ends.
    """

    def __init__(
        self,
        store: Episodes,
        metadata: Metadata,
        limits: EpisodeLimits | None = None,
        say: Say | None = None,
        accompany: Callable[[str], Companion] | None = None,
        clock: Callable[[], float] | None = None,
        costs: Mapping[str, float] | None = None,
        labels: Callable[[], Mapping[str, str]] = dict,
    ) -> None:
        self.store, self._metadata = store, metadata
        self._limits, self._accompany = limits or EpisodeLimits(), accompany
        self._clock, self._begun = clock, -math.inf
        self._costs, self._labels = costs or {}, labels
        self._say = say or _print
        self._saver = Saver(self._say, self._go_on, self._give_up)
        self._lock = threading.RLock()
        self._timing = Timing(store.schema.dt)
        self._writer: EpisodeWriter | None = None
        self._companion: Companion | None = None
        self._pending: Transition | None = None
        self._wanted = self._saving = False
        self._episode = -1

    @property
    def state(self) -> State:
        """What it does now; ``saving`` ends by itself."""
        with self._lock:
            if self._writer is not None:
                return "recording"
            return "saving" if self._saving else "idle"

    @property
    def counts(self) -> Counts:
        """What has become of the episodes."""
        return self._saver.counts

    @property
    def last(self) -> str:
        """Uuid of the last durable episode that was recorded here; empty before the first."""
        return self._saver.last

    def __len__(self) -> int:
        """Transitions of the running episode."""
        with self._lock:
            return 0 if self._writer is None else len(self._writer) + (self._pending is not None)

    def begin(self) -> None:
        """Begins an episode, as soon as the last one is durable; never waits itself.

        Raises:
            RuntimeError: If one runs already.
            OSError: If there is no room for it.
        """
        with self._lock:
            state = self.state
            if state == "recording" or self._wanted:
                raise RuntimeError("an episode is being recorded; end it before the next")
            self._wanted = True
            if state == "saving":
                return
            if self._saver.unsaved is None:
                self._go_on()
            else:
                self._saving = True
                self._saver.again()

    def add(self, transition: Transition) -> bool:
        """Adds the next transition; numbers and, at a limit, the end are set here.

        Returns:
            Whether an episode goes on. Without one the transition is left out.
        """
        with self._lock:
            # Long before it began was nothing that comes only now: then the clock was set back.
            if self._writer is None or 0 < self._begun - transition.sensor_stamp < _LONG_AGO:
                return self._writer is not None
            gap = self._timing.step_to(transition.sensor_stamp)
            if abs(gap) > self._limits.gap:
                self._pending = None  # its action spans the gap
                said = f"no observation for {gap:.2f} s"
                self._finish(said if gap > 0 else f"the clock was set back by {-gap:.2f} s")
                return False
            self._hold(transition)
            if transition.terminated or transition.truncated:
                self._finish()
            elif len(self) == self._limits.steps:
                self._conclude(truncated=True)
                self._finish()
            return self._writer is not None

    def end(self, success: bool | None = None) -> bool:
        """Ends the running episode and commits it aside.

        Args:
            success: A person's verdict, which the last transition then carries: it is terminal, its
                reward 1 or 0, as its terms are. None leaves it as it was.

        Returns:
            Whether there was anything to commit.
        """
        with self._lock:
            if success is not None:
                self._judge(success)
            return self._finish()

    def discard(self) -> int:
        """Forgets the running episode; returns how many transitions it had."""
        with self._lock:
            length = len(self)
            if self._writer is not None:
                self._writer.discard()
                self.counts.discarded += 1
            if self._companion is not None:
                self._companion.drop()
            self._writer = self._companion = self._pending = None
            self._wanted = False
            return length

    def wait(self) -> None:
        """Returns when the last episode is durable.

        Raises:
            OSError: If it could not be written. It is still there: the next ``begin`` tries again.
        """
        self._saver.wait()

    def close(self) -> None:
        """Forgets the running episode and waits for the one being written; safe to call twice."""
        if length := self.discard():
            self._say(f"dropped the running episode of {length} transitions: nobody ended it", True)
        self.wait()

    def _go_on(self) -> None:
        """Nothing is being written any more: begins the next episode if it is wanted."""
        with self._lock:
            wanted, self._wanted, self._saving = self._wanted, False, False
            if not wanted:
                return
            writer = self.store.writer(self._metadata)
            try:
                self._companion = self._accompany and self._accompany(writer.metadata.uuid)
            except OSError:
                writer.discard()
                raise
            self._writer, self._timing = writer, Timing(self.store.schema.dt)
            self._begun = self._clock() if self._clock else self._begun
            self._episode += 1

    def _give_up(self) -> None:
        """There was no room; whoever wants an episode must ask again."""
        with self._lock:
            self._wanted = self._saving = False

    def _hold(self, transition: Transition) -> None:
        if self._pending is not None:
            self._pending = settled(self._pending, transition, self._costs)
        self._release()
        self._timing.add(transition.sensor_stamp, transition.command_stamp)
        self._pending = replace(transition, episode=self._episode, step=len(self))

    def _conclude(self, **how: Any) -> None:
        if self._pending is not None:
            self._pending = replace(self._pending, **how)

    def _judge(self, success: bool) -> None:
        if self._pending is None:
            return
        if REWARD + SUCCESS in self._pending.extra:
            self._pending = paid(self._pending, {SUCCESS: float(success)})
        else:
            self._conclude(reward=float(success))
        self._conclude(success=success, terminated=True, truncated=False)

    def _release(self) -> None:
        if self._pending is not None and self._writer is not None:
            self._writer.add(self._pending)
        self._pending = None

    def _finish(self, reason: str | None = None) -> bool:
        last = self._pending
        self._release()
        if self._writer is None or not len(self._writer):
            self.discard()
            return False
        writer, self._writer = self._writer, None
        companion, self._companion = self._companion, None
        writer.metadata = replace(
            writer.metadata,
            success=last is not None and last.success,
            termination_reason=reason,
            fps_achieved=self._timing.rate,
            labels={**writer.metadata.labels, **self._timing.marks(), **self._labels()},
        )
        self._saving = True
        self._saver.save(writer, companion)
        return True


def _print(text: str, _: bool) -> None:
    print(text)
