"""A policy that moves the arm to and fro, as a process: to be stopped, to be killed, or to stall.

On SIGUSR1 it hangs; DDS goes on in its own threads, as in any policy that waits for a lock.
"""

import signal
import sys
import threading

import numpy as np
import rclpy
from rclpy.node import Node
from sensor_msgs.msg import JointState

from hardware.contract_file import load_contract
from hardware.ros import convert

TWIN = load_contract("twin")
HOME, SPAN = np.array(TWIN.home.q), 0.3
STEP = 0.06
"""How far from the arm a request is [rad]."""


class Policy(Node):
    """Acts on what it sees, and moves joints 1 and 4 from one side of home to the other."""

    def __init__(self) -> None:
        super().__init__("policy")
        self._q: np.ndarray | None = None
        self._goal = HOME + SPAN * np.eye(7)[[0, 3]].sum(axis=0)
        self._requests = self.create_publisher(JointState, "request", 1)
        self.create_subscription(JointState, "joint_states", self._see, 1)
        self.create_timer(1 / TWIN.rates.policy, self._act)

    def _see(self, message: JointState) -> None:
        self._q = np.array(message.position[:7])

    def _act(self) -> None:
        if self._q is None:
            return
        if np.abs(self._goal - self._q).max() < STEP:
            self._goal = 2 * HOME - self._goal
        target = self._q + np.clip(self._goal - self._q, -STEP, STEP)
        now = 1e-9 * self.get_clock().now().nanoseconds
        names = [*TWIN.joints.arm, "gripper"]
        self._requests.publish(convert.joint_state(now, names, np.append(target, 0.04)))


def stall(*_: object) -> None:
    """Waits for what never comes."""
    threading.Event().wait()


def main() -> int:
    """Acts until it is ended."""
    signal.signal(signal.SIGUSR1, stall)
    rclpy.init(args=sys.argv)
    rclpy.spin(Policy())
    return 0
