"""A thread that ticks at its own pace beside the executor, and never dies in silence."""

from __future__ import annotations

import os
import signal
import threading
import traceback
from collections.abc import Callable
from typing import ClassVar

from rclpy.node import Node

from hardware.pacer import Pacer


class Loop:
    """Calls ``tick`` with the time of each tick [s] until it is ended or ROS is.

    An error in the loop ends the whole process: a node that looks alive and does nothing would be
    worse. ``hardware.ros.process.run`` then exits with status 1.

    Attributes:
        failed: Whether any loop of this process has.

    Args:
        node: Whose loop it is.
        pacer: Its pace.
        tick: The work.
        begin: Called once in the thread, before the first tick.
    """

    failed: ClassVar = False

    def __init__(
        self,
        node: Node,
        pacer: Pacer,
        tick: Callable[[float], None],
        begin: Callable[[], None] = lambda: None,
    ) -> None:
        self.pacer = pacer
        self._node, self._tick, self._begin = node, tick, begin
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name=node.get_name(), daemon=True)

    def start(self) -> None:
        """Starts to tick."""
        self._thread.start()

    def end(self) -> None:
        """Waits for the tick that runs, and ends; safe to call twice."""
        self._ending.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            self._begin()
            while not self._ending.is_set() and self._node.context.ok():
                self._tick(self.pacer.wait())
        except Exception:
            if self._ending.is_set() or not self._node.context.ok():
                return  # a publisher whose context was shut down under it
            Loop.failed = True
            try:
                traceback.print_exc()
            finally:
                # The main thread cleans up, as for Ctrl-C: shutting down from here would destroy
                # the node, which waits for this thread.
                os.kill(os.getpid(), signal.SIGINT)
