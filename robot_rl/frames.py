"""A ring of observations, each stored once, that know which one came before them."""

from __future__ import annotations

import numpy as np

from robot_rl.arrays import Layout, with_prefix
from robot_rl.env import ArraySpec, Observation

FRAME_PREFIX = "observation/"


class FrameRing:
    """Overwrites its oldest frames; who refers to a frame by its slot must watch ``used_until``.

    Args:
        capacity: Number of frames.
        arrays: Arrays of the layout ``FrameRing.layout``, new or from an earlier ring.
    """

    def __init__(self, capacity: int, arrays: dict[str, np.ndarray]) -> None:
        self.capacity = capacity
        self.used_until = arrays["frame_used_until"]
        """The transition from which on none uses the frame, set by the owner. Shape (capacity,)."""
        self._previous = arrays["frame_previous"]
        self._count = arrays["frame_count"]
        self._frames = with_prefix(arrays, FRAME_PREFIX)

    @staticmethod
    def layout(spec: dict[str, ArraySpec], capacity: int) -> Layout:
        """Names, shapes and dtypes of the arrays that a ring needs."""
        own: Layout = {
            "frame_count": ((1,), np.dtype(np.int64)),
            "frame_previous": ((capacity,), np.dtype(np.int32)),
            "frame_used_until": ((capacity,), np.dtype(np.int64)),
        }
        return own | {
            FRAME_PREFIX + k: ((capacity, *s.shape), np.dtype(s.dtype)) for k, s in spec.items()
        }

    @property
    def written(self) -> int:
        """Frames written so far; frame ``n`` lies in slot ``n % capacity``."""
        return int(self._count[0])

    def age(self, slots: np.ndarray) -> np.ndarray:
        """Frames written since those in ``slots``, 0 for the newest."""
        return (self.written - 1 - slots) % self.capacity

    def numbers(self, slots: np.ndarray) -> np.ndarray:
        """Of the frames in ``slots``, counted from the first ever written."""
        return self.written - 1 - self.age(slots)

    def next_slots(self, count: int) -> np.ndarray:
        """Slots that the next ``count`` frames take. Shape (count,)."""
        return np.arange(self.written, self.written + count) % self.capacity

    def write(
        self, frames: Observation, count: int, previous: np.ndarray | None = None
    ) -> np.ndarray:
        """Stores frames, arrays of shape (count, ...).

        Args:
            frames: The frames.
            count: Number of frames.
            previous: Slot of the frame before each, None where a segment starts. Shape (count,).

        Returns:
            Their slots. Shape (count,).
        """
        slots = self.next_slots(count)
        for key, ring in self._frames.items():
            ring[slots] = frames[key]
        self._previous[slots] = slots if previous is None else previous
        self._count[0] += count
        return slots

    def stack(self, slots: np.ndarray, length: int) -> np.ndarray:
        """Slots of each frame and those before it, oldest first; a segment's first frame repeats.

        Shape (n,) -> (n, length).
        """
        chain = [slots]
        for _ in range(length - 1):
            chain.append(self._previous.take(chain[-1]))
        return np.stack(chain[::-1], axis=-1)

    def equal(self, slots: np.ndarray, frames: Observation) -> np.ndarray:
        """Whether each slot holds the values of its frame; never for slot -1. Shape (n,)."""
        same = [
            slot >= 0
            and all(np.array_equal(ring[slot], frames[k][i]) for k, ring in self._frames.items())
            for i, slot in enumerate(slots.tolist())
        ]
        return np.array(same, bool)

    def gather(self, slots: np.ndarray, out: Observation | None = None) -> Observation:
        """Copies of the frames in ``slots``, arrays of shape (*slots.shape, ...).

        Args:
            slots: Slots of frames, of any shape.
            out: Arrays to write to; None makes new ones.
        """
        return {
            # "clip" because the default mode of take goes through a second buffer.
            key: ring.take(slots, axis=0, out=out[key] if out else None, mode="clip")
            for key, ring in self._frames.items()
        }
