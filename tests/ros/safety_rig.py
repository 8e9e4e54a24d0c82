"""Twin and safety node as processes, what they say and when, and policies to stop and to kill.

Times are those at which a message was published [s], as DDS has them: how late this process hears
of it does not count.
"""

import signal
from collections.abc import Callable
from itertools import pairwise, takewhile
from typing import Any, NamedTuple, TypeVar

import numpy as np
import rclpy
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.subscription import MessageInfo
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64MultiArray
from std_srvs.srv import Trigger

from controllers.reason import Reason
from hardware.contract_file import load_contract
from hardware.dds_profile import without_shared_memory
from hardware.link import Report
from hardware.ros import convert
from hardware.ros.inbox import Inbox
from tests.forked import Forked, Process
from tests.ros.conftest import ROOT, Graph, wait_for

TWIN = load_contract("twin")
ARM = list(TWIN.joints.arm)
PERIOD, TICK = 1 / TWIN.rates.policy, 1 / TWIN.rates.stream
STEP = 2 * TICK * TWIN.limits.dq
"""The longest step of one command: what speed allows in two ticks. Shape (7,) [rad]."""
SLACK = 0.01
"""What a machine with other work may add to a bound that the safety node keeps by its clock [s]."""
_ALL = QoSProfile(depth=5000, reliability=ReliabilityPolicy.RELIABLE)
"""Nothing is lost while this process does something else."""


class Said(NamedTuple):
    """A message: when it was published, and its numbers."""

    time: float
    values: np.ndarray
    number: int = 0
    """Counts what its publisher has published."""


class Rig:
    """One robot.

    Attributes:
        commands: Everything on the command topic.
        states: Joint states, by the stamp of the measurement; q of the arm.
        reports: What the safety node reports.
        requests: What was asked for.
    """

    def __init__(
        self, graph: Graph, namespace: str = "", speed: float = 1.0, **safety: Any
    ) -> None:
        self.graph, self._namespace = graph, namespace
        self.commands: list[Said] = []
        self.states: list[Said] = []
        self.requests: list[float] = []
        self.reports: list[Report] = []
        self._node = rclpy.create_node("ears", context=graph.node.context, namespace=namespace)
        inbox = Inbox(self._node)
        inbox.subscribe(JointState, "joint_states", self._hear_state, _ALL)
        inbox.subscribe(JointState, "request", self._hear_request, _ALL)
        inbox.subscribe(JointState, "safety/report", self._hear_report, _ALL)
        # Last, so that there is no report of a command that was not heard.
        inbox.subscribe(Float64MultiArray, "arm/commands", self._hear_command, _ALL)
        self._hearing = inbox.poll()
        self.arm = graph.start("arm_node", namespace=namespace, task="reach", speed=speed)
        safety = {"watch_cameras": False, "use_sim_time": speed != 1} | safety
        self.safety = graph.start("safety_node", namespace=namespace, **safety)
        self._sources: list[Process] = []
        wait_for(lambda: self.states and self.reports, "arm and safety node")

    def __enter__(self) -> "Rig":
        return self

    def __exit__(self, *_: object) -> None:
        for process in (*self._sources, self.arm, self.safety):
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
        for process in self._sources:
            process.kill()
            process.wait()
        self._hearing.end()
        self._node.destroy_node()

    def policy(self) -> Forked:
        """Starts a policy in a process of its own and waits until the arm follows it."""
        before = self.now()
        process = self.start_policy()
        self.follows(before)
        return process

    def start_policy(self) -> Forked:
        """Starts a policy and waits until it asks."""
        before = self.now()
        space = ["--ros-args", "-r", f"__ns:=/{self._namespace}"] if self._namespace else []
        process = Forked(
            "tests.ros.a_policy", space, without_shared_memory(self.graph.environment), ROOT
        )
        self.keep(process)
        wait_for(lambda: max(self.requests, default=0) > before, "requests")
        return process

    def keep(self, process: Process) -> None:
        """Kills a process with the rig: one without shared memory, of which it could leave half."""
        self._sources.append(process)

    def now(self) -> float:
        """Time of ROS [s]."""
        return 1e-9 * self.graph.node.get_clock().now().nanoseconds

    def follows(self, since: float) -> None:
        """Waits until the arm has moved on request after a time [s]."""
        wait_for(lambda: self._moved(since) > 0.02, "an arm that moves on request")

    def report(self, since: float, holds: Callable[[Report], bool], what: str) -> Report:
        """The first report after a time [s] for which something holds."""
        return wait_for(
            lambda: next((r for r in self.reports_since(since) if holds(r)), None), what
        )

    def reports_since(self, start: float) -> list[Report]:
        """All reports after a time [s]."""
        return list(takewhile(lambda r: r.stamp > start, reversed(self.reports)))[::-1]

    def between_requests(self) -> None:
        """Waits for a moment in which the policy does not publish, so that all hear the same."""
        before = self.now()
        wait_for(
            lambda: self.requests[-1] > before and self.now() - self.requests[-1] > PERIOD / 4,
            "a moment between two requests",
        )

    def last_request(self) -> float:
        """When the last request was asked, once no more come [s]."""
        wait_for(lambda: self.now() - self.requests[-1] > 6 * PERIOD, "an end of the requests")
        return self.requests[-1]

    def hold(self, asked: float) -> Report | None:
        """The report with which the last request counts no more; None if the trial is spoiled.

        A machine with other work keeps streams back, or requests; the arm is then held for that.
        """
        self.report(asked + 3 * PERIOD, lambda r: bool(np.isnan(r.requested).all()), "a hold")
        since = self.reports_since(asked - PERIOD)
        followed = [i for i, r in enumerate(since) if np.isfinite(r.requested).all()]
        stale = any(r.reasons & Reason.STALE for r in since)
        return None if stale or not followed else since[followed[-1] + 1]

    def commands_since(self, start: float) -> list[Said]:
        """All commands after a time [s]."""
        return list(takewhile(lambda c: c.time > start, reversed(self.commands)))[::-1]

    def stands(self, since: float) -> np.ndarray:
        """Where the arm comes to rest after a time [s]. Shape (7,) [rad]."""

        def still() -> Any:
            last = [s.values for s in self.states[-30:] if s.time > since]
            return last[-1] if len(last) == 30 and np.ptp(last, axis=0).max() < 1e-3 else None

        return wait_for(lambda: None if (q := still()) is None else (q,), "an arm at rest")[0]

    def measured(self, time: float) -> np.ndarray:
        """Joints as they were measured last at a time [s]. Shape (7,)."""
        return next(state.values for state in reversed(self.states) if state.time <= time)

    def was_starved(self, since: float) -> bool:
        """Whether other work kept the arm's process from running after a time [s]."""
        times = [state.time for state in self.states if state.time > since]
        return len(times) < 2 or float(np.diff(times).max()) > 0.06

    def call(self, name: str) -> Any:
        """The answer of a service of the safety node."""
        return self.graph.call(Trigger, name)

    def _moved(self, since: float) -> float:
        sent = [
            r.sent for r in self.reports_since(since) if np.isfinite([r.sent, r.requested]).all()
        ]
        return float(np.ptp(sent, axis=0).max()) if sent else 0.0

    def _hear_command(self, message: Float64MultiArray, info: MessageInfo) -> None:
        time, number = 1e-9 * info["source_timestamp"], info["publication_sequence_number"]
        assert number is not None
        self.commands.append(Said(time, np.array(message.data), number))

    def _hear_state(self, message: JointState, _: MessageInfo) -> None:
        stamp = convert.to_seconds(message.header.stamp)
        self.states.append(Said(stamp, np.array(message.position[:7])))

    def _hear_request(self, message: JointState, _: MessageInfo) -> None:
        self.requests.append(convert.to_seconds(message.header.stamp))

    def _hear_report(self, message: JointState, _: MessageInfo) -> None:
        stamp = convert.to_seconds(message.header.stamp)
        self.reports.append(Report.of(stamp, np.array(message.position)))


