"""Worlds advance independently of each other, and a state says everything about the future."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from sim.batch import Batch
from sim.peg_insert import PegInsert
from sim.pick_cube import PickCube
from sim.scene import arm_scene

ROOT = Path(__file__).parents[2]


@pytest.fixture
def batch() -> Batch:
    """Three worlds, each a bit elsewhere, pressing downwards."""
    scene = arm_scene()
    PegInsert().build(scene)
    batch = Batch(scene.compile(), worlds=3, threads=1)
    batch.qpos[:, :7] = [0.0, 0.6, 0.0, -2.0, 0.0, 2.6, 0.8]
    batch.qpos[:, 0] += [0.0, 0.02, 0.04]
    return batch


def _control(batch: Batch, ticks: int) -> np.ndarray:
    press = batch.qpos[:, None] + 0.05
    return np.tile(press, (1, ticks, 1))


def test_the_same_state_and_controls_give_the_same_bits(batch: Batch) -> None:
    control, start = _control(batch, 50), batch.state.copy()
    batch.advance(control)
    first = batch.state
    batch.state = start.copy()
    batch.advance(control)
    np.testing.assert_array_equal(batch.state, first)


def test_two_short_ways_end_where_one_long_way_does_in_free_motion(batch: Batch) -> None:
    control, start = _control(batch, 20), batch.state.copy()
    batch.advance(control)
    whole = batch.state
    batch.state = start
    for half in np.split(control, 2, axis=1):
        batch.advance(half)
    np.testing.assert_allclose(batch.state, whole, atol=1e-9)


def test_threads_do_not_change_the_bits(batch: Batch) -> None:
    control = _control(batch, 50)
    other = Batch(batch.models[0], worlds=3, threads=2)
    other.state[:] = batch.state
    batch.advance(control)
    other.advance(control)
    np.testing.assert_array_equal(other.state, batch.state)
    other.close()


def test_sensors_come_once_per_tick(batch: Batch) -> None:
    assert batch.advance(_control(batch, 7)).shape == (3, 7, batch.models[0].nsensordata)


def test_views_write_through_to_the_state(batch: Batch) -> None:
    batch.qpos[1, 2] = 0.123
    batch.qvel[1, 3] = 0.456
    assert {0.123, 0.456} <= set(batch.state[1])
    model, data = batch.view(1)
    assert model is batch.models[1]
    assert (data.qpos[2], data.qvel[3]) == (0.123, 0.456)


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e6, -101.0])
def test_a_world_without_sense_counts_as_diverged(batch: Batch, value: float) -> None:
    assert not batch.diverged.any()
    batch.qvel[1, 0] = value
    np.testing.assert_array_equal(batch.diverged, [False, True, False])


def test_a_world_that_the_engine_gives_up_counts_as_diverged_until_it_advances_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # The engine leaves its warnings in a file there.
    scene = arm_scene()
    PickCube().build(scene)
    batch = Batch(scene.compile(), worlds=3, threads=1)
    control, sound = np.zeros((3, 25, batch.models[0].nu)), batch.state.copy()
    batch.qpos[1, 9] = 1e11  # The cube, farther than the engine takes for a position.
    batch.advance(control)
    assert np.isfinite(batch.state).all()
    np.testing.assert_array_equal(batch.diverged, [False, True, False])
    batch.state = sound
    for _ in range(40):  # The clock is a sum of many steps.
        batch.advance(control)
        assert not batch.diverged.any()


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="the system has no affinities")
def test_no_more_threads_are_started_than_there_are_cores_to_use() -> None:
    code = """
import os
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
from sim import panda
from sim.batch import Batch
before = len(os.listdir("/proc/self/task"))
batch = Batch(panda.load(), worlds=4)
print(len(os.listdir("/proc/self/task")) - before)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "0"


def test_close_can_be_repeated(batch: Batch) -> None:
    batch.close()
    batch.close()
    with pytest.raises(RuntimeError, match="shutdown"):
        batch.advance(np.zeros((3, 1, batch.models[0].nu)))
