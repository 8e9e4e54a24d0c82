"""Replay against the bare numpy gather of the same arrays, bytes per frame, and one commit."""

from __future__ import annotations

import itertools
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks.table import Row, show_rows
from robot_rl.env import ArraySpec, Observation, Step
from robot_rl.episodes import Episodes
from robot_rl.replay import Replay, mix
from robot_rl.schema import Schema
from robot_rl.transition import WorldIds, split_step

BATCH = 256
BAR = 1.3
"""Wanted: cost of sampling over that of the bare gather."""
BATCHES = 200
"""Wanted of batches with two cameras a second, of a replay that no cache holds."""
BYTES_PER_FRAME = 49_300
"""Wanted for 128 x 128 x 3, of which the pixels are 49,152."""
BYTES_PER_TRANSITION = 99_000
"""Wanted for two of them, in long episodes."""
CAMERA = ArraySpec((128, 128, 3), "uint8", low=0, high=255)
STATE = {"state": ArraySpec((36,))}
IMAGES = {"images/front": CAMERA, "images/wrist": CAMERA}
ACTION = ArraySpec((7,), low=-1, high=1)
NUM_ENVS = 64


def durations(calls: list[Callable[[], object]], repeats: int) -> list[float]:
    """Median duration of each call, made in turn so that all see the same machine [s]."""
    spent: list[list[float]] = [[] for _ in calls]
    for _ in range(repeats):
        for call, times in zip(calls, spent, strict=True):
            start = time.perf_counter()
            call()
            times.append(time.perf_counter() - start)
    return [median(times) for times in spent]


def random_frames(spec: dict[str, ArraySpec], count: int, rng: np.random.Generator) -> Observation:
    """Frames that no two worlds share, arrays of shape (count, ...)."""
    return {
        key: rng.integers(0, 256, (count, *one.shape)).astype(one.dtype)
        for key, one in spec.items()
    }


