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
MEASURED, REWARD, READING, JUDGED = "measured/", "reward/", "reading/", "judged/"
"""What names in ``Transition.extra`` begin with: of raw streams, of terms of the reward, of what
its sources saw and do not pay, and of pictures of what the step led to that its judge alone saw."""


def beside(info: Mapping[str, Any], measured: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Arrays for ``split_step(extra=...)``; of a simulator no more than how it was judged.

    Args:
        info: Of the step.
        measured: Raw streams at its observation, by name.
    """
    kept = {name: info[name] for name in (SENT, REQUESTED, REASONS) if name in info}
    for prefix, key in (
        (REWARD, Info.REWARD_TERMS),
        (READING, Info.READINGS),
        (JUDGED, Info.JUDGED),
    ):
        kept |= {prefix + name: np.array(value) for name, value in info.get(key, {}).items()}
    return kept | {MEASURED + name: value[None] for name, value in measured.items()}


def paid(transition: Transition, terms: Mapping[str, float]) -> Transition:
    """The transition with these terms as its reward; those that it had besides are recorded as 0.

    Args:
        transition: What it had as terms is in ``extra``.
        terms: What is paid, by name.
    """
    had = {k: np.zeros_like(v) for k, v in transition.extra.items() if k.startswith(REWARD)}
    now = {REWARD + name: np.array(float(term)) for name, term in terms.items()}
    reward = float(sum(terms.values()))
    return replace(transition, reward=reward, extra=transition.extra | had | now)


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
