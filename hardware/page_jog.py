"""The buttons that move the tool: what each asks for while it is held."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Jog(NamedTuple):
    """One button."""

    label: str
    direction: tuple[float, ...] = (0.0,) * 6
    """Along x, y, z, about x, y, z; the sign is the way."""
    gripper: bool | None = None
    """True opens it, False closes it."""

    def twist(self, linear_speed: float, angular_speed: float) -> np.ndarray:
        """What is asked for at these speeds [m/s, rad/s]. Shape (6,)."""
        return np.array(self.direction) * np.repeat([linear_speed, angular_speed], 3)


def _axis(label: str, index: int, sign: int) -> Jog:
    return Jog(label, tuple(float(sign) if i == index else 0.0 for i in range(6)))


MOVES: dict[str, Jog] = {
    f"{axis}{sign}": _axis(f"{axis.replace('r', '↻')} {sign}", index, way)
    for index, axis in enumerate(("x", "y", "z", "rx", "ry", "rz"))
    for sign, way in (("-", -1), ("+", 1))
}
"""By name, in pairs: along x, y, z, then about them."""
GRIPS: dict[str, Jog] = {
    "open": Jog("open", gripper=True),
    "close": Jog("close", gripper=False),
}
"""Those of the gripper, which moves only while the button is held."""
JOGS = MOVES | GRIPS
