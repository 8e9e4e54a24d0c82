"""Who is in control of the arm, and whether it is safe, in words that are read at a glance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np

from controllers.reason import Reason
from hardware.link import Report

Who = Literal["person", "policy", "nobody", "blocked", "stopped", "unknown"]
FRESH = 0.5
"""A safety node that reports nothing for so long is not there [s]."""

_WHY: dict[Reason, str] = {
    Reason.INVALID: "nonsense was asked for",
    Reason.CLOCK: "the clock stands still",
    Reason.POSITION: "at a joint limit",
    Reason.WORKSPACE: "at the edge of the workspace",
    Reason.VELOCITY: "speed limited",
    Reason.ACCELERATION: "acceleration limited",
    Reason.ENGAGE: "taking the arm up where it is",
    Reason.SILENCE: "the source fell silent",
    Reason.FORCE: "contact was too hard",
    Reason.STOP: "somebody pressed stop",
    Reason.STALE: "a stream is too old",
    Reason.CONTESTED: "somebody else commands the arm",
}
_BLOCKING = Reason.CLOCK | Reason.STALE | Reason.CONTESTED
"""Nobody can move the arm, whoever asks."""
_USUAL = Reason.VELOCITY | Reason.ACCELERATION
"""Of every motion; nobody needs to read it."""


class Control(NamedTuple):
    """Who is in control now."""

    who: Who
    headline: str
    detail: str = ""


def control(reports: Sequence[Report], now: float) -> Control:
    """Who is in control, by the newest report; why, by all that are fresh.

    Args:
        reports: Of the safety node, oldest first.
        now: Time on the clock of their stamps [s].
    """
    fresh = [report for report in reports if now - report.stamp <= FRESH]
    if not fresh:
        return Control("unknown", "No safety node", "nothing moves the arm; start robot-rl up")
    newest = fresh[-1]
    if newest.latched:
        because = _said(Reason(newest.latched))
        return Control("stopped", "STOPPED", f"{because}; see that all is well, then rearm")
    if blocking := Reason(newest.reasons) & _BLOCKING:
        return Control("blocked", "Nobody", f"nothing may move the arm: {_said(blocking)}")
    reasons = Reason(int(np.bitwise_or.reduce([report.reasons for report in fresh])))
    return _in_control(newest, _said(reasons & ~_USUAL))


def _in_control(newest: Report, because: str) -> Control:
    sends, asked = np.isfinite(newest.sent).all(), np.isfinite(newest.requested).all()
    if not sends:
        return Control("nobody", "Nobody", "nothing is sent to the arm")
    if newest.person:
        return Control("person", "A person", because or "moves the arm")
    if asked:
        return Control("policy", "The policy", because or "moves the arm")
    return Control("nobody", "Nobody", "the arm is held where it is")


def _said(reasons: Reason) -> str:
    return ", ".join(_WHY[reason] for reason in Reason if reason in _WHY and reason & reasons)
