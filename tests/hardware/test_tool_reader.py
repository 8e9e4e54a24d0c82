"""Where the tool is, from joints or from a reported pose; velocities that nobody reports."""

import numpy as np
import pytest

from controllers.serial_chain import SerialChain
from hardware.contract_file import load_contract
from hardware.stream import Sample
from hardware.streams import Aligned
from hardware.tool_reader import ToolReader
from sim import panda

TWIN, FR3 = load_contract("twin"), load_contract("fr3")
CHAIN = SerialChain.from_mujoco(panda.load(), TWIN.joints.arm, "tcp")
Q = np.array([*TWIN.home.q, 0.01, 0.03])
NOT_TOLD = np.full(9, np.nan)


def _set(stamp: float, **values: np.ndarray) -> Aligned:
    samples = {name: Sample(stamp, stamp, value) for name, value in values.items()}
    return Aligned(stamp, samples, {}, {})


def test_the_tool_is_where_the_model_has_it() -> None:
    arm = ToolReader(TWIN, CHAIN).read(_set(1.0, joint_states=np.stack([Q, 0 * Q])))
    np.testing.assert_allclose(arm.tool.position, CHAIN.forward(Q[None, :7]).position)
    assert arm.opening == pytest.approx(0.5)  # the mean of both fingers
    assert (arm.wrench == 0).all()


def test_velocities_that_are_not_reported_are_differentiated() -> None:
    told, guessed = ToolReader(TWIN, CHAIN), ToolReader(TWIN, CHAIN)
    dq = np.zeros(9)
    dq[0] = 0.4
    later = Q + 0.05 * dq
    guessed.read(_set(1.0, joint_states=np.stack([Q, NOT_TOLD])))
    arm = guessed.read(_set(1.05, joint_states=np.stack([later, NOT_TOLD])))
    expected = told.read(_set(1.05, joint_states=np.stack([later, dq]))).twist
    np.testing.assert_allclose(arm.twist, expected, atol=0.01)


def test_a_repeated_stamp_keeps_the_velocity() -> None:
    reader = ToolReader(TWIN, CHAIN)
    moved = Q + np.array([0.02, *np.zeros(8)])
    reader.read(_set(1.0, joint_states=np.stack([Q, NOT_TOLD])))
    first = reader.read(_set(1.05, joint_states=np.stack([moved, NOT_TOLD]))).twist
    again = reader.read(_set(1.05, joint_states=np.stack([moved, NOT_TOLD]))).twist
    np.testing.assert_array_equal(first, again)
    assert np.abs(first).max() > 0.1


def test_a_new_episode_begins_at_rest() -> None:
    reader = ToolReader(TWIN, CHAIN)
    reader.read(_set(1.0, joint_states=np.stack([Q, NOT_TOLD])))
    reader.forget()
    assert (reader.read(_set(9.0, joint_states=np.stack([Q + 1, NOT_TOLD]))).twist == 0).all()


def test_an_arm_without_model_tells_its_pose() -> None:
    pose = np.array([0.4, 0.1, 0.3, 1.0, 0, 0, 0])
    joints = np.stack([np.array(FR3.home.q), np.zeros(7)])
    reader = ToolReader(FR3, None)
    reader.read(_set(1.0, joint_states=joints, current_pose=pose))
    moved = pose + np.array([0.01, 0, 0, 0, 0, 0, 0])
    arm = reader.read(_set(1.1, joint_states=joints, current_pose=moved))
    np.testing.assert_allclose(arm.tool.position, [moved[:3]])
    np.testing.assert_allclose(arm.tool.rotation[0], np.diag([1.0, -1, -1]), atol=1e-12)
    np.testing.assert_allclose(arm.twist, [[0.1, 0, 0, 0, 0, 0]], atol=1e-9)
