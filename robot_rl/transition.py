"""The transition record: one schema for SAC, DrQ, residual learning, cloning and classifiers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np

from robot_rl.env import Observation

Source = Literal["sim", "real", "demo", "play"]
SOURCES: tuple[Source, ...] = get_args(Source)


@dataclass(frozen=True)
class Transition:
    """One step of one world; ``stream``, ``episode`` and ``step`` say whose neighbour it is."""

    observation: Observation
    next_observation: Observation
    """What the action led to, never the first observation of the next episode."""
    action: np.ndarray
    """As sent, after the safety filter. Shape (action,), float32."""
    policy_action: np.ndarray
    """As the policy asked. Shape (action,), float32."""
    reward: float
    terminated: bool
    truncated: bool
    success: bool = False
    intervened: bool = False
    policy_version: int = 0
    source: Source = "sim"
    stream: int = 0
    """The world or robot it came from."""
    episode: int = 0
    """Episode number within the stream."""
    step: int = 0
    """Step number within the episode."""
    sensor_stamp: float = 0.0
    """Acquisition time of the observation [s]."""
    command_stamp: float = 0.0
    """Time at which the action was sent [s]."""
    extra: dict[str, np.ndarray] = field(default_factory=dict)
    """Method-specific arrays, e.g. ``chunk_index``, ``base_action``, ``base_noise``."""
