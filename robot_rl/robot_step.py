"""What a robot says of a step, which lies beside it in datasets and is not learned from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from robot_rl.env import Info
from robot_rl.transition import Transition

STAMPS = "stamps"
"""Key in ``info``: ``sensor``, when the observation was taken, and ``command``, when the action was
asked for; arrays (1,) [s]."""
REQUESTED, SENT, REASONS = "requested", "sent", "reasons"
"""Keys in ``info``: the last request and command of the step in the contract's mode, shape
(1, size), and the bit mask of what the filter did to it, shape (1,)."""
MEASURED, REWARD, JUDGED = "measured/", "reward/", "judged/"
"""What names in ``Transition.extra`` begin with: of raw streams, of terms of the reward, and of
pictures of what the step led to that its judge alone saw."""


def beside(info: Mapping[str, Any], measured: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Arrays for ``split_step(extra=...)``; of a simulator no more than how it was judged.

    Args:
        info: Of the step.
        measured: Raw streams at its observation, by name.
    """
    kept = {name: info[name] for name in (SENT, REQUESTED, REASONS) if name in info}
    kept |= {REWARD + name: np.array(t) for name, t in info.get(Info.REWARD_TERMS, {}).items()}
    kept |= {JUDGED + name: np.array(i) for name, i in info.get(Info.JUDGED, {}).items()}
    return kept | {MEASURED + name: value[None] for name, value in measured.items()}


def stamps_of(info: Mapping[str, Any]) -> tuple[float, float] | None:
    """When the observation was taken and the action asked for [s]; None in a simulator."""
    if STAMPS not in info:
        return None
    sensor, command = (float(info[STAMPS][name][0]) for name in ("sensor", "command"))
    return sensor, command


def stamped(transition: Transition, info: Mapping[str, Any]) -> Transition:
    """The transition with the stamps of its robot, if it is one."""
    if (stamps := stamps_of(info)) is None:
        return transition
    return replace(transition, sensor_stamp=stamps[0], command_stamp=stamps[1])
