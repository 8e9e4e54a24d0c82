"""Twin and safety node as processes, what they say and when, and policies to stop and to kill.

Times are those at which a message was published [s], as DDS has them: how late this process hears of
it does not count.
"""

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64MultiArray
from std_srvs.srv import Trigger

from controllers.reason import Reason
from hardware.contract_file import load_contract
from hardware.link import Report
from hardware.ros import convert
from tests.ros.conftest import ROOT, Graph, wait_for

TWIN = load_contract("twin")
ARM = list(TWIN.joints.arm)
PERIOD, TICK = 1 / TWIN.rates.policy, 1 / TWIN.rates.stream
STEP = 2 * TICK * TWIN.limits.dq
"""The longest step of one command: what speed allows in two ticks. Shape (7,) [rad]."""
SLACK = 0.01
"""What a machine with other work may add to a bound that the safety node keeps by its clock [s]."""
MANY = 5000


class Said(NamedTuple):
    """A message: when it was published, and its numbers."""

    time: float
    values: np.ndarray


class Rig:
    """One robot.

    Attributes:
        commands: Everything on the command topic.
        states: Joint states, by the stamp of the measurement; q of the arm.
        reports: What the safety node reports.
        requests: What was asked for.
    """

    def __init__(self, graph: Graph, **safety: Any) -> None:
        self.graph = graph
        self.commands: list[Said] = []
        self.states: list[Said] = []
        self.requests: list[float] = []
        self.reports: list[Report] = []
        node = graph.node
        node.create_subscription(Float64MultiArray, "arm/commands", self._hear_command, MANY)
        node.create_subscription(JointState, "joint_states", self._hear_state, 100)
        node.create_subscription(JointState, "request", self._hear_request, 100)
        node.create_subscription(JointState, "safety/report", self._hear_report, 100)
        self.arm = graph.start("arm_node", task="reach")
        self.safety = graph.start("safety_node", **{"watch_cameras": False} | safety)
        self._policies: list[subprocess.Popen[str]] = []
        wait_for(lambda: self.states and self.reports, "arm and safety node")

    def __enter__(self) -> "Rig":
        return self

    def __exit__(self, *_: object) -> None:
        for process in (*self._policies, self.arm, self.safety):
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
        for process in self._policies:
            process.kill()
            process.wait()

    def policy(self, *options: str) -> subprocess.Popen[str]:
        """Starts a policy in a process of its own and waits until the arm follows it."""
        before = self.now()
        command = [sys.executable, str(Path(__file__).with_name("a_policy.py")), *options]
        process = subprocess.Popen(command, cwd=ROOT, env=self.graph.environment, text=True)
        self._policies.append(process)
        self.follows(before)
        return process

    def now(self) -> float:
        """Time of ROS [s]."""
        return 1e-9 * self.graph.node.get_clock().now().nanoseconds

    def follows(self, since: float) -> None:
        """Waits until the arm has moved on request after a time [s]."""
        wait_for(lambda: self._moved(since) > 0.02, "an arm that moves on request")

    def report(self, since: float, holds: Callable[[Report], bool], what: str) -> Report:
        """The first report after a time [s] for which something holds."""
        return wait_for(
            lambda: next((r for r in list(self.reports) if r.stamp > since and holds(r)), None),
            what,
        )

    def held(self, since: float) -> Report:
        """The first report after a time [s] in which the arm is held for want of a source."""
        return self.report(
            since,
            lambda r: bool(r.reasons & Reason.SILENCE) and bool(np.isnan(r.requested).all()),
            "an arm that is held",
        )

    def commands_since(self, start: float) -> list[Said]:
        """All commands after a time [s]."""
        return [command for command in list(self.commands) if command.time > start]

    def stands(self, since: float) -> np.ndarray:
        """Where the arm comes to rest after a time [s]. Shape (7,) [rad]."""

        def still() -> Any:
            last = [s.values for s in list(self.states)[-30:] if s.time > since]
            return last[-1] if len(last) == 30 and np.ptp(last, axis=0).max() < 1e-3 else None

        return wait_for(lambda: None if (q := still()) is None else (q,), "an arm at rest")[0]

    def measured(self, time: float) -> np.ndarray:
        """Joints as they were measured last at a time [s]. Shape (7,)."""
        return [state.values for state in list(self.states) if state.time <= time][-1]

    def call(self, name: str) -> Any:
        """The answer of a service of the safety node."""
        return self.graph.call(Trigger, name)

    def _moved(self, since: float) -> float:
        reports = [r for r in list(self.reports) if r.stamp > since]
        sent = [r.sent for r in reports if np.isfinite([r.sent, r.requested]).all()]
        return float(np.ptp(sent, axis=0).max()) if sent else 0.0

    def _hear_command(self, message: Float64MultiArray, info: dict[str, int]) -> None:
        self.commands.append(Said(1e-9 * info["source_timestamp"], np.array(message.data)))

    def _hear_state(self, message: JointState) -> None:
        stamp = convert.to_seconds(message.header.stamp)
        self.states.append(Said(stamp, np.array(message.position[:7])))

    def _hear_request(self, message: JointState) -> None:
        self.requests.append(convert.to_seconds(message.header.stamp))

    def _hear_report(self, message: JointState) -> None:
        stamp = convert.to_seconds(message.header.stamp)
        self.reports.append(Report.of(stamp, np.array(message.position)))


def told(what: str, times: list[float]) -> str:
    """Median and worst of some times, for people [s]."""
    median, worst = 1e3 * float(np.median(times)), 1e3 * max(times)
    return f"{what}: {median:.1f} ms (median of {len(times)}), {worst:.1f} ms (worst)"


def longest_step(commands: list[Said]) -> np.ndarray:
    """The longest step between two commands, as a share of ``STEP``. Shape (7,)."""
    steps = np.abs(np.diff([command.values for command in commands], axis=0))
    return steps.max(axis=0, initial=0.0) / STEP
