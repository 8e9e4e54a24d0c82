"""Real nodes in real processes over real DDS on loopback, each test module in a domain of its own.

A module names its domain: ``pytestmark = pytest.mark.domain(41)``. The test itself is a node of the
graph, so nothing here is a stand-in.
"""

import faulthandler
import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

rclpy = pytest.importorskip("rclpy")

from rclpy.executors import SingleThreadedExecutor  # noqa: E402
from rclpy.node import Node  # noqa: E402
from rclpy.qos import QoSProfile  # noqa: E402

from hardware.dds_profile import use_dds_profile  # noqa: E402
from hardware.ros.context import new_context  # noqa: E402
from hardware.ros.inbox import Inbox  # noqa: E402
from hardware.ros.question import Question  # noqa: E402
from tests.forked import Forked, Process  # noqa: E402
from tests.waiting import PATIENCE, wait_for  # noqa: E402

ROOT = Path(__file__).parents[2]
RETRY = 5.0
"""A question without an answer is asked again after so long [s]."""
END = 5.0
"""How long a process may take to end; it is 2 on a machine without other work [s]."""
FAST_DDS = re.compile(r'Current thread.*\n  File "[^"]*/rclpy/')
"""Where a process stands that hangs in Fast DDS while others leave (Fast-DDS issue 6502): a thread
that removes a peer waits for the timers, and a timer for what that thread has locked. It is rare,
and ``robot-rl up`` kills a node that does not end."""


class Graph:
    """Processes of one test, and a node in it that listens and speaks.

    Attributes:
        node: The test's own node; it spins in a thread.
        inbox: Of that node; it is taken in another thread.
    """

    def __init__(self, domain: int) -> None:
        self.environment = use_dds_profile(os.environ) | {
            "ROS_DOMAIN_ID": str(domain),
            "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST",
            "PYTHONPATH": str(ROOT),
        }
        os.environ.update(self.environment)
        self._processes: list[Forked] = []
        self._context = new_context()
        self.node: Node = rclpy.create_node("test", context=self._context)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self.node)
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._spin, daemon=True)
        self._thread.start()
        self.inbox = Inbox(self.node)
        self._hearing = self.inbox.poll()

    def start(self, module: str, *remaps: str, namespace: str = "", **parameters: Any) -> Forked:
        """Starts ``hardware.ros.<module>`` in a process of its own."""
        arguments = ["--ros-args"]
        for remap in (*remaps, *([f"__ns:=/{namespace}"] if namespace else [])):
            arguments += ["-r", remap]
        for name, value in parameters.items():
            text = str(value).lower() if value in (True, False) else value
            arguments += ["-p", f"{name}:={text}"]
        process = Forked(f"hardware.ros.{module}", arguments, self.environment, ROOT)
        self._processes.append(process)
        return process

    def listen(self, kind: type, topic: str, qos: Any = 10) -> list[Any]:
        """All messages of a topic, as a list that grows."""
        heard: list[Any] = []
        quality = qos if isinstance(qos, QoSProfile) else QoSProfile(depth=qos)
        self.inbox.subscribe(kind, topic, lambda message, _: heard.append(message), quality)
        return heard

    def call(self, kind: type, name: str, request: Any = None, timeout: float = PATIENCE) -> Any:
        """The answer of a service."""
        client = self.node.create_client(kind, name)
        wait_for(client.service_is_ready, f"service {name}", timeout)
        question = Question(client, request or kind.Request(), RETRY)
        return wait_for(question.answer, f"answer of {name}", timeout)

    def end(self, process: Process, how: int = signal.SIGINT) -> tuple[int, float]:
        """Ends a process; returns its exit status and how long it took [s]."""
        began = time.monotonic()
        process.send_signal(how)
        status = process.wait(timeout=PATIENCE)
        return status, time.monotonic() - began

    def close(self) -> None:
        """Ends everything, and prints what the processes said; fails if one does not end.

        Our own node goes first: Fast DDS may wait for itself for ever while others leave, and that
        no time limit of pytest can end.
        """
        faulthandler.dump_traceback_later(PATIENCE, exit=True)
        self._close_node()
        faulthandler.cancel_dump_traceback_later()
        for process in self._processes:
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.send_signal(signal.SIGINT)
        stuck = [process.args for process in self._processes if not self._ends(process)]
        assert not stuck, f"not ended {END:g} s after SIGINT, where they stood is above: {stuck}"

    def _ends(self, process: Forked) -> bool:
        """Whether a process ends, or hangs where we cannot help it; prints what it said."""
        try:
            process.wait(END)
            hangs = False
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGABRT)
            hangs = True
        print(said := process.communicate()[0])
        return not hangs or FAST_DDS.search(said) is not None

    def _close_node(self) -> None:
        self._ending.set()
        self._hearing.end()
        self._thread.join()
        self._executor.shutdown()
        self.node.destroy_node()
        rclpy.try_shutdown(context=self._context)

    def _spin(self) -> None:
        while not self._ending.is_set():
            self._executor.spin_once(timeout_sec=0.05)


@pytest.fixture
def graph(request: pytest.FixtureRequest) -> Iterator[Graph]:
    marker = request.node.get_closest_marker("domain")
    assert marker is not None, "name the test module's domain: pytestmark = pytest.mark.domain(41)"
    one = Graph(marker.args[0])
    yield one
    one.close()
