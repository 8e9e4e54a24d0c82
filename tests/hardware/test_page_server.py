"""The page answers its own browsers, and no other web page that somebody has open."""

import http.client
import socket

import pytest

from hardware.page_server import is_ours, serve


@pytest.mark.parametrize(
    ("origin", "host", "loopback", "ours"),
    [
        ("http://127.0.0.1:8080", "127.0.0.1:8080", True, True),
        ("http://localhost:8080", "localhost:8080", True, True),
        (None, "127.0.0.1:8080", True, True),
        ("https://elsewhere.example", "127.0.0.1:8080", True, False),
        ("http://127.0.0.1:9090", "127.0.0.1:8080", True, False),
        ("http://elsewhere.example:8080", "elsewhere.example:8080", True, False),
        (None, "elsewhere.example:8080", True, False),
        ("null", "127.0.0.1:8080", True, False),
        ("http://robot.lan:8080", "robot.lan:8080", False, True),
        ("http://elsewhere.example", "robot.lan:8080", False, False),
    ],
)
def test_who_may_open_a_connection(
    origin: str | None, host: str, loopback: bool, ours: bool
) -> None:
    assert is_ours(origin, host, loopback) is ours


def test_the_server_listens_on_loopback_alone_and_refuses_other_origins() -> None:
    server = serve("127.0.0.1", 0, "test")
    try:
        port = server.get_port()
        assert _status(port, {}) == 200
        assert _status(port, {"Origin": "http://elsewhere.example"}) == 403
        with pytest.raises(OSError, match=f"port {port} .* choose others with the parameters"):
            serve("127.0.0.1", port, "test")
        with socket.socket() as other, pytest.raises(OSError, match="refused"):
            other.connect(("127.0.0.2", port))
    finally:
        server.stop()


def _status(port: int, headers: dict[str, str]) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", "/", headers=headers)
    return connection.getresponse().status
