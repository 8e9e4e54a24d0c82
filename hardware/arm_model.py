"""The arm's kinematics as its contract names them."""

from __future__ import annotations

from typing import Any

from controllers.kinematics import Kinematics
from controllers.serial_chain import SerialChain
from hardware.contract import Contract, Model


def kinematics_of(contract: Contract) -> Kinematics | None:
    """Kinematics of the contract's model, or None if it names none.

    Raises:
        FileNotFoundError: The file is not there.
        ValueError: It is no model, or lacks a joint or the tool's site.
    """
    if contract.model is None:
        return None
    return Kinematics(_load(contract.model), contract.joints.arm, contract.model.tool_site)


def chain_of(contract: Contract) -> SerialChain | None:
    """The same for many configurations at once; errors as above."""
    model = contract.model
    if model is None:
        return None
    return SerialChain.from_mujoco(_load(model), contract.joints.arm, model.tool_site)


def _load(model: Model) -> Any:
    import mujoco

    return mujoco.MjModel.from_xml_path(str(model.path))
