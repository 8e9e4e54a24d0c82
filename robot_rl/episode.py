"""One recorded episode as arrays over time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cache
from typing import Self

import numpy as np

from robot_rl.env import Observation
from robot_rl.machine import git_revision, versions
from robot_rl.metadata import Metadata
from robot_rl.transition import SOURCES, Transition, source_code

OBSERVATION, EXTRA = "observation/", "extra/"
_DTYPES = {
    "reward": np.float32,
    "terminated": np.bool_,
    "truncated": np.bool_,
    "success": np.bool_,
    "intervened": np.bool_,
    "policy_version": np.int64,
    "step": np.int64,
    "sensor_stamp": np.float64,
    "command_stamp": np.float64,
}


@dataclass(frozen=True)
class Episode:
    """Consecutive transitions of one stream; ``observation`` has one frame more than the rest."""

    metadata: Metadata
    observation: Observation
    """Frames before and after each action, each once. Arrays of shape (length + 1, ...)."""
    action: np.ndarray
    """As sent. Shape (length, action)."""
    policy_action: np.ndarray
    """As the policy asked. Shape (length, action)."""
    reward: np.ndarray
    """Shape (length,), float32."""
    terminated: np.ndarray
    """Shape (length,), bool."""
    truncated: np.ndarray
    """Shape (length,), bool."""
    success: np.ndarray
    """Shape (length,), bool."""
    intervened: np.ndarray
    """Shape (length,), bool."""
    policy_version: np.ndarray
    """Shape (length,), int64."""
    source: np.ndarray
    """Positions in ``transition.SOURCES``. Shape (length,), uint8."""
    step: np.ndarray
    """Consecutive step numbers. Shape (length,), int64."""
    sensor_stamp: np.ndarray
    """Shape (length,), float64 [s]."""
    command_stamp: np.ndarray
    """Shape (length,), float64 [s]."""
    extra: dict[str, np.ndarray] = field(default_factory=dict)
    """Method-specific arrays of shape (length, ...), e.g. ``simulator_state``."""

    def __len__(self) -> int:
        return len(self.action)

    def transitions(self) -> Iterator[Transition]:
        """The transitions in order; their arrays are views of the episode's."""
        for t in range(len(self)):
            yield Transition(
                observation={key: value[t] for key, value in self.observation.items()},
                next_observation={key: value[t + 1] for key, value in self.observation.items()},
                action=self.action[t],
                policy_action=self.policy_action[t],
                source=SOURCES[self.source[t]],
                stream=self.metadata.stream,
                episode=self.metadata.episode,
                extra={key: value[t] for key, value in self.extra.items()},
                **{name: getattr(self, name)[t].item() for name in _DTYPES},
            )

    def moments(self) -> Iterator[tuple[Observation, np.ndarray]]:
        """Each frame, the last one too, and whether a plan made before holds no more.

        It does not at the beginning, and where a person has just acted. Both as batches of one.
        """
        for t, anew in enumerate([True, *self.intervened]):
            yield {k: frames[t : t + 1] for k, frames in self.observation.items()}, np.full(1, anew)

    def columns(self) -> dict[str, np.ndarray]:
        """All arrays by name: ``observation/<key>``, ``extra/<key>``, and the fields."""
        return {
            **{OBSERVATION + key: value for key, value in self.observation.items()},
            **{name: getattr(self, name) for name in _COLUMNS},
            **{EXTRA + key: value for key, value in self.extra.items()},
        }

    @classmethod
    def from_columns(cls, metadata: Metadata, columns: Mapping[str, np.ndarray]) -> Self:
        """Inverse of ``columns``.

        Raises:
            ValueError: If lengths differ.
        """
        frames, extra = (
            {k.removeprefix(prefix): v for k, v in columns.items() if k.startswith(prefix)}
            for prefix in (OBSERVATION, EXTRA)
        )
        for name, column in columns.items():
            length = metadata.length + name.startswith(OBSERVATION)
            if len(column) != length:
                raise ValueError(f"{name} has length {len(column)} instead of {length}")
        fixed = {name: columns[name] for name in _COLUMNS}
        return cls(metadata, observation=frames, extra=extra, **fixed)

    @classmethod
    def from_transitions(
        cls,
        metadata: Metadata,
        frames: Sequence[Observation],
        rows: Sequence[Transition],
        dt: float,
    ) -> Self:
        """An episode with its metadata completed.

        Args:
            metadata: What the recorder knows.
            frames: Observations before and after each transition, length + 1 in all.
            rows: The transitions; their own observations are not looked at.
            dt: Time between two actions [s].
        """
        columns = {
            OBSERVATION + key: np.stack([frame[key] for frame in frames]) for key in frames[0]
        }
        columns |= {EXTRA + k: np.stack([row.extra[k] for row in rows]) for k in rows[0].extra}
        for name in ("action", "policy_action"):
            columns[name] = np.stack([getattr(row, name) for row in rows])
        for name, dtype in _DTYPES.items():
            columns[name] = np.array([getattr(row, name) for row in rows], dtype)
        columns["source"] = np.array([source_code(row.source) for row in rows], np.uint8)
        metadata = replace(metadata, length=len(rows))
        return cls.from_columns(_completed(metadata, columns, rows[-1], dt), columns)


_COLUMNS = [
    field.name
    for field in fields(Episode)
    if field.name not in ("metadata", "observation", "extra")
]


def _completed(
    metadata: Metadata, columns: Mapping[str, np.ndarray], last: Transition, dt: float
) -> Metadata:
    software = _software()
    found = {
        "success": last.success,
        "termination_reason": _reason(last),
        "fps_achieved": _rate(columns["command_stamp"]),
        "intervention_ratio": float(columns["intervened"].mean()),
        "software_version": software[0],
        "git_hash": software[1],
    }
    return replace(
        metadata,
        stream=last.stream,
        episode=last.episode,
        fps_declared=1 / dt,
        **{name: value for name, value in found.items() if getattr(metadata, name) is None},
    )


def _reason(last: Transition) -> str:
    if last.success:
        return "success"
    if last.terminated:
        return "failure"
    return "time-out" if last.truncated else "stopped"


def _rate(stamps: np.ndarray) -> float | None:
    """Steps per second, None without stamps."""
    duration = float(stamps[-1] - stamps[0])
    return (len(stamps) - 1) / duration if duration > 0 else None


@cache
def _software() -> tuple[str | None, str | None]:
    return versions(("robot-rl",))["robot-rl"], git_revision()
