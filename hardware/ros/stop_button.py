"""``robot-rl estop`` and ``robot-rl rearm``: stops an arm, and frees it, from a terminal."""

from __future__ import annotations

import functools
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Self

import rclpy
from rclpy.client import Client
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from std_msgs.msg import Bool
from std_srvs.srv import Trigger

from hardware.contract_checks import relative
from hardware.discovery_range import RANGE
from hardware.ros.context import new_context
from hardware.ros.names import ESTOP, RESET
from hardware.ros.question import Question
from robot_rl.env import Closing

_RANGES = ("SUBNET", "LOCALHOST")
"""Without a choice we look in both: nodes of one range mostly find those of the other, and a stop
must not hang on that."""
_LOOK = 0.005
_FOUND = 1.0
"""Whoever is there is found within so long, so that nobody else is left out [s]."""
_AGAIN = 0.5
"""A stop that nobody answers is asked for again after so long [s]."""
_FREE, _END = "r", "q"
KEYS = "any key stops the arm, r frees it, q ends"


class StopButton:
    """A wire to a safety node, which is found beforehand so that a stop takes milliseconds.

    Args:
        namespace: Of the robot's nodes; empty for none.

    Attributes:
        presses: How often it was pressed.

    Raises:
        ValueError: The namespace is no relative name.
    """

    def __init__(self, namespace: str = "") -> None:
        if namespace:
            relative(namespace, "namespace")
        chosen = os.environ.get(RANGE)
        self._wires = [_Wire(namespace, r) for r in ((chosen,) if chosen else _RANGES)]
        self._born = time.monotonic()
        self.presses = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for wire in self._wires:
            wire.close()

    def find(self, timeout: float) -> None:
        """Waits for a safety node.

        Raises:
            ConnectionError: There is none after ``timeout`` [s].
        """
        end = time.monotonic() + timeout
        while not any(wire.connected for wire in self._wires):
            if time.monotonic() > end:
                raise ConnectionError(self._nobody(timeout))
            time.sleep(_LOOK)

    def stop(self, timeout: float = 5.0) -> str:
        """Stops the arm, in each range one; returns the answer of a safety node.

        Raises:
            ConnectionError: Nobody answers within ``timeout`` [s].
        """
        self.press()
        return self.confirm(timeout)

    def confirm(self, timeout: float = 5.0) -> str:
        """Asks the safety node to stop the arm as well; returns its answer.

        Raises:
            ConnectionError: Nobody answers within ``timeout`` [s].
        """
        return self._ask("stopping", timeout, _AGAIN)

    def press(self) -> None:
        """Stops the arm, in each range one, without an answer."""
        self.presses += 1
        for wire in self._wires:
            wire.stop.publish(Bool(data=True))

    def free(self, timeout: float = 5.0, presses: int | None = None) -> str:
        """Opens the latch; returns the safety node's answer.

        Args:
            timeout: How long an answer may take [s].
            presses: ``self.presses`` when somebody wanted that; what was stopped since stays so.

        Raises:
            ConnectionError: Nobody answers in time, or it was stopped again.
        """
        before = self.presses if presses is None else presses
        # Once: what somebody stops meanwhile stays stopped.
        return self._ask("freeing", timeout, timeout, lambda: self.presses != before)

    def _ask(
        self,
        client: str,
        timeout: float,
        again: float,
        too_late: Callable[[], bool] = lambda: False,
    ) -> str:
        end = time.monotonic() + timeout
        asked: dict[Client, Question] = {}
        said: dict[Client, str] = {}
        while time.monotonic() < end and not self._is_said(asked, said):
            if too_late() and not asked:
                raise ConnectionError("not freed, for it was stopped again")
            for one in (getattr(wire, client) for wire in self._wires):
                if one not in asked and one.service_is_ready() and not too_late():
                    asked[one] = Question(one, Trigger.Request(), again)
            for one, question in asked.items():
                if (answer := question.answer()) is not None:
                    said[one] = answer.message
            time.sleep(_LOOK)
        if not said:
            raise ConnectionError(self._nobody(timeout))
        if len(said) < len(asked):
            raise ConnectionError(
                f"{len(said)} of {len(asked)} safety nodes answer on {self._wires[0].name} within "
                f"{timeout:g} s: use the other arm's own emergency stop"
            )
        message, *others = said.values()
        return f"{message} ({1 + len(others)} robots)" if others else message

    def _is_said(self, asked: dict[Client, Question], said: dict[Client, str]) -> bool:
        """Whether all that were found have answered, and time enough was to find them."""
        all_found = len(asked) == len(self._wires) or time.monotonic() > self._born + _FOUND
        return bool(asked) and len(said) == len(asked) and all_found

    def _nobody(self, timeout: float) -> str:
        name = self._wires[0].name
        return (
            f"no safety node answers on {name} within {timeout:g} s: use the arm's own emergency "
            "stop; then see that namespace and ROS_DOMAIN_ID are the robot's"
        )


