import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from controllers.rate_limit import (
    braking,
    furthest,
    length,
    stopping_distance,
    stopping_shift,
    towards,
    within,
)

SPEED = np.array([2.0, 1.0])
ACCELERATION = np.array([10.0, 30.0])

velocities = arrays(np.float64, (2, 3), elements=st.floats(-1, 1)).map(lambda v: within(v, SPEED))
anything = arrays(np.float64, (2, 3), elements=st.floats(-1e6, 1e6))
steps = st.floats(1e-6, 0.1)


def follow(targets: np.ndarray, dt: float, start: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Positions and velocities of one coordinate that follows ``targets`` from rest."""
    x, v, before = np.array([[start]]), np.zeros((1, 1)), targets[0]
    positions, speeds = [], []
    for target in targets:
        drift = np.array([[(target - before) / dt]])
        v = towards((target - x) / dt, drift, v, dt, np.array([2.0]), np.array([10.0]))
        x, before = x + v * dt, target
        positions.append(x.item())
        speeds.append(v.item())
    return np.array(positions), np.array(speeds)


@given(anything, anything, velocities, steps)
def test_the_chosen_velocity_keeps_speed_and_acceleration(
    wanted: np.ndarray, drift: np.ndarray, velocity: np.ndarray, dt: float
) -> None:
    chosen = towards(wanted, drift, velocity, dt, SPEED, ACCELERATION)
    assert (length(chosen) <= SPEED * (1 + 1e-12)).all()
    assert (length(chosen - velocity) <= ACCELERATION * dt * (1 + 1e-9) + 1e-15).all()


@given(velocities, steps)
def test_braking_keeps_the_acceleration_and_never_turns_round(
    velocity: np.ndarray, dt: float
) -> None:
    slower = braking(velocity, dt, ACCELERATION)
    assert (length(slower - velocity) <= ACCELERATION * dt + 1e-15).all()
    assert (np.sum(slower * velocity, axis=1) >= 0).all()
    np.testing.assert_allclose(np.cross(slower, velocity), 0, atol=1e-12)


@given(velocities, st.lists(steps, min_size=1, max_size=50))
def test_braking_never_passes_its_stopping_point_whatever_the_periods(
    velocity: np.ndarray, periods: list[float]
) -> None:
    way, current = np.zeros((2, 3)), velocity
    stop = stopping_shift(velocity, ACCELERATION)
    for dt in periods:
        current = braking(current, dt, ACCELERATION)
        way = way + current * dt
        left = length(stop) - length(way) - stopping_distance(current, ACCELERATION)
        assert (left >= -1e-12).all()


@given(velocities, anything)
def test_furthest_returns_something_viable(start: np.ndarray, end: np.ndarray) -> None:
    def viable(velocity: np.ndarray) -> np.ndarray:
        return length(velocity - start) <= np.array([0.5, 1e9])

    found = furthest(start, end, viable)
    assert viable(found).all()
    np.testing.assert_array_equal(found[1], end[1])
    if length(end - start)[0] > 0.6:
        # Six halvings leave at most a 64th of the way to the wanted velocity unused.
        assert length(found - start)[0] >= 0.5 - length(end - start)[0] / 63


@given(arrays(np.float64, 60, elements=st.floats(-0.99, 0.99)))
def test_a_stream_within_the_limits_passes_bit_for_bit(accelerations: np.ndarray) -> None:
    dt = 0.01
    velocity = np.clip(np.cumsum(accelerations * 10 * dt), -1.9, 1.9)
    targets = np.concatenate([[0.0], np.cumsum(velocity * dt)])
    before, v = targets[:1], np.zeros((1, 1))
    for target in targets[1:]:
        wanted = np.array([(target - before) / dt])
        chosen = towards(wanted, wanted, v, dt, np.array([2.0]), np.array([10.0]))
        np.testing.assert_array_equal(chosen, wanted)
        v, before = chosen, np.array([target])


def test_a_far_target_is_reached_without_overshoot() -> None:
    positions, speeds = follow(np.full(400, 1.0), dt=0.005)
    assert positions.max() <= 1.0 + 1e-12
    assert speeds.max() > 1.9
    np.testing.assert_allclose(positions[-1], 1.0, atol=1e-12)
    # 0.2 s to full speed, 0.3 s at it and 0.2 s to rest are the fastest way.
    assert np.argmax(positions > 0.99) * 0.005 < 1.2 * 0.7


def test_a_moving_target_is_caught_up_with_and_not_lagged_behind() -> None:
    targets = 0.5 + 1.0 * np.arange(400) * 0.005
    positions, _ = follow(targets, dt=0.005)
    np.testing.assert_allclose(positions[-100:], targets[-100:], atol=1e-9)