def feed(replay: Replay, steps: int, num_envs: int = NUM_ENVS) -> float:
    """Appends steps of endless episodes; returns the median duration of the later half [s]."""
    ids, rng, spent = WorldIds(num_envs), np.random.default_rng(0), []
    pool = [random_frames(replay.spec.observation, num_envs, rng) for _ in range(8)]
    no = np.zeros(num_envs, bool)
    for t in range(steps):
        action = rng.uniform(-1, 1, (num_envs, *ACTION.shape)).astype(np.float32)
        step = Step(pool[(t + 1) % 8], no.astype(np.float32), no, no, {})
        start = time.perf_counter()
        replay.append_step(ids, pool[t % 8], action, step)
        spent.append(time.perf_counter() - start)
        ids.advance(no)
    return median(spent[steps // 2 :])


def bare_gather(
    replay: Replay, gather: Callable[[np.ndarray, np.ndarray], np.ndarray]
) -> Callable[[], object]:
    """A draw, and ``gather`` of each array that a batch needs: what replay adds is its cost."""
    capacity, rng = replay.spec.capacity, np.random.default_rng(0)
    frames = random_frames(replay.spec.observation, replay.spec.frame_capacity, rng)
    slots = np.arange(capacity), np.arange(capacity) + NUM_ENVS
    action = np.zeros((capacity, *ACTION.shape), np.float32)
    columns = [action, np.zeros(capacity, np.float32), *np.zeros((4, capacity), bool)]

    def call() -> object:
        rows = rng.integers(0, capacity, BATCH)
        scalars = [gather(column, rows) for column in columns]
        return scalars, [
            gather(frame, gather(slot, rows)) for slot in slots for frame in frames.values()
        ]

    return call


def fancy(array: np.ndarray, indices: np.ndarray) -> np.ndarray:
    """Plain indexing."""
    return array[indices]


def take(array: np.ndarray, indices: np.ndarray) -> np.ndarray:
    """Numpy's quickest gather of rows."""
    return array.take(indices, axis=0)


def sampling(name: str, spec: dict[str, ArraySpec], capacity: int, repeats: int) -> list[Row]:
    """Sampling and mixing against both ways to gather; and what feeding the ring costs."""
    rng = np.random.default_rng(0)
    replay, demonstrations = Replay(spec, ACTION, capacity), Replay(spec, ACTION, capacity // 8)
    append = feed(replay, 2 * capacity // NUM_ENVS)
    feed(demonstrations, capacity // 8, num_envs=1)
    kept = replay.sample(BATCH, rng)
    *spent, by_index, by_take = durations(
        [
            lambda: replay.sample(BATCH, rng),
            lambda: replay.sample(BATCH, rng, out=kept),
            lambda: mix(replay, demonstrations, BATCH, rng),
            bare_gather(replay, fancy),
            bare_gather(replay, take),
        ],
        repeats,
    )
    sample, into, mixed = (1e6 * value for value in spent)
    return [
        Row(f"replay/sample_{BATCH}/{name}", sample, "us", 1e6 * by_index),
        Row(f"replay/sample_{BATCH}/{name}/against_take", sample, "us", 1e6 * by_take),
        Row(f"replay/sample_{BATCH}/{name}/out", into, "us", 1e6 * by_index),
        Row(f"replay/batches_of_{BATCH}/{name}", 1e6 / into, "1/s", BATCHES),
        Row(f"replay/mix_{BATCH}/{name}", mixed, "us", 1e6 * by_index),
        Row(f"replay/over_bare_gather/{name}", spent[0] / by_index, "ratio", BAR),
        Row(f"replay/append_{NUM_ENVS}/{name}", 1e6 * append, "us"),
    ]


def frame_bytes() -> list[Row]:
    """Everything a replay holds per image, for a camera alone and for two with a state."""
    one = Replay({"images/wrist": CAMERA}, ACTION, 1000)
    two = Replay(STATE | IMAGES, ACTION, 1000)
    image = one.nbytes / one.spec.frame_capacity
    transition = two.nbytes / two.spec.capacity
    each_of_two = two.nbytes / two.spec.frame_capacity / 2
    return [
        Row("replay/image_bytes/one_camera", image, "B", BYTES_PER_FRAME),
        Row("replay/image_bytes/two_cameras_and_state", each_of_two, "B", BYTES_PER_FRAME),
        Row("replay/transition_bytes/two_cameras_and_state", transition, "B", BYTES_PER_TRANSITION),
    ]


def episode_store(length: int = 100, count: int = 5) -> list[Row]:
    """One durable commit, and reading with all checksums, of episodes with two cameras."""
    rng, no, ids = np.random.default_rng(0), np.zeros(1, bool), WorldIds(1)
    frames = [random_frames(STATE | IMAGES, 1, rng) for _ in range(length + 1)]
    action = np.zeros((1, *ACTION.shape), np.float32)
    commit: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        store = Episodes(Path(folder), Schema(STATE | IMAGES, ACTION, 0.05))
        for _ in range(count):
            writer = store.writer()
            for before, after in itertools.pairwise(frames):
                step = Step(after, np.zeros(1, np.float32), no, no, {})
                writer.add(split_step(ids, before, action, step)[0])
                ids.advance(no)
            start = time.perf_counter()
            writer.commit()
            commit.append(time.perf_counter() - start)
        [read] = durations([lambda: store[0]], count)
    return [
        Row(f"episodes/commit_{length}_steps/two_cameras", 1e3 * median(commit), "ms"),
        Row(f"episodes/read_{length}_steps/two_cameras", 2 * (length + 1) / read, "images/s"),
    ]


def rows() -> list[Row]:
    """Sampling, appending, bytes and the episode store."""
    return [
        *sampling("state", STATE, capacity=100_000, repeats=2000),
        *sampling("images", IMAGES, capacity=3_000, repeats=30),
        *frame_bytes(),
        *episode_store(),
    ]


if __name__ == "__main__":
    show_rows(rows())
