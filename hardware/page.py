"""What a live page knows and what its buttons mean; neither page nor ROS, time is an argument.

Whoever serves the page calls ``hold`` and ``release`` for what a browser does, whoever
talks to the robot reads ``asked`` and says what it hears.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from hardware.health import Level
from hardware.link import Report
from hardware.node_settings import PageSettings
from hardware.page_control import Control, control
from hardware.page_curves import Curves
from hardware.page_hold import Hold
from hardware.page_jog import JOGS

_REPORTS = 200
_SAID = 6
_SILENT, _FORGOTTEN = 3.0, 60.0
"""A node that says nothing of itself is at fault after the first, and forgotten after the last."""


class Asked(NamedTuple):
    """What a person who holds a button asks for."""

    twist: np.ndarray
    """Shape (6,) [m/s, rad/s]."""
    in_tool: bool
    gripper: bool | None
    """True opens it, False closes it."""


class Fault(NamedTuple):
    """What a node says of itself that is not well."""

    level: Level
    node: str
    message: str


class Page:
    """One robot's page, however many browsers show it; safe to call from several threads.

    Args:
        settings: Speeds, and how long a press may be silent.

    Attributes:
        curves: Of ``learning/status``.
        speed: Share of the speeds that a held button asks for.
        in_tool: Whether buttons move along the axes of the tool, and not of the base.
        said: The last answers, oldest first, with the time of the day at which they came.
    """

    def __init__(self, settings: PageSettings) -> None:
        self.curves = Curves()
        self.speed, self.in_tool = 0.5, False
        self.said: deque[tuple[str, str]] = deque(maxlen=_SAID)
        self._settings = settings
        self._hold, self._lock = Hold(settings.silence), threading.Lock()
        self._reports: deque[Report] = deque(maxlen=_REPORTS)
        self._nodes: dict[str, tuple[float, Fault]] = {}

    def hold(self, client: int, button: str, now: float) -> str | None:
        """A browser says that a button of ``JOGS`` is down; returns why it does not count."""
        with self._lock:
            return self._hold.press(client, button, now)

    def release(self, client: int) -> None:
        """A browser says that its button is up, or has gone."""
        with self._lock:
            self._hold.release(client)

    def asked(self, now: float) -> Asked | None:
        """What the person asks for; None if nobody holds a button."""
        with self._lock:
            press = self._hold.held(now)
        if press is None:
            return None
        jog, settings = JOGS[press.button], self._settings
        linear, angular = settings.linear_speed, settings.angular_speed
        twist = jog.twist(self.speed * linear, self.speed * angular)
        return Asked(twist, self.in_tool, jog.gripper)

    def hear_report(self, report: Report) -> None:
        """Takes a report of the safety node."""
        self._reports.append(report)

    def hear_health(self, node: str, level: Level, message: str, now: float) -> None:
        """Takes what a node says of itself."""
        self._nodes[node] = now, Fault(level, node, message)

    def hear_status(self, values: Mapping[str, float], now: float) -> None:
        """Takes what a learning process says."""
        self.curves.append(values, now)

    def control(self, ros: float) -> Control:
        """Who is in control at ``ros`` [s], by the clock of stamps."""
        return control(list(self._reports), ros)

    def faults(self, now: float) -> list[Fault]:
        """What is not well."""
        found = []
        for heard, fault in list(self._nodes.values()):
            silent = now - heard
            if _SILENT < silent <= _FORGOTTEN:
                found.append(Fault("stale", fault.node, f"says nothing for {silent:.0f} s"))
            elif silent <= _SILENT and fault.level != "ok":
                found.append(fault)
        return found
