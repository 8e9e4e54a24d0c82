"""All that a robot reports besides pictures, as one vector whose elements have names."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from hardware.contract import Contract
from hardware.endpoints import IMAGES, subscriptions
from hardware.streams import Aligned

_POSE = ("x", "y", "z", "qx", "qy", "qz", "qw")
_WRENCH = ("fx", "fy", "fz", "tx", "ty", "tz")


class StateVector:
    """Positions and velocities of the joints, then wrench and poses as the contract has them.

    Velocities that a driver does not report are differentiated.

    Args:
        contract: The robot.

    Attributes:
        names: One per element, e.g. ``q/joint1``, ``wrench/fx`` or ``extra/block/x``.
    """

    def __init__(self, contract: Contract) -> None:
        self._streams = [s.name for s in subscriptions(contract) if not s.name.startswith(IMAGES)]
        self.names = tuple(n for stream in self._streams for n in _names(stream, contract))
        self._before: dict[str, tuple[float, np.ndarray]] = {}

    def __call__(self, aligned: Aligned) -> np.ndarray:
        """The vector of a whole set, float32. Shape (len(names),)."""
        parts = [self._part(stream, aligned) for stream in self._streams]
        return np.concatenate(parts).astype(np.float32)

    def _part(self, stream: str, aligned: Aligned) -> np.ndarray:
        stamp, _, value = aligned.samples[stream]
        if np.ndim(value) == 1:
            return value
        q, dq = value
        then, before = self._before.get(stream, (stamp, q))
        self._before[stream] = stamp, q
        if np.isfinite(dq).all():
            return np.concatenate([q, dq])
        return np.concatenate([q, (q - before) / (stamp - then) if stamp > then else 0 * q])


def _names(stream: str, contract: Contract) -> Iterator[str]:
    joints, gripper = contract.joints, contract.gripper
    if stream in ("joint_states", "gripper"):
        own = gripper is not None and gripper.state is not None
        within = joints.gripper if stream == "gripper" else joints.arm
        if stream == "joint_states" and not own:
            within = (*joints.arm, *joints.gripper)
        yield from (f"{kind}/{joint}" for kind in ("q", "dq") for joint in within)
    else:
        yield from (f"{stream}/{name}" for name in (_WRENCH if stream == "wrench" else _POSE))
