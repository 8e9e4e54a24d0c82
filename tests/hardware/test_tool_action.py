"""From actions to requests and back, in both command modes."""

from dataclasses import replace

import numpy as np
import pytest

from controllers.lie import quat_from_so3, so3_from_quat
from controllers.serial_chain import SerialChain
from controllers.tool_control import ToolControl, ToolSettings
from hardware.contract import Contract
from hardware.contract_file import load_contract
from hardware.guard import Guard
from hardware.tool_action import ToolAction
from hardware.tool_reader import Arm
from hardware.topics import Mode
from sim import panda

TWIN = load_contract("twin")
CHAIN = SerialChain.from_mujoco(panda.load(), TWIN.joints.arm, "tcp")
POSES = load_contract("fr3")
Q = ToolControl(CHAIN, panda.Q_READY, ToolSettings()).configuration(
    np.array([[0.5, 0.0, 0.2]]), np.zeros(1)
)
ACTION = np.array([[0.5, -0.5, 0.2, 0.1, 0.0, -0.3]])


def _arm() -> Arm:
    return Arm(0.0, CHAIN.forward(Q), np.zeros((1, 6)), np.ones(1), np.zeros((1, 6)), Q)


def _action(contract: Contract, held: float | None = 0.5) -> ToolAction:
    return ToolAction(contract, CHAIN, ToolSettings(), held)


def test_joint_targets_bring_the_tool_where_the_action_wants_it() -> None:
    request = _action(TWIN).request(ACTION, _arm())
    moved = CHAIN.forward(request.target[None]).position - _arm().tool.position
    np.testing.assert_allclose(moved, ACTION[:, :3] * 0.015, atol=5e-4)
    np.testing.assert_allclose(request.action, ACTION, atol=1e-9)


def test_a_pose_robot_is_asked_for_the_same_place() -> None:
    request = _action(POSES).request(ACTION, _arm())
    assert request.target.shape == (7,)
    shift = request.target[:3] - _arm().tool.position[0]
    np.testing.assert_allclose(shift, ACTION[0, :3] * 0.015, atol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(request.target[3:]), 1)


@pytest.mark.parametrize("contract", [TWIN, POSES], ids=["joints", "pose"])
def test_what_a_command_amounts_to_is_the_action_that_asked_for_it(contract: Contract) -> None:
    action, arm = _action(contract), _arm()
    back = action.amounts_to(action.request(ACTION, arm).target, arm)
    np.testing.assert_allclose(back, ACTION, atol=0.03)


@pytest.mark.parametrize("contract", [TWIN, POSES], ids=["joints", "pose"])
def test_with_a_leash_the_next_action_adds_to_what_was_sent_until_the_arm_was_held(
    contract: Contract,
) -> None:
    action, arm = ToolAction(contract, CHAIN, ToolSettings(leash=2.0), 0.5), _arm()
    first = action.request(ACTION, arm).target
    action.follow(first, arm)
    np.testing.assert_allclose(action.lead, ACTION, atol=0.03)
    np.testing.assert_allclose(action.amounts_to(first, arm), np.zeros((1, 6)), atol=1e-9)
    action.follow(action.request(ACTION, arm).target, arm)
    np.testing.assert_allclose(action.lead, 2 * ACTION, atol=0.06)
    action.follow(None, arm)
    np.testing.assert_array_equal(action.request(ACTION, arm).target, first)


def test_a_pose_keeps_its_orientation_convention() -> None:
    request = _action(POSES).request(np.zeros((1, 6)), _arm())
    np.testing.assert_allclose(
        so3_from_quat(request.target[3:]), _arm().tool.rotation[0], atol=1e-9
    )


def test_the_gripper_moves_in_the_unit_of_its_driver() -> None:
    action = _action(TWIN, held=None)
    assert action.spec.names[-1] == "gripper"
    request = action.request(action.accept(np.array([[0, 0, 0, 0, 0, 0, 0.0]])), _arm())
    assert request.gripper == pytest.approx(0.02)
    assert _action(TWIN, held=0.25).request(ACTION, _arm()).gripper == pytest.approx(0.01)


def test_what_is_not_finite_asks_for_standing_still() -> None:
    action = _action(TWIN, held=None)
    action.opening = 0.75
    np.testing.assert_array_equal(action.accept(np.full((1, 7), np.nan)), [[0, 0, 0, 0, 0, 0, 0.5]])


def test_another_shape_is_answered_with_the_names() -> None:
    with pytest.raises(ValueError, match=r"shape \(1, 7\), this robot takes \(1, 6\): x, y, z, rx"):
        _action(TWIN).accept(np.zeros((1, 7)))


def test_a_robot_without_model_or_pose_is_refused() -> None:
    with pytest.raises(ValueError, match=r"twin has no model .*give model\.file"):
        ToolAction(TWIN, None, ToolSettings(), 0.0)
    blind = replace(POSES, state=replace(POSES.state, current_pose=None))
    with pytest.raises(ValueError, match=r"neither model nor state\.current_pose"):
        ToolAction(blind, None, ToolSettings(), 0.0)


@pytest.mark.parametrize(
    ("mode", "like"), [("joint_velocity", "joint_position"), ("cartesian_twist", "cartesian_pose")]
)
def test_an_arm_that_takes_velocities_is_asked_for_the_same_places(mode: Mode, like: Mode) -> None:
    plain = TWIN if like == "joint_position" else POSES
    asked = [
        _action(robot).request(ACTION, _arm()).target for robot in (TWIN.with_mode(mode), plain)
    ]
    np.testing.assert_array_equal(asked[0], asked[1])


@pytest.mark.parametrize("contract", [TWIN, POSES], ids=["joints", "pose"])
def test_an_arm_that_was_held_outside_of_the_workspace_is_taken_up(contract: Contract) -> None:
    """The safety node does so by a request near the arm alone; back is further than an action."""
    low, _ = ToolSettings().workspace
    settings = ToolSettings(workspace=(low, (0.6, 0.3, 0.1)))
    action, arm, still = ToolAction(contract, CHAIN, settings, 0.5), _arm(), np.zeros((1, 6))
    pose = np.r_[arm.tool.position[0], quat_from_so3(arm.tool.rotation[0])]
    here = Q[0] if contract is TWIN else pose
    near = action.request(still, arm)
    assert _taken_up(contract, near.target, here)
    assert near.action[0, 2] == -1
    action.follow(here, arm)
    assert not _taken_up(contract, action.request(still, arm).target, here)


def _taken_up(contract: Contract, target: np.ndarray, here: np.ndarray) -> bool:
    guard = Guard(contract)
    guard.request(target, 100.0)
    return guard.tick(here, 100.01).command is not None
