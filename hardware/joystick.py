"""What the axes and buttons of a hand controller mean."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hardware.node_settings import TeleopSettings

OPEN, CLOSE = "open the gripper", "close the gripper"
"""What a gripper's button asks for; other buttons give the name of a service."""


class Joystick:
    """The newest message of a hand controller.

    Args:
        settings: Which axis and which button means what.

    Attributes:
        held: Whether the deadman's button is down.
        fault: Why the newest message cannot move an arm; None if it can.
    """

    def __init__(self, settings: TeleopSettings) -> None:
        self.held = False
        self.fault: str | None = None
        self._settings = settings
        gripper = {settings.open_button: OPEN, settings.close_button: CLOSE}
        self._meanings = gripper | settings.services()
        self._twist = np.zeros(6)
        self._down: set[int] = set()

    def hear(self, axes: Sequence[float], buttons: Sequence[int]) -> tuple[str, ...]:
        """Takes a message.

        Args:
            axes: As ``Joy`` has them, -1 to 1.
            buttons: 1 where pressed.

        Returns:
            The meaning of each button that went down, whatever the axes say.
        """
        before, self._down = self._down, {index for index, down in enumerate(buttons) if down}
        self.held = self._settings.deadman_button in self._down
        self.fault = self._missing(len(axes), len(buttons))
        self._twist = np.zeros(6) if self.fault else self._read(np.array(axes, np.float64))
        pressed = sorted(self._down - before)
        return tuple(self._meanings[index] for index in pressed if index in self._meanings)

    def twist(self) -> np.ndarray:
        """What the axes ask for. Shape (6,) [m/s, rad/s]."""
        return self._twist

    def _read(self, axes: np.ndarray) -> np.ndarray:
        settings = self._settings
        used = np.array([axes[index] if index >= 0 else 0.0 for index in settings.axes])
        if not np.isfinite(used).all():
            self.fault = f"an axis of Joy is not finite: {used}"
            return np.zeros(6)
        beyond = np.clip((np.abs(used) - settings.deadzone) / (1 - settings.deadzone), 0, 1)
        speed = np.repeat([settings.linear_speed, settings.angular_speed], 3)
        return np.sign(used) * beyond * speed * settings.directions

    def _missing(self, axes: int, buttons: int) -> str | None:
        for name, there, wanted in (
            ("axes", axes, max(self._settings.axes)),
            ("buttons", buttons, max(self._settings.deadman_button, *self._meanings)),
        ):
            if wanted >= there:
                return (
                    f"Joy has {there} {name}, and the parameters name number {wanted}; "
                    f"give 0 to {there - 1}, or -1 for none"
                )
        return None
