"""A tab without a browser: what viser's own client says and hears, over its websocket."""

import struct
import threading
import time
from typing import Any, Self

import msgspec
import viser
import zstandard
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from hardware.page_view import HOLD_RATE

_PERIOD = 1 / HOLD_RATE
_CAMERA = {
    **{"type": "ViewerCameraMessage", "wxyz": [1.0, 0.0, 0.0, 0.0], "position": [1.0, 0.0, 0.0]},
    **{"fov": 1.0, "near": 0.1, "far": 10.0, "image_height": 100, "image_width": 100},
    **{"look_at": [0.0, 0.0, 0.0], "up_direction": [0.0, 0.0, 1.0]},
}


class Tab:
    """One tab.

    Args:
        port: Of the page, on loopback.
    """

    def __init__(self, port: int) -> None:
        version: Any = f"viser-v{viser.__version__}"
        self._socket = connect(f"ws://127.0.0.1:{port}", subprotocols=[version], max_size=None)
        self._buttons: dict[str, str] = {}
        self._texts: dict[str, str] = {}
        self._say(_CAMERA)  # From here on viser counts us as there.
        self._pressed, self._up = "", threading.Event()
        threading.Thread(target=self._hear, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def has(self, label: str) -> bool:
        """Whether there is such a button."""
        return label in self._buttons

    def press(self, label: str) -> float:
        """Presses a button and keeps it pressed, as the browser does; returns when [s]."""
        now = time.time()
        self._pressed, self._up = label, threading.Event()
        threading.Thread(target=self._hold, args=(label, self._up), daemon=True).start()
        return now

    def let_go(self) -> None:
        """Releases what is pressed: a click."""
        self._up.set()
        if self._pressed:
            self.click(self._pressed)

    def click(self, label: str) -> None:
        """Says that a button was pressed and released."""
        uuid = self._buttons[label]
        self._say({"type": "GuiUpdateMessage", "uuid": uuid, "updates": {"value": True}})

    def says(self, *words: str) -> bool:
        """Whether all the words are somewhere on the page."""
        page = " ".join(self._texts.values())
        return all(word in page for word in words)

    def close(self) -> None:
        """Closes the tab, whatever is pressed; safe to call twice."""
        self._socket.close()
        self._up.set()

    def _hold(self, label: str, up: threading.Event) -> None:
        held = {"type": "GuiButtonHoldMessage", "uuid": self._buttons[label]}
        try:
            while not up.is_set():
                self._say(held | {"frequency": HOLD_RATE})
                up.wait(_PERIOD)
        except ConnectionClosed:
            return

    def _say(self, message: dict[str, Any]) -> None:
        self._socket.send(msgspec.msgpack.encode(message))

    def _hear(self) -> None:
        zstd = zstandard.ZstdDecompressor()
        try:
            for raw in self._socket:
                assert isinstance(raw, bytes)
                size, packed = struct.unpack_from("<QQ", raw)
                text = zstd.decompress(raw[16 : 16 + packed], max_output_size=size)
                for message in msgspec.msgpack.decode(text)["messages"]:
                    self._take(message)
        except ConnectionClosed:
            return

    def _take(self, message: dict[str, Any]) -> None:
        kind = message["type"]
        if kind == "GuiButtonMessage":
            self._buttons[message["props"]["label"]] = message["uuid"]
        elif kind == "GuiHtmlMessage":
            self._texts[message["uuid"]] = message["props"]["content"]
        elif kind == "GuiUpdateMessage" and "content" in message["updates"]:
            self._texts[message["uuid"]] = message["updates"]["content"]
