"""Tests that wait for what another thread or process does."""

import time
from collections.abc import Callable
from typing import Any

PATIENCE = 60.0
"""How long anything may take on a loaded machine before a test fails [s]."""


def wait_for(condition: Callable[[], Any], what: str, timeout: float = PATIENCE) -> Any:
    """Returns the first true value of ``condition``; fails with ``what`` after ``timeout`` [s]."""
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        if value := condition():
            return value
        time.sleep(0.005)
    raise AssertionError(f"waited {timeout:.0f} s in vain: {what}")
