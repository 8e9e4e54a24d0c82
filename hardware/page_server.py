"""The page's server: on one address, and for pages that came from it alone."""

from __future__ import annotations

import contextlib
import io
import ipaddress
import socket
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import viser
import websockets.asyncio.server as websocket_server

_OWN = ("localhost", "127.0.0.1", "::1")


def serve(host: str, port: int, label: str) -> viser.ViserServer:
    """Starts to listen.

    Args:
        host: Address.
        port: Exactly this one; 0 takes a free one.
        label: Title of the page.

    Raises:
        OSError: The port is taken, or the address is not ours.
    """
    _require_free(host, port)
    with _same_origin(_is_loopback(host)), contextlib.redirect_stdout(io.StringIO()):
        return viser.ViserServer(host=host, port=port, label=label, verbose=False)


def is_ours(origin: str | None, host: str, loopback: bool) -> bool:
    """Whether who opens a connection may: browsers let any web page try.

    Args:
        origin: Where the page came from that asks; None if it is no browser.
        host: Whom it asks, by the name that it knows.
        loopback: Whether we listen on this machine only: then by its own names only, for somebody
            else's name may point here as well.
    """
    if loopback and urlsplit(f"//{host}").hostname not in _OWN:
        return False
    return origin is None or urlsplit(origin).netloc == host


def _is_loopback(host: str) -> bool:
    return host == "localhost" or ipaddress.ip_address(host).is_loopback


def _require_free(host: str, port: int) -> None:
    try:
        with socket.create_server((host, port)):
            pass
    except OSError as error:
        raise OSError(
            f"nothing can listen on {host}, port {port} ({error.strerror}); "
            "choose others with the parameters host and port"
        ) from error


@contextlib.contextmanager
def _same_origin(loopback: bool) -> Iterator[None]:
    """Viser asks nobody where they come from, and its own argument for that is out of reach."""
    original: Any = websocket_server.serve

    def guarded(*arguments: Any, process_request: Any, **options: Any) -> Any:
        def check(connection: Any, request: Any) -> Any:
            headers = request.headers
            if not is_ours(headers.get("Origin"), headers.get("Host", ""), loopback):
                return connection.respond(HTTPStatus.FORBIDDEN, "not from this page\n")
            return process_request(connection, request)

        return original(*arguments, process_request=check, **options)

    websocket_server.serve = guarded
    try:
        yield
    finally:
        websocket_server.serve = original
