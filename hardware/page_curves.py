"""Named numbers of learning, over steps or over time; never more of them than a page can show."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

STEPS = "steps"
"""Name of the number that the others are drawn over."""


class Curves:
    """What ``learning/status`` has said.

    A message that names ``steps`` adds to curves over them, of which the older half is thinned;
    the numbers of any other, a score of every moment, are kept for so long.

    Args:
        points: Of each curve at most.
        window: How long numbers without steps are kept [s].

    Attributes:
        newest: The last value of each name.
    """

    def __init__(self, points: int = 1000, window: float = 30.0) -> None:
        self.newest: dict[str, float] = {}
        self._points, self._window = points, window
        self._began: float | None = None
        self._curves: dict[str, list[tuple[float, float]]] = {}

    def append(self, values: Mapping[str, float], now: float) -> None:
        """Takes a message at ``now`` [s]; what is not finite is left out."""
        finite = {name: value for name, value in values.items() if np.isfinite(value)}
        self.newest |= finite
        self._began = now if self._began is None else self._began
        at = finite.get(STEPS, now - self._began)
        for name in (name for name in finite if name != STEPS):
            curve = self._curves.setdefault(name, [])
            self._add(curve, at, finite[name])
            while STEPS not in finite and curve[0][0] < at - self._window:
                curve.pop(0)

    def names(self) -> tuple[str, ...]:
        """Those that have a curve."""
        return tuple(self._curves)

    def curve(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Steps, or seconds, and values. Two of shape (points,)."""
        at, values = np.array(list(self._curves[name]), np.float64).T
        return at, values

    def _add(self, curve: list[tuple[float, float]], at: float, value: float) -> None:
        if curve and at < curve[-1][0]:
            curve.clear()  # A run that began anew.
        if curve and at == curve[-1][0]:
            curve.pop()
        curve.append((at, value))
        if len(curve) > self._points:
            del curve[1 : len(curve) // 2 : 2]  # Of the older half every second.
