r"""Velocity choice for a stream of commands that can always stop in time.

A command is a point of one or more *groups* of coordinates; a group moves with a velocity vector
of bounded length (a joint is a group of one, the translation of a tool a group of three). Command k
is sent at time t_k; with h = t_k - t_{k-1} the velocity of the stream is v_k = (x_k - x_{k-1}) / h
and its acceleration (v_k - v_{k-1}) / h. The limits are |v_k| <= s and |v_k - v_{k-1}| <= a h, and
x_k stays in a convex set.

**A stream is safe when its stopping point is.** Braking lowers the speed first and moves then:
v' = max(0, v - a h), x' = x + v' h along the same line. For any h > 0, equal or not,

    v' h + v'^2 / 2a  =  ((v' + a h)^2 - (a h)^2) / 2a  <=  v^2 / 2a,

so braking never passes the point x + v |v| / 2a, whatever the periods are. Take as invariant that x
and this stopping point lie in the convex set.

1. It holds at the start, where v = 0.
2. Braking keeps it: the new stopping point lies between x and the old one.
3. Braking keeps the acceleration limit, and the speed limit too.
4. Velocities within both limits form a convex set that holds the braking one. So any velocity on
   the way from the braking one to the wanted one may be taken whose own stopping point is inside;
   if there is no better one, braking itself is left.

By induction no command passes a limit, the acceleration at the boundary included. ``towards``
chooses what is wanted, ``braking`` the way out, and ``furthest`` the compromise.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

_HALVINGS = 6
"""Enough to come near a wall quickly: each step uses 63/64 of the way that is free."""


def towards(
    wanted: np.ndarray,
    drift: np.ndarray,
    velocity: np.ndarray,
    dt: float,
    speed: np.ndarray,
    acceleration: np.ndarray,
) -> np.ndarray:
    """Velocity that meets a target soon without overshoot.

    A stream that keeps the limits by itself passes bit for bit: then ``wanted`` is ``drift``. A
    target further away is approached along the braking curve, measured relative to the target's own
    velocity, so that it is caught up with while it moves.

    Args:
        wanted: Velocity that meets the target in this step. Shape (groups, dims).
        drift: Velocity of the target. Shape (groups, dims).
        velocity: Velocity of the last command sent. Shape (groups, dims).
        dt: Time since it was sent [s].
        speed: Largest speed of each group. Shape (groups,).
        acceleration: Largest acceleration of each group. Shape (groups,).

    Returns:
        A velocity within both limits. Shape (groups, dims).
    """
    closing = wanted - within(drift, speed)
    rate = length(closing)
    curve = 2 * dt / (dt + np.sqrt(dt**2 + 2 * rate * dt / acceleration))
    early = (rate > acceleration * dt)[:, None]
    desired = np.where(early, wanted - (1 - curve)[:, None] * closing, wanted)
    desired = within(desired, speed)
    reachable = velocity + within(desired - velocity, acceleration * dt)
    return np.where(length(desired - velocity) <= acceleration * dt, desired.T, reachable.T).T


def braking(velocity: np.ndarray, dt: float, acceleration: np.ndarray) -> np.ndarray:
    """The slowest velocity that the acceleration limit allows next. Shape (groups, dims)."""
    rate = length(velocity)
    share = np.maximum(0.0, 1 - acceleration * dt / np.maximum(rate, acceleration * dt))
    return share[:, None] * velocity


def stopping_distance(velocity: np.ndarray, acceleration: np.ndarray) -> np.ndarray:
    """How far each group still moves when it brakes now. Shape (groups,)."""
    return length(velocity) ** 2 / (2 * acceleration)


def stopping_shift(velocity: np.ndarray, acceleration: np.ndarray) -> np.ndarray:
    """The way to the stopping point. Shape (groups, dims)."""
    return velocity * (length(velocity) / (2 * acceleration))[:, None]


def furthest(
    start: np.ndarray, end: np.ndarray, viable: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray:
    """The velocity nearest to ``end``, on the way from ``start``, that was found viable.

    Args:
        start: A velocity known to be viable. Shape (groups, dims).
        end: The wanted velocity. Shape (groups, dims).
        viable: Which groups of a velocity are viable, each by itself, or one answer for all of
            them. Shape (groups, dims) -> (groups,) or (1,).

    Returns:
        ``end`` itself where it is viable. Shape (groups, dims).
    """
    good = viable(end)
    if good.all():
        return end
    low, high = np.where(good, 1.0, 0.0), np.ones(good.shape)
    for _ in range(_HALVINGS):
        share = (low + high) / 2
        good = viable(start + share[:, None] * (end - start))
        low, high = np.where(good, share, low), np.where(good, high, share)
    return np.where(low[:, None] == 1, end, start + low[:, None] * (end - start))


def within(vector: np.ndarray, bound: np.ndarray) -> np.ndarray:
    """Shortens each group to its bound; untouched where it is shorter. Shape (groups, dims)."""
    return (bound / np.maximum(length(vector), bound))[:, None] * vector


def length(vector: np.ndarray) -> np.ndarray:
    """Length of each group. Shape (groups, dims) -> (groups,)."""
    if vector.shape[-1] == 1:  # joints, four times faster
        return np.abs(vector[..., 0])
    return np.sqrt(np.vecdot(vector, vector))
