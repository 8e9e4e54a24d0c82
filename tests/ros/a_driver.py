"""Drivers for the arm node that fail as real ones do."""

import numpy as np

from hardware.contract import Contract
from hardware.driver import Reading


class Breaks:
    """An arm whose connection is lost after a while; says what it is told."""

    def __init__(self, contract: Contract) -> None:
        self._left = 20
        self._q = np.r_[contract.home.q, 0.0, 0.0]

    def connect(self) -> None: ...

    def time(self) -> float:
        return 0.0

    def read(self) -> Reading:
        self._left -= 1
        if self._left < 0:
            raise ConnectionError("the arm does not answer any more")
        return Reading(0.0, self._q, 0 * self._q, np.zeros(6))

    def send(self, command: np.ndarray) -> None: ...

    def grip(self, value: float) -> None: ...

    def stop(self) -> None:
        print("held", flush=True)

    def close(self) -> None:
        print("closed", flush=True)
