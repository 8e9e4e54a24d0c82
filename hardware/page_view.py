"""The page itself: what stands where in viser. It decides nothing; ``hardware.page`` does."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
import viser
from viser import uplot

from hardware import page_html as html
from hardware.page import Page
from hardware.page_control import Control
from hardware.page_curves import STEPS, Curves
from hardware.page_jog import GRIPS, MOVES

HOLD_RATE = 15.0
"""How often a held button says so [Hz]; viser passes on one message in 50 ms."""
_AXES: tuple[uplot.Axis, ...] = (
    {"stroke": "#909296", "grid": {"stroke": "#373a40", "width": 1}},
    {"stroke": "#909296", "grid": {"stroke": "#373a40", "width": 1}, "size": 46},
)
_COUNTERS = (
    *("episodes", "policy_version", "waited", "owed", "learner_idle"),
    *("classifier/frames", "classifier/covered", "classifier/frozen"),
)
"""Numbers that need no curve."""
_LAST = 1e9
"""Place of curves of what is seen at every step: behind those of learning, which come later."""
_STROKE, _HAND = "#4dabf7", (66, 72, 82)
_LEFT, _RIGHT, _TOP = 320, 340, 400
"""Widths [px]."""


class Button(NamedTuple):
    """What is pressed once, and answered."""

    name: str
    label: str
    colour: str = "gray"


STOP, REARM = Button("estop", "STOP", "red"), Button("reset", "rearm")
EPISODE = (
    *(Button("begin", "begin"), Button("end", "end")),
    *(Button("success", "success", "green"), Button("failure", "failure", "orange")),
    *(Button("redo", "redo"), Button("mistaken", "last: no success", "orange")),
)
RUNNING = (
    *(Button("run policy", "run policy"), Button("rest policy", "rest policy")),
    *(Button("learn", "resume learning"), Button("pause", "pause learning")),
)


class Handlers(NamedTuple):
    """Whom the page tells what a person does; called in the server's own thread."""

    hold: Callable[[int, str], None]
    """A browser says that a button of ``JOGS`` is down."""
    release: Callable[[int], None]
    """A browser says that it is up, or has gone."""
    press: Callable[[str], None]
    """A ``Button`` was pressed."""


