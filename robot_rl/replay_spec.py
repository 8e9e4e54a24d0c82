"""All that decides what the arrays of a replay look like."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from robot_rl.arrays import Layout
from robot_rl.env import ArraySpec
from robot_rl.frames import FrameRing
from robot_rl.schema import spec_from_json, spec_to_json

IDS = ("stream", "episode", "step")
AHEAD = "ahead"
"""Column with how many transitions later the next one of the same stream came, 0 if none has."""
FLAGS = ("terminated", "truncated", "intervened", "is_demonstration")
ROW_PREFIX = "transition/"


@dataclass(frozen=True)
class ReplaySpec:
    """Specs and sizes of a replay; the arguments of ``Replay`` say what they mean.

    Raises:
        ValueError: If a size is too small.
    """

    observation: dict[str, ArraySpec]
    action: ArraySpec
    capacity: int
    frame_capacity: int
    frame_stack: int

    def __post_init__(self) -> None:
        least = {"frame_stack": 1, "capacity": 1, "frame_capacity": 4 * self.frame_stack}
        for name, smallest in least.items():
            if getattr(self, name) < smallest:
                raise ValueError(
                    f"{name} {getattr(self, name)} is too small; give {smallest} or more"
                )

    def layout(self) -> Layout:
        """Names, shapes and dtypes of all arrays."""
        columns: dict[str, tuple[tuple[int, ...], str]] = {
            **dict.fromkeys(("observation", "next_observation", *IDS, AHEAD), ((), "int64")),
            "action": (self.action.shape, self.action.dtype),
            "reward": ((), "float32"),
            **dict.fromkeys(FLAGS, ((), "bool")),
        }
        rows = {
            ROW_PREFIX + name: ((self.capacity, *shape), np.dtype(dtype))
            for name, (shape, dtype) in columns.items()
        }
        counts: Layout = {"row_counts": ((2,), np.dtype(np.int64))}
        return counts | rows | FrameRing.layout(self.observation, self.frame_capacity)

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        specs = {key: spec_to_json(spec) for key, spec in self.observation.items()}
        return vars(self) | {"observation": specs, "action": spec_to_json(self.action)}

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Self:
        """Inverse of ``to_json``."""
        specs = {key: spec_from_json(spec) for key, spec in content["observation"].items()}
        fixed = {"observation": specs, "action": spec_from_json(content["action"])}
        return cls(**(content | fixed))
