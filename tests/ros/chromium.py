"""Headless Chromium as a person at a page, by the DevTools protocol; it reaches loopback alone."""

import base64
import itertools
import json
import shutil
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

from websockets.sync.client import connect

PROGRAM = shutil.which("chromium") or shutil.which("google-chrome")
_FLAGS = (
    *("--headless=new", "--no-sandbox", "--no-first-run", "--remote-debugging-port=0"),
    *("--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--disable-extensions"),
    "--force-device-scale-factor=0.5",
    # Names other than ours lead nowhere: what a page fetches from elsewhere fails.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)
_YIELDING = ("nice", "-n", "10")
"""Without a GPU it draws on all cores, and shall not keep the robot from its own."""
_PATIENCE = 180.0


class Chromium:
    """One browser with one tab."""

    def __init__(self, url: str, width: int = 1440, height: int = 900) -> None:
        assert PROGRAM is not None
        self._folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        home = Path(self._folder.name)
        self._process = subprocess.Popen(
            [
                *_YIELDING, PROGRAM, *_FLAGS, f"--user-data-dir={home}",
                f"--window-size={width},{height}", "about:blank",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self._at = (0.0, 0.0)
        self._ids, self.events = itertools.count(), list[dict[str, Any]]()
        self._tab = connect(self._address(home), max_size=None)
        for domain in ("Page", "Runtime", "Network"):
            self.send(f"{domain}.enable")
        self.send("Page.navigate", url=url)

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        """A command of the protocol; returns its result."""
        number = next(self._ids)
        self._tab.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            message = json.loads(self._tab.recv(timeout=_PATIENCE))
            if message.get("id") == number:
                assert "error" not in message, message
                return message["result"]
            self.events.append(message)

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression."""
        answer = self.send("Runtime.evaluate", expression=expression, returnByValue=True)
        return answer["result"].get("value")

    def find(self, label: str) -> tuple[float, float] | None:
        """Middle of the enabled button with this label; None if there is none."""
        return self.evaluate(
            f"""(() => {{
                const button = [...document.querySelectorAll("button")].find(
                    b => b.innerText.trim() === {json.dumps(label)} && !b.disabled);
                if (!button) return null;
                button.scrollIntoView({{block: "nearest"}});
                const r = button.getBoundingClientRect();
                return [r.x + r.width / 2, r.y + r.height / 2];
            }})()"""
        )

    def shows(self, words: str) -> bool:
        """Whether the page has these words on it."""
        return self.evaluate(f"document.body.innerText.includes({json.dumps(words)})")

    def press(self, label: str) -> float:
        """Presses the mouse's button on a button of the page for good; returns when [s]."""
        found = self.find(label)
        assert found is not None, f"no button {label} that can be pressed"
        self._at, now = found, time.time()
        self._mouse("mousePressed")
        return now

    def let_go(self) -> None:
        """Releases it."""
        self._mouse("mouseReleased")

    def requested(self) -> set[str]:
        """Addresses that the page has asked for."""
        sent = [e["params"] for e in self.events if e["method"] == "Network.requestWillBeSent"]
        return {event["request"]["url"] for event in sent}

    def picture(self) -> bytes:
        """A screenshot, PNG."""
        return base64.b64decode(self.send("Page.captureScreenshot", format="png")["data"])

    def close(self) -> None:
        """Ends it as a machine that goes off does; safe to call twice."""
        self._process.kill()
        self._process.wait()
        self._tab.close()
        self._folder.cleanup()

    def _mouse(self, kind: str) -> None:
        x, y = self._at
        self.send(
            "Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1
        )  # fmt: skip

    def _address(self, home: Path) -> str:
        file, end = home / "DevToolsActivePort", time.monotonic() + _PATIENCE
        while not (file.is_file() and file.read_text().strip()):
            assert time.monotonic() < end, "Chromium does not start"
            time.sleep(0.05)
        port = file.read_text().split()[0]
        while True:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/json", timeout=10) as answer:
                pages = [tab for tab in json.load(answer) if tab["type"] == "page"]
            if pages:
                return pages[0]["webSocketDebuggerUrl"]
            time.sleep(0.05)
