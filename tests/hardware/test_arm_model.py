"""An arm is the same whether its file is MJCF or URDF."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hardware.arm_model import chain_of, kinematics_of
from hardware.arm_shapes import arm_shapes
from hardware.contract import Contract, Model
from hardware.contract_file import load_contract
from sim import panda
from sim.urdf import fold_rotor_inertia, to_urdf

TOOL = """  <link name="tool"/>
  <joint name="tool" type="fixed">
    <parent link="hand"/><child link="tool"/><origin xyz="{position}" rpy="0 0 0"/>
  </joint>
</robot>"""
TWIN = load_contract("twin")


@pytest.fixture
def contract(tmp_path: Path) -> Contract:
    """The twin by a URDF that names a mesh which is not there, and a tool without inertia."""
    model = panda.load()
    urdf = to_urdf(fold_rotor_inertia(model), "link0")
    position = " ".join(map(str, model.site(panda.TOOL_SITE).pos))
    mesh = """<visual><geometry><mesh filename="package://elsewhere/hand.stl"/></geometry></visual>
      <collision><geometry><mesh filename="package://elsewhere/hand.stl"/></geometry></collision>"""
    urdf = urdf.replace("</robot>", TOOL.format(position=position))
    urdf = urdf.replace('<link name="hand">', f'<link name="hand">{mesh}')
    assert "elsewhere" in urdf
    file = tmp_path / "arm.urdf"
    file.write_text(urdf)
    return replace(TWIN, model=Model(str(file), "tool"))


def test_a_urdf_puts_the_tool_where_the_mjcf_does(contract: Contract) -> None:
    ours, theirs = kinematics_of(TWIN), kinematics_of(contract)
    assert ours is not None
    assert theirs is not None
    rng = np.random.default_rng(0)
    poses = rng.uniform(ours.lower, ours.upper, (20, 7))
    for q in poses:
        np.testing.assert_allclose(theirs.position(q), ours.position(q), atol=1e-6)
        np.testing.assert_allclose(theirs.jacobian(q)[:3], ours.jacobian(q)[:3], atol=1e-6)
    chain = chain_of(contract)
    assert chain is not None
    tools = [ours.position(q) for q in poses]
    np.testing.assert_allclose(chain.forward(poses).position, tools, atol=1e-6)


def test_the_page_shows_what_there_is_of_it(contract: Contract) -> None:
    assert arm_shapes(contract) is not None


def test_a_tool_that_is_no_link_is_named(contract: Contract) -> None:
    assert contract.model is not None
    with pytest.raises(ValueError, match="no site 'flange'"):
        kinematics_of(replace(contract, model=replace(contract.model, tool_site="flange")))
