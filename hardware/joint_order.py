"""Joints by name, never by index: ``JointState`` messages in the order of our vectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class JointValues(NamedTuple):
    """What a message says of our joints."""

    q: np.ndarray
    """Positions. Shape (joints,) [rad], fingers [m]."""
    dq: np.ndarray
    """Velocities; NaN where the message has none. Shape (joints,) [rad/s]."""
    tau: np.ndarray
    """Efforts; NaN where the message has none. Shape (joints,) [N m]."""


class JointOrder:
    """Puts the joints of a message into our order.

    The order of a message may change while the robot runs, and it may have joints that are not
    ours. Velocities that a driver does not report are NaN, which nobody takes for standstill: only
    who knows the stamps can differentiate positions.
    """

    def __init__(self, names: Sequence[str]) -> None:
        """Takes our order.

        Args:
            names: Our joints.

        Raises:
            ValueError: If a joint is named twice, or none at all.
        """
        if not names or len(set(names)) != len(names):
            raise ValueError(f"joints are {list(names)}; name at least one, and each once")
        self.names = tuple(names)
        self._unknown = np.full(len(names), np.nan)
        self._seen: list[str] = []
        self._index = np.empty(0, np.intp)

    def __call__(
        self,
        names: Sequence[str],
        positions: Sequence[float] | np.ndarray,
        velocities: Sequence[float] | np.ndarray = (),
        efforts: Sequence[float] | np.ndarray = (),
    ) -> JointValues:
        """The values of one message in our order, copied.

        Raises:
            ValueError: A joint of ours is missing or named twice, or an array has another length
                than the names (velocities and efforts may be empty).
        """
        # Comparing some strings costs a tenth of looking them up; drivers hardly ever reorder.
        if names != self._seen:
            self._index = self._match(names)
            self._seen = list(names)
        q = self._ordered("positions", positions)
        dq = self._ordered("velocities", velocities) if len(velocities) else self._unknown.copy()
        tau = self._ordered("efforts", efforts) if len(efforts) else self._unknown.copy()
        return JointValues(q, dq, tau)

    def _ordered(self, key: str, values: Sequence[float] | np.ndarray) -> np.ndarray:
        if len(values) != len(self._seen):
            raise ValueError(
                f"JointState has {len(values)} {key} for {len(self._seen)} names "
                f"({', '.join(self._seen)}); its driver must fill one for each"
            )
        return np.asarray(values, dtype=np.float64)[self._index]

    def _match(self, names: Sequence[str]) -> np.ndarray:
        place = {name: index for index, name in enumerate(names)}
        if missing := [name for name in self.names if name not in place]:
            raise ValueError(
                f"JointState lacks {', '.join(missing)}; it has {', '.join(names) or 'no joints'}; "
                "correct the contract's joints, or start the controller that reports them"
            )
        if twice := [name for name in self.names if list(names).count(name) > 1]:
            raise ValueError(
                f"JointState has {', '.join(twice)} twice; give each arm its own namespace"
            )
        return np.array([place[name] for name in self.names])
