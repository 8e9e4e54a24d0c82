"""The arm's kinematics as its contract names them."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

from controllers.kinematics import Kinematics
from controllers.serial_chain import SerialChain
from hardware.contract import Contract, Model

_LEAST = 1e-6
"""Mass and inertia of what has none [kg, kg m^2]."""


def kinematics_of(contract: Contract) -> Kinematics | None:
    """Kinematics of the contract's model, or None if it names none.

    Raises:
        FileNotFoundError: The file is not there.
        ValueError: It is no model, or lacks a joint or the tool's site.
    """
    if contract.model is None:
        return None
    return Kinematics(load_model(contract.model), contract.joints.arm, contract.model.tool_site)


def chain_of(contract: Contract) -> SerialChain | None:
    """The same for many configurations at once; errors as above."""
    model = contract.model
    if model is None:
        return None
    return SerialChain.from_mujoco(load_model(model), contract.joints.arm, model.tool_site)


def load_model(model: Model, shapes: bool = False) -> Any:
    """The MuJoCo model of a contract's file; of a URDF, its tool is a link.

    Args:
        model: Names file and tool.
        shapes: Whether to read a URDF's shapes as well, whose meshes are often elsewhere.
    """
    import mujoco

    spec = mujoco.MjSpec.from_file(str(model.path))
    if _is_urdf(model):
        _complete(spec, model.tool_site, shapes)
    return spec.compile()


def _is_urdf(model: Model) -> bool:
    return ElementTree.parse(model.path).getroot().tag == "robot"


def _complete(spec: Any, tool: str, shapes: bool) -> None:
    """Makes a model of a URDF, which knows no sites, and often no inertia of small links."""
    if (link := spec.body(tool)) is not None:
        link.add_site(name=tool)
    spec.compiler.boundmass = spec.compiler.boundinertia = _LEAST
    spec.compiler.balanceinertia = True
    if not shapes:
        for thing in (*spec.geoms, *spec.meshes):
            spec.delete(thing)
