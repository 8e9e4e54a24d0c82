"""The arm's kinematics as its contract names them."""

from __future__ import annotations

from controllers.kinematics import Kinematics
from hardware.contract import Contract


def kinematics_of(contract: Contract) -> Kinematics | None:
    """Kinematics of the contract's model, or None if it names none.

    Raises:
        FileNotFoundError: The file is not there.
        ValueError: It is no model, or lacks a joint or the tool's site.
    """
    if contract.model is None:
        return None
    import mujoco

    model = mujoco.MjModel.from_xml_path(str(contract.model.path))
    return Kinematics(model, contract.joints.arm, contract.model.tool_site)
