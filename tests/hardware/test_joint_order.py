"""Whatever order and company joints come in, ours come out in ours."""

from array import array

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardware.joint_order import JointOrder

OURS = ("joint1", "joint2", "joint3")
THERE = [*OURS, "finger_left", "finger_right"]
VALUE = {name: float(index) for index, name in enumerate(THERE)}


def values(names: list[str], offset: float = 0.0) -> list[float]:
    return [VALUE[name] + offset for name in names]


@given(st.lists(st.permutations(THERE), min_size=1, max_size=6))
def test_the_order_may_change_with_every_message(messages: list[list[str]]) -> None:
    order = JointOrder(OURS)
    for names in messages:
        q, dq, tau = order(names, values(names), values(names, 10), values(names, 20))
        np.testing.assert_array_equal(q, [0, 1, 2])
        np.testing.assert_array_equal(dq, [10, 11, 12])
        np.testing.assert_array_equal(tau, [20, 21, 22])


def test_a_list_of_names_that_changes_in_place_is_noticed() -> None:
    order, names = JointOrder(OURS), list(OURS)
    order(names, [0.0, 1.0, 2.0])
    names.reverse()
    np.testing.assert_array_equal(order(names, [2.0, 1.0, 0.0]).q, [0, 1, 2])


def test_names_that_did_not_change_are_not_looked_up_again() -> None:
    looked_up = 0

    class Names(list[str]):
        def __iter__(self):  # noqa: ANN204
            nonlocal looked_up
            looked_up += 1
            return super().__iter__()

    order = JointOrder(OURS)
    order(Names(THERE), values(THERE))
    first = looked_up
    for _ in range(100):
        order(Names(THERE), values(THERE))
    assert first > 0
    assert looked_up == first


@pytest.mark.parametrize("empty", [(), [], array("d"), np.empty(0)])
def test_what_a_driver_does_not_report_is_nan(empty: list[float]) -> None:
    q, dq, tau = JointOrder(OURS)(THERE, values(THERE), empty, empty)
    np.testing.assert_array_equal(q, [0, 1, 2])
    assert np.isnan(dq).all()
    assert np.isnan(tau).all()


def test_results_are_copies_that_nobody_shares() -> None:
    order, positions = JointOrder(OURS), np.array(values(THERE))
    first, second = order(THERE, positions), order(THERE, positions)
    for mine in first:
        mine[:] = 99.0
    np.testing.assert_array_equal(positions, values(THERE))
    np.testing.assert_array_equal(second.q, [0, 1, 2])
    assert np.isnan(second.dq).all()


def test_the_arrays_of_ros_messages_are_taken_as_they_are() -> None:
    q = JointOrder(OURS)(THERE, array("d", values(THERE))).q
    np.testing.assert_array_equal(q, [0, 1, 2])
    assert q.dtype == np.float64


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["joint1", "joint3"], "lacks joint2; it has joint1, joint3; correct the contract"),
        ([], "lacks joint1, joint2, joint3; it has no joints"),
        ([*OURS, "joint2"], "has joint2 twice"),
    ],
)
def test_a_joint_that_is_missing_or_doubled_is_named(names: list[str], message: str) -> None:
    order = JointOrder(OURS)
    order(THERE, values(THERE))
    with pytest.raises(ValueError, match=message):
        order(names, [0.0] * len(names))
    np.testing.assert_array_equal(order(THERE, values(THERE)).q, [0, 1, 2])


def test_a_foreign_joint_that_is_doubled_is_no_harm() -> None:
    names = [*OURS, "finger", "finger"]
    np.testing.assert_array_equal(JointOrder(OURS)(names, [0.0, 1.0, 2.0, 3.0, 3.0]).q, [0, 1, 2])


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        (([0.0, 1.0],), "2 positions for 5 names"),
        (([],), "0 positions for 5 names"),
        (([0.0] * 5, [0.0]), "1 velocities for 5 names"),
        (([0.0] * 5, [], [0.0] * 6), "6 efforts for 5 names"),
    ],
)
def test_arrays_of_another_length_are_refused(arrays: tuple[list[float]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        JointOrder(OURS)(THERE, *arrays)


@pytest.mark.parametrize("names", [(), ("joint1", "joint1")])
def test_our_own_order_names_each_joint_once(names: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="name at least one, and each once"):
        JointOrder(names)
