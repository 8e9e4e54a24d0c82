"""A source gone mad, as a process: random requests as fast as DDS takes them, until it is killed.

What it asks for, and how often, is ``KINDS``.
"""

import sys
import time
from collections.abc import Iterator

import numpy as np
import rclpy
from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.subscription import MessageInfo
from sensor_msgs.msg import JointState

from hardware.contract_file import load_contract
from hardware.ros import convert
from hardware.ros.inbox import Inbox

TWIN = load_contract("twin")
ARM, HOME = list(TWIN.joints.arm), np.array(TWIN.home.q)
KINDS = {
    "nudge": 0.45,
    "leap": 0.12,
    "beyond": 0.12,
    "huge": 0.07,
    "broken": 0.12,
    "names": 0.06,
    "length": 0.06,
}
"""Share of the requests by kind."""
MOST = 12
"""A request is repeated so often at most, so that the arm comes near what it asks for."""
PAUSE = 0.0002
"""Time between two requests [s]."""


class Attacker(Node):
    """Random requests around where the arm was in the beginning."""

    def __init__(self, seed: int) -> None:
        super().__init__("attacker")
        self._rng = np.random.default_rng(seed)
        self._q: list[np.ndarray] = []
        self._publisher = self.create_publisher(JointState, "request", 1)
        self._inbox = Inbox(self)
        self._inbox.subscribe(JointState, "joint_states", self._see, QoSProfile(depth=1))

    def run(self) -> None:
        """Publishes requests until somebody ends it."""
        for names, values in self.requests():
            now = 1e-9 * self.get_clock().now().nanoseconds
            self._publisher.publish(convert.joint_state(now, names, values))
            time.sleep(PAUSE)

    def _see(self, message: JointState, _: MessageInfo) -> None:
        self._q = [*self._q[:1], np.array(message.position[:7])]

    def requests(self) -> Iterator[tuple[list[str], np.ndarray]]:
        """Names and numbers, for ever."""
        while True:
            self._inbox.take()
            if not self._q:
                time.sleep(PAUSE)
                continue
            kind = self._rng.choice(list(KINDS), p=list(KINDS.values()))
            names, values = getattr(self, f"_{kind}")()
            for _ in range(MOST):
                yield names, values

    def _nudge(self) -> tuple[list[str], np.ndarray]:
        back = np.clip(self._q[0] - self._q[-1], -0.05, 0.05)
        return ARM, self._q[-1] + back + self._rng.normal(0, 0.02, 7)

    def _leap(self) -> tuple[list[str], np.ndarray]:
        return ARM, HOME + self._rng.choice([-0.5, 0.5], 7)

    def _beyond(self) -> tuple[list[str], np.ndarray]:
        return ARM, HOME + self._rng.choice([-4.0, 4.0], 7)

    def _huge(self) -> tuple[list[str], np.ndarray]:
        return ARM, self._rng.choice([-1, 1], 7) * 10.0 ** self._rng.uniform(2, 308)

    def _broken(self) -> tuple[list[str], np.ndarray]:
        values = HOME.copy()
        values[self._rng.integers(7)] = self._rng.choice([np.nan, np.inf, -np.inf])
        return ARM, values

    def _names(self) -> tuple[list[str], np.ndarray]:
        choices = (
            [*ARM[:6], "elbow"],
            [*ARM[:6], ARM[0]],
            [name.upper() for name in ARM],
            [""] * 7,
        )
        return choices[self._rng.integers(4)], HOME

    def _length(self) -> tuple[list[str], np.ndarray]:
        return ARM, np.zeros(self._rng.choice([0, 1, 6, 8, 1000]))


if __name__ == "__main__":
    rclpy.init()
    Attacker(int(sys.argv[1])).run()
