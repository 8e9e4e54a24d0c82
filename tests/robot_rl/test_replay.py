"""Every frame says which stream, episode and step it is of, so that a wrong one is seen at once."""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robot_rl.batch import Batch, Window
from robot_rl.env import ArraySpec, Info, Observation
from robot_rl.replay import Replay, mix
from robot_rl.schema import SchemaError
from robot_rl.toy import PointEnv
from robot_rl.transition import Transition, WorldIds, split_step

ROOT = Path(__file__).parents[2]
SPEC = {"state": ArraySpec((3,)), "images/wrist": ArraySpec((2, 2, 3), "uint8")}
ACTION = ArraySpec((2,), low=-1, high=1)
Ids = tuple[int, int, int]


def frame(stream: int, episode: int, step: int) -> Observation:
    """The observation before a step; its state is its name, and its image follows from it."""
    digits = [stream, episode % 256, step % 256, step // 256] * 3
    return {
        "state": np.array([stream, episode, step], np.float32),
        "images/wrist": np.array(digits, np.uint8).reshape(2, 2, 3),
    }


def transition(stream: int, episode: int, step: int, truncated: bool = False) -> Transition:
    return Transition(
        observation=frame(stream, episode, step),
        next_observation=frame(stream, episode, step + 1),
        action=np.array([stream, step], np.float32),
        policy_action=np.zeros(2, np.float32),
        reward=step,
        terminated=False,
        truncated=truncated,
        stream=stream,
        episode=episode,
        step=step,
    )


def episode(length: int, stream: int = 0, number: int = 0) -> Iterator[Transition]:
    return (transition(stream, number, t, truncated=t == length - 1) for t in range(length))


def make(
    capacity: int,
    *,
    frame_capacity: int | None = None,
    frame_stack: int = 1,
    path: Path | None = None,
) -> Replay:
    return Replay(
        SPEC, ACTION, capacity, frame_capacity=frame_capacity, frame_stack=frame_stack, path=path
    )


def wrong(replay: Replay, appended: list[Ids]) -> int:
    """Number of transitions in the replay with a frame, next frame or action that is not theirs."""
    batch = replay.gather(np.array(replay.indices))
    count = 0
    for row, index in enumerate(replay.indices):
        stream, number, step = appended[index]
        before, after = frame(stream, number, step), frame(stream, number, step + 1)
        count += not (
            all(np.array_equal(batch.observation[key][row], before[key]) for key in SPEC)
            and all(np.array_equal(batch.next_observation[key][row], after[key]) for key in SPEC)
            and np.array_equal(batch.action[row], [stream, step])
            and batch.reward[row] == step
        )
    return count


def append_all(replay: Replay, transitions: Iterable[Transition]) -> list[Ids]:
    every = list(transitions)
    replay.extend(every)
    return [(one.stream, one.episode, one.step) for one in every]


def bursts(rng: np.random.Generator) -> Iterator[Transition]:
    """What people took over: 4 bursts of 3 to 9 steps in each of 10 episodes of 100 steps."""
    for number in range(10):
        for quarter in range(4):
            start = 25 * quarter + rng.integers(16)
            for step in range(start, start + rng.integers(3, 10)):
                yield transition(0, number, int(step))


def test_bursts_of_interventions_give_no_wrong_frame() -> None:
    replay = make(1000)
    appended = append_all(replay, bursts(np.random.default_rng(0)))
    assert len(replay) == len(appended) > 200
    assert wrong(replay, appended) == 0


def test_truncated_episodes_give_no_wrong_next_frame() -> None:
    replay = make(5000)
    appended = append_all(
        replay, itertools.chain.from_iterable(episode(100, number=n) for n in range(40))
    )
    assert wrong(replay, appended) == 0
    batch = replay.gather(np.array(replay.indices))
    assert batch.truncated.sum() == 40
    assert not batch.terminated.any()


def test_a_frame_is_stored_once() -> None:
    replay = make(5000)
    for number in range(3):
        replay.extend(episode(100, number=number))
    assert replay.frames_written == 3 * 101


def test_equal_ids_do_not_share_unequal_frames() -> None:
    replay = make(10)
    first, second = transition(0, 0, 0), transition(0, 0, 1)
    second.observation["images/wrist"][0, 0, 0] += 1
    replay.extend([first, second])
    batch = replay.gather(np.arange(2))
    for row, one in enumerate([first, second]):
        for key in SPEC:
            np.testing.assert_array_equal(batch.observation[key][row], one.observation[key])
            np.testing.assert_array_equal(
                batch.next_observation[key][row], one.next_observation[key]
            )


moves = st.tuples(st.integers(0, 3), st.sampled_from(["step", "step", "step", "skip", "reset"]))


@given(
    st.lists(moves, min_size=20, max_size=150),
    st.integers(1, 24),
    st.integers(0, 40),
    st.integers(1, 3),
)
@settings(deadline=None, max_examples=150)
def test_interleaved_streams_around_the_ring_give_no_wrong_frame(
    plan: list[tuple[int, str]], capacity: int, spare: int, frame_stack: int
) -> None:
    replay = make(capacity, frame_capacity=4 * frame_stack + spare, frame_stack=frame_stack)
    position: dict[int, tuple[int, int]] = dict.fromkeys(range(4), (0, 0))
    appended: list[Ids] = []
    for stream, move in plan:
        number, step = position[stream]
        if move == "reset":
            number, step = number + 1, 0
        elif move == "skip":
            step += 2
        replay.append(transition(stream, number, step))
        appended.append((stream, number, step))
        position[stream] = number, step + 1
        assert 1 <= len(replay) <= capacity
        assert replay.indices[-1] == len(appended) - 1
    batch = replay.gather(np.array(replay.indices))
    for row, index in enumerate(replay.indices):
        stream, number, step = appended[index]
        for observations, last in ((batch.observation, step), (batch.next_observation, step + 1)):
            assert_stack(observations, row, (stream, number, last), frame_stack, appended)


def assert_stack(
    observations: Observation, row: int, last: Ids, length: int, appended: list[Ids]
) -> None:
    """The newest frame is ``last``; those before it precede it, or repeat a segment's first."""
    stacked = {
        key: value[row] if length > 1 else value[row][np.newaxis]
        for key, value in observations.items()
    }
    names = [tuple(state.astype(int).tolist()) for state in stacked["state"]]
    assert names[-1] == last
    for older, newer in itertools.pairwise(names):
        assert older == newer or (older == (*newer[:2], newer[2] - 1) and older in appended)
    for i, name in enumerate(names):
        np.testing.assert_array_equal(stacked["images/wrist"][i], frame(*name)["images/wrist"])


def test_stacked_frames_go_back_to_the_start_of_a_segment_and_no_further() -> None:
    replay = make(50, frame_stack=3)
    for stream in range(2):
        replay.extend(episode(4, stream))
    replay.extend([transition(0, 1, 0), transition(0, 1, 1), transition(0, 1, 5)])
    batch = replay.gather(np.array([2, 3, 4, 8, 9, 10]))
    assert batch.observation["state"][:, :, 2].tolist() == [
        [0, 1, 2],
        [1, 2, 3],
        [0, 0, 0],
        [0, 0, 0],
        [0, 0, 1],
        [5, 5, 5],
    ]
    assert batch.next_observation["state"][:, :, 2].tolist() == [
        [1, 2, 3],
        [2, 3, 4],
        [0, 0, 1],
        [0, 0, 1],
        [0, 1, 2],
        [5, 5, 6],
    ]


def test_a_full_ring_keeps_the_newest_capacity_transitions() -> None:
    replay = make(30)
    streams = [episode(50, stream) for stream in range(3)]
    appended = append_all(replay, itertools.chain.from_iterable(zip(*streams, strict=True)))
    assert replay.indices == range(120, 150)
    assert wrong(replay, appended) == 0


def valued(stream: int, step: int, before: int, after: int) -> Transition:
    """A transition between frames that do not say whose they are."""
    frames = (frame(value, 0, 0) for value in (before, after))
    observation, following = frames
    return replace(transition(stream, 0, step), observation=observation, next_observation=following)


def test_equal_frames_do_not_hide_a_gap() -> None:
    replay = make(10, frame_stack=2)
    replay.extend([valued(0, 0, before=1, after=2), valued(0, 5, before=2, after=3)])
    assert replay.gather(np.array([1])).observation["state"][0, :, 0].tolist() == [2, 2]


def test_an_equal_frame_in_the_place_of_an_overwritten_one_is_not_taken_for_it() -> None:
    replay = make(8, frame_capacity=8, frame_stack=2)
    replay.append(valued(0, 0, before=1, after=2))  # writes slots 0 and 1
    values = [10, 11, 12, 13, 14, 15, 16, 2]  # slots 2 to 7, 0 and 1
    for step, (before, after) in enumerate(itertools.pairwise(values)):
        replay.append(valued(1, step, before, after))
    replay.append(valued(0, 1, before=2, after=3))
    newest = replay.gather(np.array(replay.indices[-1:]))
    assert newest.observation["state"][0, :, 0].tolist() == [2, 2]


@pytest.mark.parametrize("frame_stack", [1, 2])
def test_a_stream_that_pauses_costs_at_most_half_the_ring(frame_stack: int) -> None:
    replay = make(100, frame_capacity=112, frame_stack=frame_stack)
    busy = itertools.chain.from_iterable(episode(28, number=number) for number in itertools.count())
    for step in range(20):
        replay.append(transition(1, 0, step))
        replay.extend(itertools.islice(busy, 54))
        assert len(replay) >= min(replay.appended, 50)


def worlds(replay: Replay, steps: int, where: np.ndarray | None = None) -> list[Transition]:
    """Feeds a toy environment whose episodes last 7 steps; returns what has to be in the replay."""
    expected: list[Transition] = []
    rng = np.random.default_rng(0)
    with PointEnv(num_envs=5, max_steps=7) as env:
        ids, step = WorldIds(env.num_envs), env.reset(0)
        for _ in range(steps):
            action = rng.uniform(-2, 2, (env.num_envs, 2)).astype(np.float32)
            after = env.step(action)
            after.info[Info.INTERVENED] = rng.random(env.num_envs) < 0.5
            replay.append_step(ids, step.observation, action, after, where=where)
            every = split_step(ids, step.observation, action, after)
            expected += [one for one in every if where is None or where[one.stream]]
            ids.advance(after.done)
            step = after
    return expected


@pytest.mark.parametrize("where", [None, np.array([True, False, True, False, False])])
def test_a_step_of_many_worlds_is_stored_as_it_was(where: np.ndarray | None) -> None:
    with PointEnv() as env:
        replay = Replay(env.observation_spec, env.action_spec, 1000)
    expected = worlds(replay, 40, where)
    batch = replay.gather(np.array(replay.indices))
    assert len(replay) == len(expected)
    for name in ("action", "reward", "terminated", "truncated", "intervened"):
        column = np.array([getattr(one, name) for one in expected], getattr(batch, name).dtype)
        np.testing.assert_array_equal(getattr(batch, name), column)
    for name in ("observation", "next_observation"):
        column = np.stack([getattr(one, name)["state"] for one in expected])
        np.testing.assert_array_equal(getattr(batch, name)["state"], column)
    assert batch.truncated.sum() >= 5
    episodes = sum(one.terminated or one.truncated for one in expected)
    streams = 5 if where is None else where.sum()
    assert replay.frames_written <= len(expected) + episodes + streams


def test_a_batch_is_the_callers_to_keep() -> None:
    replay = make(8)
    replay.extend(episode(8))
    batch = replay.sample(16, np.random.default_rng(0))
    kept = [column.copy() for column in flat(batch)]
    replay.sample(16, np.random.default_rng(1))
    replay.extend(episode(20, number=1))
    for column, copy in zip(flat(batch), kept, strict=True):
        np.testing.assert_array_equal(column, copy)
    for column in flat(batch):
        column[...] = 0
    assert wrong(replay, [(0, 0, t) for t in range(8)] + [(0, 1, t) for t in range(20)]) == 0


def flat(batch: Batch) -> list[np.ndarray]:
    return [
        array
        for column in batch
        for array in (column.values() if isinstance(column, dict) else [column])
    ]


@pytest.mark.parametrize("frame_stack", [1, 3])
def test_overwriting_a_batch_gives_what_a_new_one_holds(frame_stack: int) -> None:
    replay = make(50, frame_stack=frame_stack)
    replay.extend(episode(40))
    indices = np.array([3, 39, 0, 17])
    into = Batch.empty(replay.spec, 4)
    given, new = replay.gather(indices, into), replay.gather(indices)
    for overwritten, returned, fresh in zip(flat(into), flat(given), flat(new), strict=True):
        np.testing.assert_array_equal(overwritten, fresh)
        np.testing.assert_array_equal(returned, fresh)
        assert overwritten.dtype == fresh.dtype


def windows(replay: Replay, steps: int) -> list[tuple[int, int]]:
    """Number of steps and last step of a window from each transition."""
    batch = replay.gather(np.array(replay.indices), window=Window(steps, 0.5))
    last = batch.next_observation["state"][:, 2].astype(int) - 1
    return list(zip(batch.steps.tolist(), last.tolist(), strict=True))


def test_a_window_sums_discounted_rewards_and_sees_what_came_after() -> None:
    replay = make(50)
    replay.extend(episode(5))
    batch = replay.gather(np.arange(5), window=Window(3, 0.5))
    assert batch.steps.tolist() == [3, 3, 3, 2, 1]
    assert batch.reward.tolist() == [1.0, 2.75, 4.5, 5.0, 4.0]  # At step 1: 1 + 2/2 + 3/4.
    assert batch.next_observation["state"][:, 2].tolist() == [3, 4, 5, 5, 5]
    assert batch.truncated.tolist() == [False, False, True, True, True]
    assert batch.observation["state"][:, 2].tolist() == batch.action[:, 1].tolist()
    assert batch.observation["state"][:, 2].tolist() == [0, 1, 2, 3, 4]


def test_a_window_ends_with_the_episode_whatever_lies_behind_it() -> None:
    replay = make(50)
    replay.append(replace(transition(0, 0, 0), terminated=True))
    replay.append(transition(0, 0, 1))  # Of the same episode, by its ids.
    replay.append(transition(0, 1, 0))
    replay.append(transition(0, 1, 2))  # One step is missing.
    assert windows(replay, 4) == [(1, 0), (1, 1), (1, 0), (1, 2)]


def test_a_window_ends_where_a_person_takes_over_and_where_they_let_go() -> None:
    replay = make(50)
    for one in episode(6):
        replay.append(replace(one, intervened=one.step in (2, 3)))
    assert windows(replay, 3) == [(2, 1), (1, 1), (2, 3), (1, 3), (2, 5), (1, 5)]


def test_a_window_does_not_go_on_with_what_was_forgotten(tmp_path: Path) -> None:
    replay = make(50, path=tmp_path)
    replay.extend(episode(4))
    replay.forget_after(2)
    replay.extend(episode(4, stream=1))  # In the place of what was.
    assert windows(replay, 3) == [(2, 1), (1, 1), (3, 2), (3, 3), (2, 3), (1, 3)]
    again = make(50, path=tmp_path)
    again.append(transition(0, 0, 2))
    assert windows(again, 3)[:2] == [(3, 2), (2, 2)]


def test_a_window_goes_on_after_saving(tmp_path: Path) -> None:
    replay = make(50)
    replay.extend(transition(0, 0, step) for step in range(2))
    replay.save(tmp_path / "replay.npz")
    again = Replay.load(tmp_path / "replay.npz")
    again.append(transition(0, 0, 2))
    assert windows(again, 3) == [(3, 2), (2, 2), (1, 2)]


@given(
    st.lists(moves, min_size=20, max_size=150),
    st.lists(st.booleans(), min_size=150, max_size=150),
    st.integers(4, 60),
    st.integers(1, 5),
)
@settings(deadline=None, max_examples=100)
def test_windows_around_the_ring_are_those_of_the_streams(
    plan: list[tuple[int, str]], intervened: list[bool], capacity: int, steps: int
) -> None:
    replay = make(capacity)
    position: dict[int, tuple[int, int]] = dict.fromkeys(range(4), (0, 0))
    by: dict[Ids, bool] = {}
    for (stream, move), person in zip(plan, intervened, strict=False):
        number, step = position[stream]
        number, step = (number + 1, 0) if move == "reset" else (number, step + 2 * (move == "skip"))
        replay.append(replace(transition(stream, number, step), intervened=person))
        by[stream, number, step] = person
        position[stream] = number, step + 1
    appended = list(by)
    batch = replay.gather(np.array(replay.indices), window=Window(steps, 0.5))
    for row, index in enumerate(replay.indices):
        stream, number, step = appended[index]
        same = (by.get((stream, number, step + n)) == by[appended[index]] for n in range(steps))
        length = len(list(itertools.takewhile(bool, same)))
        assert batch.steps[row] == length
        assert batch.reward[row] == sum(0.5**n * (step + n) for n in range(length))
        assert batch.next_observation["state"][row].tolist() == [stream, number, step + length]
        assert batch.intervened[row] == by[appended[index]]


def test_sampling_is_uniform_and_follows_the_seed() -> None:
    replay = make(20)
    replay.extend(episode(50))
    drawn = replay.draw(20_000, np.random.default_rng(0))
    counts = np.bincount(drawn - replay.indices[0], minlength=20)
    assert len(counts) == 20
    assert ((counts > 850) & (counts < 1150)).all()
    again = replay.sample(5, np.random.default_rng(3)), replay.sample(5, np.random.default_rng(3))
    np.testing.assert_array_equal(again[0].indices, again[1].indices)


@pytest.mark.parametrize(("fraction", "demos"), [(0.0, 0), (0.25, 64), (0.5, 128), (1.0, 256)])
def test_mix_takes_the_share_of_demonstrations(fraction: float, demos: int) -> None:
    online, demonstrations = make(50), make(50)
    online.extend(episode(50, stream=0))
    demonstrations.extend(episode(50, stream=1))
    batch = mix(online, demonstrations, 256, np.random.default_rng(0), fraction)
    expected = np.arange(256) < demos
    np.testing.assert_array_equal(batch.is_demonstration, expected)
    np.testing.assert_array_equal(batch.observation["state"][:, 0], expected)
    np.testing.assert_array_equal(batch.next_observation["state"][:, 0], expected)
    np.testing.assert_array_equal(batch.action[:, 0], expected)


def test_mix_takes_all_from_one_while_the_other_is_empty() -> None:
    filled, rng = make(10), np.random.default_rng(0)
    filled.extend(episode(10))
    assert mix(make(10), filled, 8, rng).is_demonstration.all()
    assert not mix(filled, make(10), 8, rng).is_demonstration.any()
    with pytest.raises(ValueError, match="empty replay; append transitions first"):
        mix(make(10), make(10), 8, rng)
    with pytest.raises(ValueError, match=r"demo_fraction 1\.5 .* \[0, 1\]"):
        mix(filled, filled, 8, rng, 1.5)


def test_a_demonstration_is_known_in_every_batch() -> None:
    replay = make(10)
    replay.append(replace(transition(0, 0, 0), source="demo"))
    replay.append(transition(1, 0, 0))
    assert replay.gather(np.arange(2)).is_demonstration.tolist() == [True, False]


def test_what_another_replay_holds_is_appended_as_it_was() -> None:
    other, replay = make(30), make(60)
    streams = zip(episode(40), episode(40, stream=7), strict=True)
    held = append_all(other, itertools.chain.from_iterable(streams))[-30:]
    own = append_all(replay, episode(5, stream=3))
    replay.absorb(other)
    assert len(replay) == 35
    assert wrong(replay, own + held) == 0
    assert replay.frames_written == 6 + 30 + 2  # each frame of a stream once
    assert replay.last(7) == (0, 39)


def test_an_episode_is_found_and_taken_over_alone() -> None:
    replay, other = make(20), make(50)
    other.extend(episode(5, stream=1, number=3))
    other.extend(episode(4, stream=2, number=3))
    other.extend(episode(3, stream=1, number=4))
    assert other.episode(1, 3).tolist() == [0, 1, 2, 3, 4]
    assert other.episode(2, 4).tolist() == []
    replay.absorb(other, other.episode(2, 3))
    assert len(replay) == 4
    assert wrong(replay, [(2, 3, step) for step in range(4)]) == 0


def test_a_transition_is_corrected_where_it_still_is() -> None:
    replay = make(30)
    replay.extend(itertools.chain(episode(20), episode(20, stream=7)))
    for stream in (0, 7):  # The first is overwritten by now.
        wrong = transition(stream, 0, 5)
        replay.correct(replace(wrong, reward=-1, terminated=True, truncated=True))
    batch = replay.gather(np.array(replay.indices))
    changed = batch.observation["state"][batch.reward < 0]
    np.testing.assert_array_equal(changed, [frame(7, 0, 5)["state"]])
    assert batch.terminated.tolist() == (batch.reward < 0).tolist()
    assert batch.truncated.sum() == 3


def test_a_replay_goes_on_from_where_it_forgot(tmp_path: Path) -> None:
    replay = make(30, path=tmp_path / "ring")
    append_all(replay, episode(8))
    replay.forget_after(5)
    assert replay.last(0) == (0, 4)
    rest = (transition(0, 0, t) for t in range(5, 7))
    appended = [(0, 0, t) for t in range(5)] + append_all(replay, rest)
    assert wrong(replay, appended) == 0
    assert len(make(30, path=tmp_path / "ring")) == 7
    replay.forget_after(99)
    assert len(replay) == 7


def test_what_a_power_cut_leaves_half_written_evicts_nothing_else(tmp_path: Path) -> None:
    replay = make(30, path=tmp_path / "ring", frame_stack=2)
    append_all(replay, episode(8))
    used = replay._frames.used_until.copy()
    replay._frames.used_until[:] = 20  # This file was written back, and that of the counts not.
    replay.forget_after(8)
    np.testing.assert_array_equal(replay._frames.used_until, used)
    replay.append(transition(0, 1, 0))
    assert len(replay) == 9


def test_of_a_full_ring_what_may_be_overwritten_is_forgotten_too() -> None:
    replay = make(30)
    append_all(replay, episode(50))
    replay._counts[:] = 45, 15  # As they were before the last five.
    replay.forget_after(45)
    assert replay.indices == range(18, 45)


def through_file(replay: Replay, folder: Path) -> Replay:
    replay.save(folder / "replay.npz")
    return Replay.load(folder / "replay.npz")


def reopened(replay: Replay, folder: Path) -> Replay:
    replay.flush()
    return make(30, path=folder / "ring", frame_stack=2)


@pytest.mark.parametrize(
    ("path", "carry_on"), [(None, through_file), ("ring", reopened)], ids=["file", "mapped"]
)
@pytest.mark.parametrize("length", [5, 100])
def test_a_replay_goes_on_where_it_ended(
    tmp_path: Path, path: str | None, carry_on: Callable[[Replay, Path], Replay], length: int
) -> None:
    replay = make(30, frame_stack=2, path=tmp_path / path if path else None)
    unbroken = make(30, frame_stack=2)
    streams = zip(episode(length), episode(length, stream=7), strict=True)
    every = list(itertools.chain.from_iterable(streams))
    half = len(every) // 2
    replay.extend(every[:half])
    resumed = carry_on(replay, tmp_path)
    resumed.extend(every[half:])
    unbroken.extend(every)
    assert resumed.frames_written == unbroken.frames_written
    assert resumed.indices == unbroken.indices
    indices = np.array(unbroken.indices)
    for mine, theirs in zip(
        flat(resumed.gather(indices)), flat(unbroken.gather(indices)), strict=True
    ):
        np.testing.assert_array_equal(mine, theirs)
        assert mine.dtype == theirs.dtype


FRAMES = 112
"""Enough for the episodes that ``write_forever`` appends."""


def test_a_killed_process_leaves_a_mapped_replay_without_wrong_frames(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    writers = [
        subprocess.Popen(
            [sys.executable, __file__, str(tmp_path / str(i))],
            stdout=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        )
        for i in range(3)
    ]
    with contextlib.ExitStack() as stack:
        for writer in writers:
            stack.callback(writer.kill)  # Whatever fails, none goes on for ever.
        for i, writer in enumerate(writers):
            assert writer.stdout
            assert writer.stdout.readline() == b"writing\n"
            time.sleep(rng.uniform(0.01, 0.1))
            writer.send_signal(signal.SIGKILL)
            writer.communicate()
            replay = make(100, path=tmp_path / str(i), frame_capacity=FRAMES)
            assert replay.appended > 200
            assert len(replay) >= 99
            assert wrong(replay, [ids(n) for n in range(replay.appended)]) == 0


def ids(number: int) -> Ids:
    """Ids of the transitions that ``write_forever`` appends: 3 streams, episodes of 40 steps."""
    return number % 3, number // 3 // 40, number // 3 % 40


def write_forever(path: Path) -> None:
    replay = make(100, path=path, frame_capacity=FRAMES)
    for number in itertools.count():
        replay.append(transition(*ids(number)))
        if number == 200:
            print("writing", flush=True)


def flip_a_bit(content: bytes) -> bytes:
    place = content.index(frame(0, 0, 20)["state"].tobytes())
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


def cut_short(content: bytes) -> bytes:
    return content[: len(content) // 2]


@pytest.mark.parametrize("damage", [flip_a_bit, cut_short])
def test_a_damaged_file_is_named(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    replay = make(30)
    replay.extend(episode(30))
    file = tmp_path / "replay.npz"
    replay.save(file)
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(ValueError, match=r"replay\.npz is corrupt .* restore a copy"):
        Replay.load(file)


def test_saving_leaves_no_second_file(tmp_path: Path) -> None:
    for _ in range(2):
        make(30).save(tmp_path / "replay.npz")
    assert [path.name for path in tmp_path.iterdir()] == ["replay.npz"]


def test_a_folder_of_another_replay_is_refused_with_the_differences(tmp_path: Path) -> None:
    make(30, path=tmp_path)
    other = SPEC | {"state": ArraySpec((4,))}
    with pytest.raises(SchemaError) as caught:
        Replay(other, ACTION, 40, frame_capacity=38, path=tmp_path)
    assert str(caught.value).splitlines()[1:] == [
        "  observation.state.shape: expected [4], got [3]",
        "  capacity: expected 40, got 30",
        "  frame_capacity: expected 38, got 34",
    ]


def test_what_does_not_fit_the_specs_is_refused_with_the_differences() -> None:
    replay = make(30)
    bad = transition(0, 0, 0)
    bad.observation["images/wrist"] = bad.observation["images/wrist"].astype(np.float32)
    bad.observation["wrench"] = bad.observation.pop("state")
    with pytest.raises(SchemaError) as caught:
        replay.append(bad)
    assert str(caught.value).split("; ") == [
        "state: missing",
        "images/wrist: expected uint8 (1, 2, 2, 3), got float32 (1, 2, 2, 3)",
        "wrench: unknown, choose from state, images/wrist",
    ]
    wide = replace(transition(0, 0, 0), action=np.zeros(3, np.float32))
    with pytest.raises(SchemaError, match=r"action of shape \(3,\); this replay holds \(2,\)"):
        replay.append(wide)
    assert len(replay) == 0


def test_a_size_that_cannot_work_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="capacity 0 is too small; give 1 or more"):
        make(0)
    with pytest.raises(ValueError, match="frame_capacity 7 is too small; give 8 or more"):
        make(10, frame_capacity=7, frame_stack=2)
    with pytest.raises(MemoryError, match="choose a smaller capacity, or a path"):
        make(10**13)
    with pytest.raises(OSError, match="free; choose a smaller capacity or another path"):
        make(10**13, path=tmp_path)
    with PointEnv(num_envs=5) as env:
        small = Replay(env.observation_spec, env.action_spec, 8)
        with pytest.raises(ValueError, match=r"5 transitions at once .* capacity of at least 20"):
            worlds(small, 1)
    with pytest.raises(ValueError, match="empty replay; append transitions first"):
        make(10).sample(1, np.random.default_rng(0))


@pytest.mark.parametrize("cameras", [1, 2])
def test_an_image_costs_little_more_than_its_pixels(cameras: int) -> None:
    spec = {f"images/{i}": ArraySpec((128, 128, 3), "uint8") for i in range(cameras)}
    replay = Replay(spec, ArraySpec((7,)), 10_000)
    assert replay.nbytes / (replay.spec.frame_capacity * cameras) <= 49_300
    assert replay.nbytes / (replay.spec.capacity * cameras) <= 49_500


if __name__ == "__main__":
    write_forever(Path(sys.argv[1]))
