"""The transition record: one schema for SAC, DrQ, residual learning, cloning and classifiers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np

from robot_rl.env import Info, Observation, Step

Source = Literal["sim", "real", "demo", "play"]
SOURCES: tuple[Source, ...] = get_args(Source)

SIMULATOR_STATE = "simulator_state"
"""Key in ``Transition.extra`` of the simulator's state at the observation, to reset to it later."""


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


class WorldIds:
    """Stream, episode and step number of every world of an environment, counted along.

    Args:
        num_envs: Number of worlds; world ``i`` is stream ``first_stream + i``.
        first_stream: First stream number, so that several environments can feed one replay.
    """

    def __init__(self, num_envs: int, first_stream: int = 0) -> None:
        self.stream = np.arange(first_stream, first_stream + num_envs)
        self.episode = np.zeros(num_envs, np.int64)
        self.step = np.zeros(num_envs, np.int64)

    def advance(self, done: np.ndarray) -> None:
        """Counts one step of every world; worlds that are ``done``, shape (num_envs,), restart."""
        self.episode = self.episode + done
        self.step = np.where(done, 0, self.step + 1)


def source_code(source: Source) -> int:
    """Position of a source in ``SOURCES``, as it is stored.

    Raises:
        ValueError: If there is no such source.
    """
    if source not in SOURCES:
        raise ValueError(f"no source {source!r}; choose {', '.join(SOURCES)}")
    return SOURCES.index(source)


def split_step(
    ids: WorldIds,
    observation: Observation,
    action: np.ndarray,
    step: Step,
    *,
    source: Source = "sim",
    policy_version: int = 0,
    extra: Mapping[str, np.ndarray] | None = None,
) -> list[Transition]:
    """One transition for each world of a batched step; arrays are views of those given.

    Args:
        ids: Ids of the worlds during this step, i.e. before ``ids.advance(step.done)``.
        observation: What the policy saw. Arrays of shape (num_envs, ...).
        action: What the policy asked for. Shape (num_envs, action).
        step: What ``env.step(action)`` returned.
        source: Where the step came from.
        policy_version: Version of the weights that chose the action.
        extra: Method-specific arrays of shape (num_envs, ...).
    """
    nothing = np.zeros(len(action), bool)
    sent = step.info.get(Info.ACTION_SENT, action)
    success = step.info.get(Info.SUCCESS, nothing)
    intervened = step.info.get(Info.INTERVENED, nothing)
    return [
        Transition(
            observation={key: value[world] for key, value in observation.items()},
            next_observation={key: value[world] for key, value in step.final_observation.items()},
            action=sent[world],
            policy_action=action[world],
            reward=float(step.reward[world]),
            terminated=bool(step.terminated[world]),
            truncated=bool(step.truncated[world]),
            success=bool(success[world]),
            intervened=bool(intervened[world]),
            policy_version=policy_version,
            source=source,
            stream=int(ids.stream[world]),
            episode=int(ids.episode[world]),
            step=int(ids.step[world]),
            extra={key: value[world] for key, value in (extra or {}).items()},
        )
        for world in range(len(action))
    ]
