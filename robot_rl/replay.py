"""Replay: one preallocated ring of transitions over one ring of frames.

A frame is stored once, and a transition names its frame and its next frame by index. Whether two
transitions share a frame is decided by their stream, episode and step, never by the order in which
they arrive: bursts of interventions, truncated episodes and interleaved worlds cannot mix frames.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np

from robot_rl import arrays
from robot_rl.batch import ONE_STEP, Batch, Window
from robot_rl.env import IMAGES, ArraySpec, Info, Observation, Step
from robot_rl.frames import FrameRing
from robot_rl.replay_spec import AHEAD, IDS, ROW_PREFIX, ReplaySpec
from robot_rl.schema import SchemaError, check_arrays, differences
from robot_rl.transition import Source, Transition, WorldIds

Columns = dict[str, np.ndarray]
_RUN, _RUN_OF_IMAGES = 8, 256
"""Transitions for which there is room for one frame more."""


class Replay:
    """The newest ``capacity`` transitions, in memory or in memory-mapped files.

    Not for several threads at once: append and sample in one, or lock around both.

    Args:
        observation_spec: Spec of each observation key, as an environment gives it.
        action_spec: Spec of the action.
        capacity: Number of transitions.
        frame_capacity: Number of frames; an episode or burst of T transitions takes T + 1. When
            frames run out first, the oldest transitions go early. None adds an eighth to
            ``capacity``, which is enough for runs of 8 steps; of images, which are large, one in
            256, so that of runs of 40 steps 2 % fewer are held.
        frame_stack: Frames that a sampled observation consists of. The first frame of an episode,
            or after a gap in the steps, repeats.
        path: Folder of memory-mapped files; one that holds a replay is opened to go on. A killed
            process loses at most the transition that it was appending; a power cut may
            spoil what came after the last ``flush``; ``forget_after`` drops it.

    Raises:
        ValueError: If a size is too small.
        SchemaError: If the folder holds a replay of other specs or sizes.
        MemoryError: If the machine has too little memory.
        OSError: If the disk has too little room; it is taken here, not while learning.
    """

    def __init__(
        self,
        observation_spec: dict[str, ArraySpec],
        action_spec: ArraySpec,
        capacity: int,
        *,
        frame_capacity: int | None = None,
        frame_stack: int = 1,
        path: str | Path | None = None,
    ) -> None:
        if frame_capacity is None:
            sees = any(key.startswith(IMAGES) for key in observation_spec)
            share = _RUN_OF_IMAGES if sees else _RUN
            frame_capacity = capacity + max(capacity // share, 4 * frame_stack)
        spec = ReplaySpec(
            dict(observation_spec), action_spec, capacity, frame_capacity, frame_stack
        )
        self.spec = spec
        self._arrays = _mapped(Path(path), spec) if path else arrays.zeros(spec.layout())
        self._rows = arrays.with_prefix(self._arrays, ROW_PREFIX)
        self._counts = self._arrays["row_counts"]
        self._frames = FrameRing(frame_capacity, self._arrays)
        self._tails: dict[int, _Tail] = {}
        self._find_tails()

    @property
    def nbytes(self) -> int:
        """Size of all arrays [bytes]."""
        return arrays.layout_bytes(self.spec.layout())

    @property
    def appended(self) -> int:
        """Transitions appended so far, including those overwritten since."""
        return int(self._counts[0])

    @property
    def frames_written(self) -> int:
        """Frames stored so far, including those overwritten since."""
        return self._frames.written

    @property
    def indices(self) -> range:
        """Numbers of the transitions that are still there, oldest first, for ``gather``."""
        return range(int(self._counts[1]), self.appended)

    def __len__(self) -> int:
        return len(self.indices)

    def last(self, stream: int) -> tuple[int, int] | None:
        """Episode and step of the newest transition of a stream; None if it is not known."""
        tail = self._tails.get(stream)
        return None if tail is None else (tail.episode, tail.step - 1)

    def append(self, transition: Transition) -> None:
        """Appends one transition.

        Raises:
            SchemaError: If an array differs from the specs.
        """
        row = {
            name: np.array([getattr(transition, name)])
            for name in (*IDS, "action", "reward", "terminated", "truncated", "intervened")
        }
        row["is_demonstration"] = np.array([transition.source == "demo"])
        observation, following = (
            {key: np.asarray(value)[np.newaxis] for key, value in frame.items()}
            for frame in (transition.observation, transition.next_observation)
        )
        self._append(row, observation, following)

    def correct(self, transition: Transition) -> None:
        """Replaces reward and end of the transition with the same ids, if it is still there."""
        slots = np.array(self.indices, np.int64) % self.spec.capacity
        same = [self._rows[name][slots] == getattr(transition, name) for name in IDS]
        for name in ("reward", "terminated", "truncated"):
            self._rows[name][slots[np.all(same, axis=0)]] = getattr(transition, name)

    def forget_after(self, appended: int) -> None:
        """Drops what was appended after the first so many transitions.

        Of a full ring also the oldest tenth, for what is dropped may lie over it.
        """
        self._counts[0] = kept = min(self.appended, appended)
        least = kept - self.spec.capacity + self.spec.capacity // 10
        self._counts[1] = min(max(self._counts[1], least), kept)
        self._find_used()
        self._tails.clear()
        self._find_tails()

    def extend(self, transitions: Iterable[Transition]) -> None:
        """Appends transitions one by one, e.g. those of an episode."""
        for transition in transitions:
            self.append(transition)

    def episode(self, stream: int, episode: int) -> np.ndarray:
        """Numbers of the transitions of an episode that are still there. Shape (n,)."""
        numbers = np.array(self.indices, np.int64)
        same = self._take("stream", numbers) == stream
        return numbers[same & (self._take("episode", numbers) == episode)]

    def absorb(self, other: Replay, numbers: Iterable[int] | None = None) -> None:
        """Appends transitions of another replay of the same specs.

        Args:
            other: Where they are.
            numbers: Which; None: all, oldest first.

        Raises:
            SchemaError: If its arrays differ from the specs.
        """
        for number in other.indices if numbers is None else numbers:
            slot = [number % other.spec.capacity]
            rows = {name: column[slot] for name, column in other._rows.items()}
            before, after = (
                other._frames.gather(rows.pop(name)) for name in ("observation", "next_observation")
            )
            self._append(rows, before, after)

    def append_step(
        self,
        ids: WorldIds,
        observation: Observation,
        action: np.ndarray,
        step: Step,
        *,
        source: Source = "sim",
        where: np.ndarray | None = None,
    ) -> None:
        """Appends one transition for each world of a batched step.

        Args:
            ids: Ids of the worlds during this step, i.e. before ``ids.advance(step.done)``.
            observation: What the policy saw. Arrays of shape (num_envs, ...).
            action: Stored if ``step.info`` does not say which action was sent. Shape
                (num_envs, action).
            step: What ``env.step(action)`` returned.
            source: Where the step came from.
            where: Worlds to append, all if None, e.g. those where a person intervened. Shape
                (num_envs,), bool.

        Raises:
            SchemaError: If an array differs from the specs.
            ValueError: If the ring is too small for so many worlds.
        """
        worlds = len(action)
        rows = {
            "action": step.info.get(Info.ACTION_SENT, action),
            "intervened": step.info.get(Info.INTERVENED, np.zeros(worlds, bool)),
            "is_demonstration": np.full(worlds, source == "demo"),
            **{name: getattr(ids, name) for name in IDS},
            **{name: getattr(step, name) for name in ("reward", "terminated", "truncated")},
        }
        chosen = slice(None) if where is None else np.flatnonzero(where)
        rows, before, after = (
            {key: value[chosen] for key, value in columns.items()}
            for columns in (rows, observation, step.final_observation)
        )
        self._append(rows, before, after)

    def sample(
        self,
        batch_size: int,
        rng: np.random.Generator,
        out: Batch | None = None,
        window: Window = ONE_STEP,
    ) -> Batch:
        """Draws transitions uniformly, with replacement.

        Args:
            batch_size: Number of transitions.
            rng: Source of the draws.
            out: A batch of this size to overwrite, which spares images the cost of fresh memory;
                None makes a new one.
            window: How many steps each stands for.

        Raises:
            ValueError: If the replay is empty.
        """
        return self.gather(self.draw(batch_size, rng), out, window)

    def draw(self, count: int, rng: np.random.Generator) -> np.ndarray:
        """Numbers of ``count`` random transitions, for ``gather``. Shape (count,), int64.

        Raises:
            ValueError: If the replay is empty.
        """
        if not self.indices:
            raise ValueError("cannot sample from an empty replay; append transitions first")
        return rng.integers(self._counts[1], self._counts[0], count)

    def gather(
        self, indices: np.ndarray, out: Batch | None = None, window: Window = ONE_STEP
    ) -> Batch:
        """The transitions with the given numbers, which must be in ``self.indices``.

        Args:
            indices: Shape (batch,).
            out: A batch of this size to overwrite; None makes a new one.
            window: How many steps each stands for. It ends early where the episode does, where a
                person takes over or lets go, and where the next step is not there.
        """
        out = Batch.empty(self.spec, len(indices)) if out is None else out
        last = self._sum_up(indices, window, out)
        out.indices[...] = indices
        for numbers, names in ((indices, _OF_FIRST), (last, _OF_LAST)):
            for name in names:
                self._take(name, numbers, getattr(out, name))
        both = (indices, "observation"), (last, "next_observation")
        for column, (numbers, name) in enumerate(both):
            slots = self._take(name, numbers)
            out.frames[:, column] = self._frames.numbers(slots)
            self._frames.gather(self._stack(slots), getattr(out, name))
        return out

    def observations(self, at_once: int = 256) -> Iterator[Observation]:
        """What was observed before each transition that is still there, oldest first.

        Args:
            at_once: Observations in one batch: all pictures of an hour would take the memory.
        """
        for number in range(0, len(self), at_once):
            yield self.gather(np.array(self.indices[number : number + at_once])).observation

    def flush(self) -> None:
        """Makes a memory-mapped replay durable on disk; does nothing for one in memory."""
        arrays.flush(self._arrays)

    def save(self, path: str | Path) -> None:
        """Writes all transitions to one ``.npz`` file, which is old or new after a crash."""
        used = {name: value[: self._used(name)] for name, value in self._arrays.items()}
        arrays.save(Path(path), used, self.spec.to_json())

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Reads a file of ``save`` into memory; appending goes on where it ended.

        Raises:
            ValueError: If the file is corrupt.
        """
        saved, description = arrays.load(Path(path))
        spec = ReplaySpec.from_json(description)
        replay = cls(
            spec.observation,
            spec.action,
            spec.capacity,
            frame_capacity=spec.frame_capacity,
            frame_stack=spec.frame_stack,
        )
        for name, value in saved.items():
            replay._arrays[name][: len(value)] = value
        replay._find_tails()
        return replay

    def _take(self, name: str, numbers: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        """A column of the transitions with the given numbers."""
        return self._rows[name].take(numbers % self.spec.capacity, 0, out, "clip")

    def _sum_up(self, indices: np.ndarray, window: Window, out: Batch) -> np.ndarray:
        """Writes rewards and steps of the windows that begin there; the last number of each."""
        last, inside = indices, np.ones(len(indices), bool)
        self._take("reward", indices, out.reward)
        out.steps[...] = 1
        for step in range(1, window.steps):
            following, linked = self._following(last)
            inside &= linked
            last = np.where(inside, following, last)
            out.reward[...] += window.discount**step * inside * self._take("reward", last)
            out.steps[...] += inside
        return last

    def _following(self, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Numbers of the steps after those, and whether a window may go on there."""
        following = numbers + self._take(AHEAD, numbers)
        linked = following < self.appended
        linked &= ~(self._take("terminated", numbers) | self._take("truncated", numbers))
        for name, difference in (("stream", 0), ("episode", 0), ("step", 1), ("intervened", 0)):
            linked &= self._take(name, following) == self._take(name, numbers) + difference
        return following, linked

    def _append(self, rows: Columns, observation: Observation, following: Observation) -> None:
        count = len(rows["action"])
        self._check(rows["action"], observation, following)
        shared = self._shared_frames(rows, observation)
        fresh = np.flatnonzero(shared < 0)
        self._make_room(count, len(fresh) + count)
        shared[fresh] = self._frames.write(
            {k: v[fresh] for k, v in observation.items()}, len(fresh)
        )
        rows["observation"] = shared
        rows["next_observation"] = self._frames.write(following, count, previous=shared)
        numbers = np.arange(self.appended, self.appended + count)
        self._link(rows, numbers)
        for name, column in self._rows.items():
            column[numbers % self.spec.capacity] = rows[name]
        used = self._frames.stack(rows["next_observation"], self.spec.frame_stack + 1)
        self._frames.used_until[used] = numbers[:, np.newaxis] + 1
        self._counts[0] += count
        self._remember(rows, numbers)

    def _link(self, rows: Columns, numbers: np.ndarray) -> None:
        """Tells the step before each row how far ahead it lies."""
        rows[AHEAD] = np.zeros(len(numbers), np.int64)
        for (stream, episode, step), number in zip(_ids(rows), numbers.tolist(), strict=True):
            tail = self._tails.get(stream)
            if tail and (tail.episode, tail.step) == (episode, step) and tail.row in self.indices:
                self._rows[AHEAD][tail.row % self.spec.capacity] = number - tail.row

    def _check(self, action: np.ndarray, observation: Observation, following: Observation) -> None:
        count = len(action)
        check_arrays(self.spec.observation, observation, (count,))
        check_arrays(self.spec.observation, following, (count,))
        if action.shape[1:] != self.spec.action.shape:
            raise SchemaError(
                f"action of shape {action.shape[1:]}; this replay holds {self.spec.action.shape}"
            )
        if count > min(self.spec.capacity, self.spec.frame_capacity // 4):
            raise ValueError(
                f"{count} transitions at once do not fit a ring of {self.spec.capacity} and "
                f"{self.spec.frame_capacity} frames; give a capacity of at least {4 * count}"
            )

    def _shared_frames(self, rows: Columns, observation: Observation) -> np.ndarray:
        """Slot of each row's observation if the last row of its stream led to it, else -1.

        A frame is shared only from the newer half of the ring: a stream that pauses for long
        starts anew, rather than that its next overwritten frame evicts everything since.
        """
        slots = np.array([self._tail(*ids) for ids in _ids(rows)], np.int64)
        stacks = self._frames.stack(slots, self.spec.frame_stack)
        recent = self._frames.age(stacks).max(axis=1) < self.spec.frame_capacity // 2
        return np.where(recent & self._frames.equal(slots, observation), slots, -1)

    def _tail(self, stream: int, episode: int, step: int) -> int:
        """Slot of the frame that the last row of a stream led to, -1 if ``step`` is not next."""
        tail = self._tails.get(stream)
        if tail is None or (tail.episode, tail.step) != (episode, step):
            return -1
        recent = self._frames.written - tail.frame <= self.spec.frame_capacity // 2
        return tail.frame % self.spec.frame_capacity if recent else -1

    def _make_room(self, rows: int, frames: int) -> None:
        """Evicts, before anything is overwritten, all rows that would lose their row or a frame."""
        until = self._frames.used_until[self._frames.next_slots(frames)].max(initial=0)
        self._counts[1] = max(self._counts[1], self.appended + rows - self.spec.capacity, until)

    def _remember(self, rows: Columns, numbers: np.ndarray) -> None:
        frames = self._frames.numbers(rows["next_observation"])
        both = zip(frames.tolist(), numbers.tolist(), strict=True)
        for (stream, episode, step), (frame, row) in zip(_ids(rows), both, strict=True):
            self._tails[stream] = _Tail(episode, step + 1, frame, row)

    def _find_tails(self) -> None:
        """Remembers the last row of each stream, from the rows of an earlier process."""
        numbers = np.array(self.indices, np.int64)
        slots = numbers % self.spec.capacity
        self._remember({name: column[slots] for name, column in self._rows.items()}, numbers)

    def _find_used(self) -> None:
        """Which frames the rows use, from the rows alone."""
        numbers = np.array(self.indices, np.int64)
        following = self._rows["next_observation"][numbers % self.spec.capacity]
        used = self._frames.stack(following, self.spec.frame_stack + 1)
        self._frames.used_until[:] = 0
        np.maximum.at(self._frames.used_until, used, numbers[:, np.newaxis] + 1)

    def _stack(self, slots: np.ndarray) -> np.ndarray:
        length = self.spec.frame_stack
        return slots if length == 1 else self._frames.stack(slots, length)

    def _used(self, name: str) -> int | None:
        """Length of the part of an array that was ever written."""
        if name in ("row_counts", "frame_count"):
            return None
        return self.appended if name.startswith(ROW_PREFIX) else self._frames.written


class _Tail(NamedTuple):
    """What comes next in a stream."""

    episode: int
    step: int
    frame: int
    """Number of its frame, counted from the first ever written."""
    row: int
    """Number of the transition that led to it."""


_OF_FIRST = ("action", "intervened", "is_demonstration")
_OF_LAST = ("terminated", "truncated")
"""Columns of a batch that come from the first and from the last step of a window."""


def mix(
    online: Replay,
    demonstrations: Replay,
    batch_size: int,
    rng: np.random.Generator,
    demo_fraction: float = 0.5,
    out: Batch | None = None,
    window: Window = ONE_STEP,
) -> Batch:
    """A batch of demonstrations, first, and online data (RLPD, Ball et al., 2023).

    While one of the two is empty, the other gives the whole batch.

    Args:
        online: What the policy did.
        demonstrations: What people or scripts did; rows drawn from it count as demonstrations.
        batch_size: Number of transitions.
        rng: Source of the draws.
        demo_fraction: Share of demonstrations, in [0, 1].
        out: A batch of this size to overwrite; None makes a new one.
        window: How many steps each stands for.

    Raises:
        ValueError: If ``demo_fraction`` is out of range, or both are empty.
    """
    demos = demonstrations_in(online, demonstrations, batch_size, demo_fraction)
    batch = Batch.empty(online.spec, batch_size) if out is None else out
    if demos > 0:
        demonstrations.sample(demos, rng, batch.part(slice(demos)), window)
        batch.is_demonstration[:demos] = True
    if demos < batch_size:
        online.sample(batch_size - demos, rng, batch.part(slice(demos, None)), window)
    return batch


def demonstrations_in(
    online: Replay, demonstrations: Replay, batch_size: int, demo_fraction: float = 0.5
) -> int:
    """How many rows of a batch of ``mix`` are demonstrations; its arguments are those of ``mix``.

    Raises:
        ValueError: If ``demo_fraction`` is out of range.
    """
    if not 0 <= demo_fraction <= 1:
        raise ValueError(f"demo_fraction {demo_fraction} is not a share; choose one in [0, 1]")
    if not (online and demonstrations):
        return batch_size if demonstrations else 0
    return round(batch_size * demo_fraction)


def _ids(rows: Columns) -> Iterator[tuple[int, int, int]]:
    """Stream, episode and step of each row, as plain numbers."""
    return zip(*(rows[name].tolist() for name in IDS), strict=True)


def _mapped(folder: Path, spec: ReplaySpec) -> dict[str, np.ndarray]:
    """Opens the replay in a folder, or makes a new one."""
    found = arrays.read_description(folder)
    if found is None:
        return arrays.create_mapped(folder, spec.layout(), spec.to_json())
    if lines := differences(spec.to_json(), ReplaySpec.from_json(found).to_json()):
        raise SchemaError(
            f"{folder} holds another replay; choose another path or delete it:\n  "
            + "\n  ".join(lines)
        )
    return arrays.open_mapped(folder, spec.layout())
