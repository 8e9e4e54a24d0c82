"""The seam between ``HardwareEnv`` and the topics of a robot."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple, Protocol, Self

import numpy as np

from controllers.reason import Reason
from hardware.keys import Key
from hardware.streams import Streams

SET_BACK = 0.5
"""A clock that goes back so far was set back, and what came before says nothing any more [s]."""


class Report(NamedTuple):
    """What the safety node says it sent, at one time."""

    stamp: float
    """On the clock of the robot's topics [s]."""
    sent: np.ndarray
    """NaN if nothing was sent. Shape (size,)."""
    requested: np.ndarray
    """As interpolated; NaN if nobody asked. Shape (size,)."""
    reasons: int
    """Bit mask of ``controllers.reason.Reason``."""
    latched: int
    """Bit mask as well; not 0 until ``reset``."""
    person: bool
    """Whether a person's request counted."""

    @classmethod
    def of(cls, stamp: float, numbers: np.ndarray) -> Self:
        """A report as ``hardware.safety.Safety.report`` lines its numbers up."""
        *commands, reasons, latched, person = numbers
        sent, requested = np.split(np.array(commands), 2)
        return cls(stamp, sent, requested, int(reasons), int(latched), bool(person))


def latched(reports: Sequence[Report]) -> Reason:
    """What holds the arm until somebody frees it, as the newest of some reports says."""
    return Reason(reports[-1].latched) if reports else Reason.NONE


class Link(Protocol):
    """A connection to one robot's topics; messages come in on a thread of its own."""

    @property
    def streams(self) -> Streams:
        """What the robot reports."""
        ...

    def now(self) -> float:
        """Time on the clock of the topics [s]."""
        ...

    def sleep_until(self, when: float) -> None:
        """Returns at ``when`` [s], or a little earlier."""
        ...

    def connect(self, timeout: float) -> None:
        """Waits until every stream is fresh and the safety node listens.

        Raises:
            ConnectionError: Something is missing after ``timeout`` [s] on the wall; names topic,
                type and quality of service, as found and as expected.
        """
        ...

    def request(self, target: np.ndarray, gripper: float | None) -> float:
        """Asks the safety node for a command; returns its stamp [s]."""
        ...

    def reports(self, since: float) -> list[Report]:
        """What the safety node has said since a time [s], oldest first."""
        ...

    def gripper(self) -> float | None:
        """The last command to the gripper, in the unit of its driver; None if there was none."""
        ...

    def place(self, name: str, pose: np.ndarray) -> bool:
        """Asks whoever arranges objects to put one elsewhere; False if nobody does."""
        ...

    def pressed(self, keys: Collection[Key]) -> list[Key]:
        """What the record services were called for since the last look; these keys have one."""
        ...

    def scene(self) -> np.ndarray | None:
        """Positions of everything, where a twin publishes them."""
        ...

    def announce(self, running: bool) -> None:
        """Tells who watches whether an episode runs now."""
        ...

    def open_latch(self) -> None:
        """Opens the latch of the safety node, unless a person has closed it as well.

        Raises:
            ConnectionError: It does not answer.
        """
        ...

    def tell(self, values: Mapping[str, float]) -> None:
        """Says named numbers of learning to whoever watches."""
        ...

    def offer_pause(self) -> Callable[[], bool]:
        """Lets whoever watches pause the learning from now on; returns whether it shall rest."""
        ...

    def close(self) -> None:
        """Ends the connection; safe to call twice."""
        ...
