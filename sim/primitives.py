"""MuJoCo geoms as the three shapes that every other engine and viewer has."""

from __future__ import annotations

from typing import Literal, NamedTuple

import mujoco
import numpy as np

INFINITE = 10.0
"""Half size given to an infinite plane [m]."""
PLANE_THICKNESS = 0.02
"""Thickness of the box that stands for a plane [m]."""


class Primitive(NamedTuple):
    """A shape in the frame of the geom it is part of; cylinders stand along z."""

    kind: Literal["box", "sphere", "cylinder"]
    size: tuple[float, ...]
    """Half sizes; or radius; or radius and half length [m]."""
    offset: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Centre in the geom's frame [m]."""


def primitives(model: mujoco.MjModel, geom: int) -> list[Primitive]:
    """The shapes that make up a geom: a capsule is a cylinder and two spheres, a plane a flat box.

    Raises:
        ValueError: For another type of geom, naming it.
    """
    kind = mujoco.mjtGeom(int(model.geom_type[geom]))
    a, b, c = (float(size) for size in model.geom_size[geom])
    match kind:
        case mujoco.mjtGeom.mjGEOM_BOX:
            return [Primitive("box", (a, b, c))]
        case mujoco.mjtGeom.mjGEOM_SPHERE:
            return [Primitive("sphere", (a,))]
        case mujoco.mjtGeom.mjGEOM_CYLINDER:
            return [Primitive("cylinder", (a, b))]
        case mujoco.mjtGeom.mjGEOM_CAPSULE:
            ends = [Primitive("sphere", (a,), (0.0, 0.0, end)) for end in (b, -b)]
            return [Primitive("cylinder", (a, b)), *ends]
        case mujoco.mjtGeom.mjGEOM_PLANE:
            half = PLANE_THICKNESS / 2
            return [Primitive("box", (a or INFINITE, b or INFINITE, half), (0.0, 0.0, -half))]
    raise ValueError(
        f"geom {model.geom(geom).name or geom!r} is a {kind.name}; "
        "build it of planes, boxes, spheres, cylinders and capsules"
    )


def colour(model: mujoco.MjModel, geom: int) -> np.ndarray:
    """Colour of a geom, or of its material when it has none itself. Shape (4,), 0 to 1."""
    material, own = model.geom_matid[geom], model.geom_rgba[geom]
    if material >= 0 and np.array_equal(own, (0.5, 0.5, 0.5, 1.0)):  # The value MuJoCo takes so.
        return model.mat_rgba[material]
    return own
