"""The recorder's services beside a session at the terminal, so that a hand controller serves it."""

from __future__ import annotations

import functools
from collections import deque

from rclpy.node import Node
from std_srvs.srv import Trigger

from hardware.keys import Key
from hardware.ros.names import RECORD_FAILURE, RECORD_REDO, RECORD_SUCCESS

_SERVICES: dict[str, Key] = {
    RECORD_SUCCESS: "success",
    RECORD_FAILURE: "failure",
    RECORD_REDO: "redo",
}


class RecordButtons:
    """What was pressed, as keys: the teleop node calls these services for buttons of a pad.

    Args:
        node: Serves them.
    """

    def __init__(self, node: Node) -> None:
        self._pressed: deque[Key] = deque()
        for name, key in _SERVICES.items():
            node.create_service(Trigger, name, functools.partial(self._press, key))

    def pressed(self) -> list[Key]:
        """Keys since the last look, in order."""
        return [self._pressed.popleft() for _ in range(len(self._pressed))]

    def _press(self, key: Key, _: Trigger.Request, answer: Trigger.Response) -> Trigger.Response:
        self._pressed.append(key)
        answer.success, answer.message = True, f"{key}: the session at the terminal does it now"
        return answer
