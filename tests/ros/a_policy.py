"""A policy that moves the arm to and fro, as a process: to be stopped, to be killed, or to stall.

Run with ``stall=<requests>`` it hangs after so many; DDS goes on in its own threads, as it does in
any policy that waits for a lock.
"""

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
STEP = 0.8 / TWIN.rates.policy
"""How far a request goes [rad]."""


class Policy(Node):
    """Begins where the arm is, and goes from one side of home to the other with joints 1 and 4."""

    def __init__(self, stall: int) -> None:
        super().__init__("policy")
        self._target: np.ndarray | None = None
        self._goal = HOME + SPAN * np.eye(7)[[0, 3]].sum(axis=0)
        self._left = stall
        self._requests = self.create_publisher(JointState, "request", 1)
        self.create_subscription(JointState, "joint_states", self._see, 1)
        self.create_timer(1 / TWIN.rates.policy, self._act)

    def _see(self, message: JointState) -> None:
        if self._target is None:
            self._target = np.array(message.position[:7])

    def _act(self) -> None:
        if self._target is None or not self._requests.get_subscription_count():
            return
        if self._left == 0:
            threading.Event().wait()
        self._left -= 1
        self._target = self._target + np.clip(self._goal - self._target, -STEP, STEP)
        if np.allclose(self._target, self._goal):
            self._goal = 2 * HOME - self._goal
        now = 1e-9 * self.get_clock().now().nanoseconds
        names = [*TWIN.joints.arm, "gripper"]
        values = np.append(self._target, 0.04)
        self._requests.publish(convert.joint_state(now, names, values))


if __name__ == "__main__":
    options = dict(argument.split("=") for argument in sys.argv[1:])
    rclpy.init()
    rclpy.spin(Policy(int(options.get("stall", -1))))
