"""A call of a service that gets an answer."""

from __future__ import annotations

import time
from typing import Any

from rclpy.client import Client


class Question:
    """Asked again from time to time: a server that has not found us yet answers nobody.

    Args:
        client: Of a service that is ready.
        request: What is asked; it must do no harm twice.
        again: Time without an answer after which it is asked anew [s].
    """

    def __init__(self, client: Client, request: Any, again: float) -> None:
        self._client, self._request, self._again = client, request, again
        self._ask()

    def answer(self) -> Any:
        """The answer, or None as long as there is none."""
        if not self._future.done() and time.monotonic() - self._asked > self._again:
            self._ask()
        return self._future.result()

    def _ask(self) -> None:
        self._future, self._asked = self._client.call_async(self._request), time.monotonic()
