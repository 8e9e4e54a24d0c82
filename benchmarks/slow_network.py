"""A network that carries so much and no more, on loopback."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

_CHUNK, _BUFFER = 16_384, 65_536


@contextmanager
def slow_network(port: int, rate: float) -> Iterator[int]:
    """Carries what is said to the port that it gives to another one, and back.

    Args:
        port: Of who listens.
        rate: Each way [bytes/s].
    """
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_accept, args=(server, port, rate), daemon=True).start()
        yield server.getsockname()[1]


def _accept(server: socket.socket, port: int, rate: float) -> None:
    with contextlib.suppress(OSError):  # It is closed in the end.
        while True:
            ends = server.accept()[0], socket.create_connection(("127.0.0.1", port))
            for end in ends:
                end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER)
                end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
            for pair in (ends, ends[::-1]):
                threading.Thread(target=_carry, args=(*pair, rate), daemon=True).start()


def _carry(source: socket.socket, sink: socket.socket, rate: float) -> None:
    with contextlib.suppress(OSError):
        while some := source.recv(_CHUNK):
            time.sleep(len(some) / rate)
            sink.sendall(some)
        sink.shutdown(socket.SHUT_WR)
