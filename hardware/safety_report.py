"""What the newest report of the safety node says of it."""

from __future__ import annotations

import numpy as np

from controllers.reason import Reason
from hardware.contract import Contract
from hardware.finding import Finding
from hardware.link import Report
from hardware.safety import report_names, request_names


def safety_finding(
    contract: Contract, names: list[str], numbers: list[float], rate: float, reset: str
) -> Finding:
    """Whether the safety node is of this robot, and lets commands through.

    Args:
        contract: The robot.
        names: Of the numbers of a report.
        numbers: The newest report.
        rate: Reports per second [Hz].
        reset: Name of the service that opens the latch.
    """
    if names != report_names(request_names(contract)):
        return _other_robot(contract, names)
    report = Report.of(0.0, np.array(numbers))
    if latched := _said(report.latched):
        remedy = f"see that all is well, then call the service {reset} (std_srvs/srv/Trigger)"
        return Finding("safety", "problem", f"stopped ({latched}): nothing moves the arm", remedy)
    reasons = _said(report.reasons)
    moves = "commands the arm" if np.isfinite(report.sent).all() else "commands nothing"
    because = f" ({reasons})" if reasons else ""
    return Finding("safety", "ok", f"{rate:.0f} reports a second; not stopped, {moves}{because}")


def _other_robot(contract: Contract, names: list[str]) -> Finding:
    asked = [name.removeprefix("sent/") for name in names if name.startswith("sent/")]
    expected = request_names(contract)
    detail = f"it commands {', '.join(asked)}, the contract {', '.join(expected)}"
    return Finding("safety", "problem", detail, "start it with the same robot and mode")


def _said(mask: int) -> str:
    return ", ".join(r.name or "" for r in Reason if r.value & mask)
