from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from controllers.command_space import JointSpace, PoseSpace
from controllers.kinematics import Kinematics
from controllers.lie import quat_exp
from controllers.limits import PANDA
from controllers.reason import Reason
from sim import panda

DOWN = np.array([0.45, 0.0, 0.3, 1.0, 0.0, 0.0, 0.0])

joints = arrays(np.float64, 7, elements=st.floats(-4, 4))
positions = arrays(np.float64, 3, elements=st.floats(-2, 2))
rotvecs = arrays(np.float64, 3, elements=st.floats(-1.5, 1.5))
commands = st.tuples(positions, rotvecs).map(lambda p: np.concatenate([p[0], quat_exp(p[1])]))


@given(commands, commands)
def test_moving_by_the_gap_between_poses_leads_to_the_second(
    start: np.ndarray, end: np.ndarray
) -> None:
    space = PoseSpace(PANDA)
    start, end = space.clip(start)[0], space.clip(end)[0]
    reached = space.move(start, space.gap(start, end))
    np.testing.assert_allclose(space.gap(reached, end), 0, atol=1e-7)


@given(joints)
def test_a_clipped_joint_command_is_inside(command: np.ndarray) -> None:
    space = JointSpace(PANDA, arm=None)
    clipped, reason = space.clip(command)
    assert space.beyond(clipped) == Reason.NONE
    assert reason == space.beyond(command)
    np.testing.assert_array_equal(space.clip(clipped)[0], clipped)


@given(commands)
def test_a_clipped_pose_is_inside(command: np.ndarray) -> None:
    space = PoseSpace(PANDA)
    clipped, reason = space.clip(command)
    assert space.beyond(clipped) == Reason.NONE
    assert reason == space.beyond(command)


@pytest.mark.parametrize(
    "quat",
    [np.zeros(4), np.full(4, 1e300), np.array([0, 0, 0, 1.1]), np.array([np.nan, 0, 0, 1])],
)
def test_a_quaternion_that_is_no_rotation_is_not_valid(quat: np.ndarray) -> None:
    assert PoseSpace(PANDA).valid(DOWN)
    assert not PoseSpace(PANDA).valid(np.concatenate([DOWN[:3], quat]))


def test_opposite_quaternions_are_the_same_command() -> None:
    opposite = np.concatenate([DOWN[:3], -DOWN[3:]])
    np.testing.assert_array_equal(PoseSpace(PANDA).gap(DOWN, opposite), np.zeros((2, 3)))


def test_joint_commands_know_where_the_tool_would_be(arm: Kinematics) -> None:
    low = replace(PANDA, workspace_upper=np.array([0.8, 0.5, 0.4]))
    assert JointSpace(PANDA, arm).beyond(panda.Q_READY) == Reason.NONE
    assert JointSpace(low, arm).beyond(panda.Q_READY) == Reason.WORKSPACE
    assert JointSpace(low, arm=None).beyond(panda.Q_READY) == Reason.NONE


def test_limits_of_another_arm_are_refused(arm: Kinematics) -> None:
    short = replace(
        PANDA,
        **{name: getattr(PANDA, name)[:6] for name in ("q_lower", "q_upper", "dq", "ddq")},
        dddq=PANDA.dddq[:6],
        tau=PANDA.tau[:6],
    )
    with pytest.raises(ValueError, match="limits of 6 joints for the arm's"):
        JointSpace(short, arm)