class Source:
    """Asks from the test's own process at the policy's rate, as long as it has a target.

    Attributes:
        target: Joint positions, or None to be silent. Shape (7,) [rad].
        clock: Time of the requests' stamps [s].
    """

    def __init__(self, rig: Rig, topic: str = "request") -> None:
        self.target: np.ndarray | None = None
        self.clock = rig.now
        self._publisher = rig.graph.node.create_publisher(JointState, topic, 1)
        rig.graph.node.create_timer(PERIOD, self._ask)

    def heard(self) -> None:
        """Waits until the safety node listens."""
        wait_for(self._publisher.get_subscription_count, "the safety node")

    def _ask(self) -> None:
        target = self.target  # The test, in another thread, may fall silent right now.
        if target is not None:
            self._publisher.publish(convert.joint_state(self.clock(), ARM, target))


T = TypeVar("T")


def repeated(count: int, trial: Callable[[], T | None]) -> list[T]:
    """What so many trials found; those that a machine with other work has spoiled do not count."""
    found = [trial() for _ in range(count)]
    while found.count(None) and len(found) < 3 * count:
        found.append(trial())
        found.remove(None)
    whole = [each for each in found if each is not None]
    assert len(whole) == count, "the machine is too busy to measure anything"
    return whole


def told(what: str, times: list[float]) -> str:
    """Median and worst of some times, for people [s]."""
    median, worst = 1e3 * float(np.median(times)), 1e3 * max(times)
    return f"{what}: {median:.1f} ms (median of {len(times)}), {worst:.1f} ms (worst)"


def streams(commands: list[Said]) -> list[list[Said]]:
    """Commands without a pause after which the arm is taken up where it is measured."""
    pauses = np.diff([command.time for command in commands]) > 1.9 * PERIOD
    cuts = [0, *(np.flatnonzero(pauses) + 1).tolist(), len(commands)]
    return [commands[start:end] for start, end in pairwise(cuts)]


def longest_step(commands: list[Said]) -> float:
    """The longest step within a stream, as a share of ``STEP``; lost messages are allowed for."""
    pairs = [pair for stream in streams(commands) for pair in pairwise(stream)]
    found = [
        (float((np.abs(b.values - a.values) / STEP).max()) / (b.number - a.number), a, b)
        for a, b in pairs
    ]
    step, before, after = max(found, key=lambda each: each[0])
    print(
        f"longest step {step:.3f} of what two ticks allow, after {after.time - before.time:.4f} s"
    )
    return step


def values_of(diagnostics: list[Any], node: str, key: str) -> int:
    """The newest count of a node in /diagnostics; 0 before it said so."""
    found = (
        int(pair.value)
        for array in reversed(diagnostics)
        for status in array.status
        if status.name == node
        for pair in status.values
        if pair.key == key
    )
    return next(found, 0)