class PageView:
    """What all browsers show.

    Args:
        server: Serves it.
        page: Is told speed and frame.
        handlers: Are told the rest.
        cameras: Names of the pictures.
    """

    def __init__(
        self, server: viser.ViserServer, page: Page, handlers: Handlers, cameras: Iterable[str]
    ) -> None:
        self._gui, self._page, self._handlers = server.gui, page, handlers
        self._plots: dict[str, viser.GuiUplotHandle] = {}
        self._drawn: dict[str, int] = {}
        self._texts: dict[str, viser.GuiHtmlHandle] = {}
        self._buttons: dict[str, viser.GuiButtonHandle] = {}
        self._groups: list[tuple[viser.GuiFolderHandle, list[str]]] = []
        server.gui.configure_theme(
            dark_mode=True, show_logo=False, show_share_button=False, brand_color=(28, 100, 209)
        )
        self._build_stop()
        self._build_hand()
        self._pictures = self._build_pictures(cameras)
        server.on_client_disconnect(self._gone)

    def show_control(self, control: Control) -> None:
        """Who is in control."""
        self._write("control", html.status(control))

    def show_texts(self, page: Page, now: float) -> None:
        """What came back, what is not well, and the numbers of learning."""
        self._write("answers", html.answers(list(page.said)))
        self._write("faults", html.faults(page.faults(now)))
        self._write("facts", html.facts(dict(page.curves.newest)))

    def show_picture(self, camera: str, pixels: np.ndarray) -> None:
        """A camera's newest frame, shape (height, width, 3), uint8."""
        self._pictures[camera].image = pixels

    def show_curves(self, curves: Curves) -> None:
        """Those that have grown since."""
        for name in (name for name in curves.names() if name not in _COUNTERS):
            steps, values = curves.curve(name)
            if name not in self._plots:
                self._plots[name] = self._plot(name, steps, values)
            elif self._drawn[name] != (grown := hash(steps[-1])):
                self._plots[name].data = (steps, values)
                self._drawn[name] = grown

    def enable(self, ready: Mapping[str, bool]) -> None:
        """Which buttons have somebody who listens; the others are grey."""
        for name, there in ready.items():
            if self._buttons[name].disabled is there:
                self._buttons[name].disabled = not there
        for folder, names in self._groups:
            if folder.visible is not (useful := any(ready[name] for name in names)):
                folder.visible = useful

    def _build_stop(self) -> None:
        # A panel of its own: within one, viser may drop a message for a later one.
        panel = self._gui.add_panel()
        with panel.add_tab("Arm"):
            self._text("control", html.status(Control("unknown", "…")))
            stop = self._press(STOP, at_once=True)
            stop.icon = viser.Icon.HAND_STOP
            self._press(REARM)
            self._gui.add_html(html.mark("stop"))
        panel.float(x=-15, y=15, width=_TOP)
        for hotkey in ("S", "X"):
            command = self._gui.add_command(
                "Stop the arm", hotkey=hotkey, icon=viser.Icon.HAND_STOP
            )
            command.on_trigger(lambda _: self._handlers.press(STOP.name))

    def _build_hand(self) -> None:
        main = self._gui.main_panel
        with self._gui.add_folder("Hold to move"):
            self._gui.add_html(html.mark("four") + html.mark("hold"))
            names = list(MOVES)
            for row in range(0, 6, 2):
                for name in (*names[row : row + 2], *names[row + 6 : row + 8]):
                    self._hold(name, MOVES[name].label)
        with self._gui.add_folder("Gripper"):
            self._gui.add_html(html.mark("two") + html.mark("hold"))
            for name, jog in GRIPS.items():
                self._hold(name, jog.label)
        self._build_speed()
        self._build_group("Episode", EPISODE)
        self._build_group("Run", RUNNING)
        with self._gui.add_folder("Answers"):
            self._text("answers", "")
        main.dock_right()
        main.set_width(_RIGHT)

    def _build_speed(self) -> None:
        speed = self._gui.add_slider("speed", 5, 100, 5, round(100 * self._page.speed))
        frame = self._gui.add_dropdown("along", ("base", "tool"))

        @speed.on_update
        async def _(_: Any) -> None:
            self._page.speed = speed.value / 100

        @frame.on_update
        async def _(_: Any) -> None:
            self._page.in_tool = frame.value == "tool"

    def _build_group(self, label: str, buttons: Iterable[Button]) -> None:
        """A folder that shows itself once somebody listens to one of its buttons."""
        folder = self._gui.add_folder(label, visible=False)
        self._groups.append((folder, [button.name for button in buttons]))
        with folder:
            self._gui.add_html(html.mark("two"))
            for button in buttons:
                self._press(button)

    def _build_pictures(self, cameras: Iterable[str]) -> dict[str, viser.GuiImageHandle]:
        panel, black = self._gui.add_panel(), np.zeros((4, 4, 3), np.uint8)
        with panel.add_tab("Cameras, curves"):
            with self._gui.add_folder("Cameras"):
                self._gui.add_html(html.mark("two") + html.mark("pictures"))
                pictures = {
                    name: self._gui.add_image(black, label=name, jpeg_quality=85)
                    for name in cameras
                }
            with self._gui.add_folder("Nodes"):
                self._text("faults", "")
            self._learning = self._gui.add_folder("Learning")
            with self._learning:
                self._text("facts", "")
        panel.dock_left()
        panel.set_width(_LEFT)
        return pictures

    def _plot(self, name: str, steps: np.ndarray, values: np.ndarray) -> viser.GuiUplotHandle:
        self._drawn[name] = hash(steps[-1])
        with self._learning:
            return self._gui.add_uplot(
                (steps, values),
                ({"label": STEPS}, {"label": name, "stroke": _STROKE, "width": 2}),
                title=name.replace("_", " "),
                scales={"x": {"time": False}},
                axes=_AXES,
                legend={"show": False},
                height=130,
                order=_LAST if "/" in name else None,
            )

    def _text(self, name: str, content: str) -> None:
        self._texts[name] = self._gui.add_html(content)

    def _write(self, name: str, content: str) -> None:
        if self._texts[name].content != content:
            self._texts[name].content = content

    def _press(self, button: Button, at_once: bool = False) -> viser.GuiButtonHandle:
        handle = self._gui.add_button(button.label, color=button.colour)  # pyright: ignore[reportArgumentType]

        async def press(_: Any) -> None:
            self._handlers.press(button.name)

        # A click is what ends a press; who wants to stop does not wait for the finger to rise.
        (handle.on_hold(callback_hz=2.0) if at_once else handle.on_click)(press)
        if at_once:
            handle.on_click(press)
        self._buttons[button.name] = handle
        return handle

    def _hold(self, name: str, label: str) -> None:
        button = self._gui.add_button(label, color=_HAND)

        # Asynchronous, so that words are heard in the order in which they were said.
        async def hold(event: Any) -> None:
            self._handlers.hold(event.client_id, name)

        async def release(event: Any) -> None:
            self._handlers.release(event.client_id)

        button.on_hold(hold, callback_hz=HOLD_RATE)
        button.on_click(release)
        self._buttons[name] = button

    async def _gone(self, client: viser.ClientHandle) -> None:
        self._handlers.release(client.client_id)
