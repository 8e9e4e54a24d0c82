"""What the twin is told while a person moves it, with the times at which DDS saw it published."""

import time
from bisect import bisect
from typing import Any, NamedTuple

import numpy as np
from rclpy.qos import QoSProfile
from rclpy.subscription import MessageInfo
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool, Float64MultiArray

from hardware.ros import convert
from tests.ros.conftest import Graph, wait_for


class Frozen(NamedTuple):
    """Times after which a command ended."""

    onward: float
    """No longer on in the direction in which it moved [ms]."""
    rest: float
    """No longer changed [ms]."""


class WatchedArm:
    """What the arm is told, with the time at which it was published, as DDS has it."""

    def __init__(self, graph: Graph) -> None:
        self.told: list[tuple[float, np.ndarray]] = []
        self._changes: list[float] = []
        graph.inbox.subscribe(Float64MultiArray, "arm/commands", self._hear, QoSProfile(depth=1000))
        self.person_moves: list[Any] = graph.listen(Bool, "teleop/deadman")
        self.states, self.requests, self.reports = (
            graph.listen(JointState, topic, 100)
            for topic in ("joint_states", "teleop/request", "safety/report")
        )
        graph.start("arm_node")
        graph.start("safety_node", watch_cameras=False)
        self.person = graph.start("teleop_node")
        wait_for(lambda: self.states, "joint states")

    def moving_since(self, start: float) -> bool:
        """Whether the command has changed for a tenth of a second."""
        later = self._changes[bisect(self._changes, start) :]
        return len(later) > 10 and later[-1] - later[0] > 0.1

    def began(self, after: float) -> float:
        """When the command changed for the first time after it; 0 if it has not [s]."""
        later = self._changes[bisect(self._changes, after) :]
        return later[0] if later else 0.0

    def still(self) -> bool:
        """Whether the command has not changed for a quarter of a second."""
        return time.time() > self._last(0.0) + 0.25

    def frozen(self, after: float) -> Frozen:
        """How the command came to rest; waits until it has."""
        wait_for(lambda: time.time() > self._last(after) + 0.25, "an unchanging command")
        rest = self._last(after)
        times = [time for time, _ in self.told]
        at, end = bisect(times, after), bisect(times, rest)
        told = np.array([told for _, told in self.told[max(0, at - 20) : end]])
        before, later = told[:20], told[20:]
        gone = later @ (before[-1] - before[0])
        onward = times[at + int(np.argmax(gone))] if len(gone) else after
        return Frozen(1e3 * (onward - after), 1e3 * (rest - after))

    def _last(self, after: float) -> float:
        return max([after, *self._changes[-1:]])

    def released(self, after: float) -> float:
        """When the safety node reports for the first time that nobody asks any more [ms]."""

        def since() -> float:
            """How long after it the last request was over; 0 while it may come again."""
            reports = [(stamp_of(r), asked(r)) for r in list(self.reports)]
            last = max([after, *(stamp for stamp, by_somebody in reports if by_somebody)])
            later = [stamp for stamp, _ in reports if stamp > last]
            return later[0] - after if later and later[-1] > last + 0.2 else 0.0

        return 1e3 * wait_for(since, "a report without a request")

    def _hear(self, message: Float64MultiArray, info: MessageInfo) -> None:
        now, values = 1e-9 * info["source_timestamp"], np.array(message.data)
        if self.told and np.abs(values - self.told[-1][1]).max() > 1e-6:
            self._changes.append(now)
        self.told.append((now, values))


def stamp_of(message: Any) -> float:
    return convert.to_seconds(message.header.stamp)


def asked(report: Any) -> bool:
    """Whether anybody's request counted."""
    return bool(np.isfinite(report.position[report.name.index("requested/joint1")]))
