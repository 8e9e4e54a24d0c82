"""MuJoCo's contact friction for an engine that multiplies the coefficients of the two partners."""

from __future__ import annotations

import mujoco
import numpy as np


def contact_friction(model: mujoco.MjModel) -> dict[str, float]:
    """Coefficient of each body that can touch something, by name.

    MuJoCo takes the larger coefficient of two geoms, PyBullet the product. A body gets the root of
    the smallest that it meets, so the product is right wherever that is the same for both partners
    (peg and hole, cube and table, cube and finger), and too small elsewhere (peg and table).
    """
    own = {body: _own(model, body) for body in range(model.nbody)}
    return {
        model.body(body).name: float(np.sqrt(min(max(own[body], own[other]) for other in others)))
        for body in range(model.nbody)
        if (others := [other for other in range(model.nbody) if _meet(model, body, other)])
    }


def _geoms(model: mujoco.MjModel, body: int) -> np.ndarray:
    return np.flatnonzero(model.geom_bodyid == body)


def _own(model: mujoco.MjModel, body: int) -> float:
    return model.geom_friction[_geoms(model, body), 0].max(initial=0.0)


def _meet(model: mujoco.MjModel, body: int, other: int) -> bool:
    """Whether two bodies can touch: parts of one robot, and what stands fixed, do not."""
    if model.body_rootid[body] == model.body_rootid[other] or _fixed(model, body, other):
        return False
    kind, allowed = model.geom_contype, model.geom_conaffinity
    mine, theirs = _geoms(model, body), _geoms(model, other)
    either = (kind[mine, None] & allowed[theirs]) | (allowed[mine, None] & kind[theirs])
    return bool(either.any())


def _fixed(model: mujoco.MjModel, *bodies: int) -> bool:
    return all(model.body_weldid[body] == 0 for body in bodies)
