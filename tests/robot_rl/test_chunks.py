"""Worlds that end at different moments follow plans of their own; published code shares one."""

from __future__ import annotations

import numpy as np

from robot_rl.chunks import Chunks
from robot_rl.env import Observation

WORLDS, HORIZON, STEPS = 4, 6, 3
KEYS = ("state",)


class Planner:
    """Plans what was seen last, plus a tenth for every step of the plan."""

    def __init__(self) -> None:
        self.asked: list[list[float]] = []
        self.histories: list[np.ndarray] = []

    def __call__(self, observation: Observation) -> np.ndarray:
        seen = observation["state"]
        self.asked.append(seen[:, -1, 0].tolist())
        self.histories.append(seen[:, :, 0])
        return seen[:, -1:] + np.arange(HORIZON)[None, :, None] / 10


def _see(*values: float) -> Observation:
    return {"state": np.array(values, np.float64)[:, None]}


def test_a_plan_is_followed_and_then_asked_for_anew() -> None:
    act = Chunks(planner := Planner(), KEYS, history=2, steps=STEPS)
    done = [act(_see(10, 20))[:, 0].tolist()]
    done += [act(_see(11, 21))[:, 0].tolist(), act(_see(12, 22))[:, 0].tolist()]
    assert np.allclose(done, [[10, 20], [10.1, 20.1], [10.2, 20.2]])
    assert np.allclose(act(_see(13, 23))[:, 0], [13, 23])
    assert planner.asked == [[10, 20], [13, 23]]
    assert planner.histories[1].tolist() == [[12, 13], [22, 23]]


def test_a_world_that_ends_leaves_the_plans_of_the_others_alone() -> None:
    act = Chunks(planner := Planner(), KEYS, history=2, steps=STEPS)
    act(_see(0, 100, 200, 300))
    act(_see(1, 101, 201, 301))
    act.forget(np.array([False, True, False, False]))
    third = act(_see(2, 555, 202, 302))[:, 0]
    assert np.allclose(third, [0.2, 555, 200.2, 300.2])
    assert planner.asked[1:] == [[555]]
    assert planner.histories[1].tolist() == [[555, 555]]  # Nothing of the episode before.
    fourth = act(_see(3, 556, 203, 303))[:, 0]
    assert np.allclose(fourth, [3, 555.1, 203, 303])
    assert planner.asked[2:] == [[3, 203, 303]]


def test_all_worlds_together_act_as_each_alone() -> None:
    rng = np.random.default_rng(0)
    seen = rng.normal(size=(40, WORLDS))
    ended = rng.random((40, WORLDS)) < 0.2
    together = Chunks(Planner(), KEYS, history=3, steps=STEPS)
    alone = [Chunks(Planner(), KEYS, history=3, steps=STEPS) for _ in range(WORLDS)]
    for values, ends in zip(seen, ended, strict=True):
        action = together(_see(*values))
        for world, act in enumerate(alone):
            assert act(_see(values[world])) == action[world]
            act.forget(ends[world : world + 1])
        together.forget(ends)


def test_another_number_of_worlds_begins_anew() -> None:
    act = Chunks(planner := Planner(), KEYS, history=1, steps=STEPS)
    act(_see(1, 2))
    act(_see(5, 6, 7))
    assert planner.asked == [[1, 2], [5, 6, 7]]


def test_what_a_plan_is_not_made_from_is_not_remembered() -> None:
    act = Chunks(planner := Planner(), KEYS, history=2, steps=STEPS)
    act(_see(1, 2) | {"images/front": np.zeros((2, 8, 8, 3), np.uint8)})
    assert planner.asked == [[1, 2]]


def test_ends_of_other_worlds_than_those_before_end_all() -> None:
    act = Chunks(planner := Planner(), KEYS, history=1, steps=STEPS)
    act(_see(1, 2))
    act.forget(np.zeros(3, bool))
    act(_see(5, 6))
    assert planner.asked == [[1, 2], [5, 6]]


def test_worlds_that_are_left_out_stay_where_they_are() -> None:
    act = Chunks(planner := Planner(), KEYS, history=2, steps=STEPS)
    act(_see(0, 100))
    only = act(_see(7, 101), np.array([False, True]))[:, 0]
    assert np.allclose(only, [0, 100.1])
    assert np.allclose(act.done, [1 / 3, 2 / 3])
    assert np.allclose(act(_see(1, 102))[:, 0], [0.1, 100.2])
    act.forget(np.array([True, False]))
    assert np.allclose(act(_see(50, 0), np.array([True, False]))[:, 0], [50, 0])
    assert planner.histories[-1].tolist() == [[50, 50]]