class _Wire:
    """One participant; its callbacks run in a thread."""

    def __init__(self, namespace: str, discovery: str) -> None:
        with _environment(RANGE, discovery):
            self._context = new_context()
        self._node = rclpy.create_node(
            f"stop_button_{os.getpid()}_{discovery.lower()}",
            context=self._context,
            namespace=namespace,
        )
        self.stop = self._node.create_publisher(Bool, ESTOP, 10)
        self.stopping: Client = self._node.create_client(Trigger, ESTOP)
        self.freeing: Client = self._node.create_client(Trigger, RESET)
        self.name = self._node.resolve_service_name(ESTOP)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self._node)
        self._thread = threading.Thread(target=self._spin, daemon=True)
        self._thread.start()

    @property
    def connected(self) -> bool:
        return self.stop.get_subscription_count() > 0 and self.stopping.service_is_ready()

    def close(self) -> None:
        self._context.try_shutdown()
        self._thread.join()
        self._executor.shutdown()

    def _spin(self) -> None:
        with suppress(ExternalShutdownException):
            self._executor.spin()


@contextmanager
def _environment(name: str, value: str) -> Iterator[None]:
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        os.environ.pop(name)
        if before is not None:
            os.environ[name] = before


def estop(namespace: str = "", keyboard: bool = False, timeout: float = 5.0) -> int:
    """Stops an arm at once; with ``keyboard``, at each key.

    Returns:
        Exit status 0.

    Raises:
        ConnectionError: No safety node answers within ``timeout`` [s].
    """
    with StopButton(namespace) as button:
        if keyboard:
            _listen(button, timeout)
        else:
            print(button.stop(timeout), flush=True)
    return 0


def rearm(namespace: str = "", timeout: float = 5.0) -> int:
    """Opens the latch of an arm that was stopped.

    Returns:
        Exit status 0.

    Raises:
        ConnectionError: No safety node answers within ``timeout`` [s].
    """
    with StopButton(namespace) as button:
        print(button.free(timeout), flush=True)
    return 0


def _listen(button: StopButton, timeout: float) -> None:
    button.find(timeout)
    print(KEYS, flush=True)
    with _single_keys(), _Answers() as answers:
        while (key := sys.stdin.read(1)) not in (_END, ""):
            if key == _FREE:
                answers.await_one(functools.partial(button.free, presses=button.presses))
            else:
                button.press()
                answers.await_one(button.confirm)


class _Answers(Closing):
    """Waits aside and says what comes back: no answer keeps a key waiting, or ends the button."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1)
        self._last: Future[None] | None = None

    def await_one(self, ask: Callable[[], str]) -> None:
        """Asks next, in the place of whatever waits to be asked."""
        if self._last is not None:
            self._last.cancel()  # Unless it is being asked already.
        self._last = self._pool.submit(_tell, ask)

    def close(self) -> None:
        """Waits for the one that is being asked."""
        self._pool.shutdown(cancel_futures=True)


def _tell(ask: Callable[[], str]) -> None:
    try:
        print(ask(), flush=True)
    except (ConnectionError, RuntimeError) as error:
        print(error, file=sys.stderr, flush=True)


@contextmanager
def _single_keys() -> Iterator[None]:
    """Keys of a terminal without Enter; a pipe is read as it is."""
    if not sys.stdin.isatty():
        yield
        return
    import termios
    import tty

    before = termios.tcgetattr(sys.stdin)
    tty.setcbreak(sys.stdin)
    try:
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)
