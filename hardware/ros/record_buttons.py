"""The recorder's services where no recorder runs: for a session at a terminal, and for learning."""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Collection

from rclpy.node import Node
from std_srvs.srv import Trigger

from hardware.keys import Key
from hardware.ros.names import RECORD_FAILURE, RECORD_MISTAKEN, RECORD_REDO, RECORD_SUCCESS

_SERVICES: dict[str, Key] = {
    RECORD_SUCCESS: "success",
    RECORD_FAILURE: "failure",
    RECORD_REDO: "redo",
    RECORD_MISTAKEN: "mistaken",
}


class RecordButtons:
    """What was pressed, as keys: the teleop node calls these services for buttons of a pad.

    Args:
        node: Serves them.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self._served: set[Key] = set()
        self._pressed: deque[Key] = deque()

    def pressed(self, keys: Collection[Key]) -> list[Key]:
        """Keys since the last look, in order; from now on these are served."""
        for name, key in _SERVICES.items():
            if key in keys and key not in self._served:
                self._node.create_service(Trigger, name, functools.partial(self._press, key))
                self._served.add(key)
        return [self._pressed.popleft() for _ in range(len(self._pressed))]

    def _press(self, key: Key, _: Trigger.Request, answer: Trigger.Response) -> Trigger.Response:
        self._pressed.append(key)
        of_the_last = "it is said of the last episode; the terminal tells which one that is"
        counts = of_the_last if key == "mistaken" else "it counts with the next step"
        answer.success, answer.message = True, f"{key}: {counts}"
        return answer
