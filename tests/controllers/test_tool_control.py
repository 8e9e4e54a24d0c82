"""Targets stay where tools may go, and what is reported as sent is what was done."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controllers.lie import so3_exp
from controllers.serial_chain import SerialChain, ToolState
from controllers.tool_control import (
    ROTATION_DOWN,
    ToolControl,
    ToolSettings,
    away_from,
    rotate,
    upright,
)
from sim import panda

CHAIN = SerialChain.from_mujoco(panda.load(), panda.ARM_JOINTS, panda.TOOL_SITE)
LOW, HIGH = map(np.array, ToolSettings.workspace)
CONE = np.array([ToolSettings.tilt, ToolSettings.tilt, ToolSettings.yaw])
some = settings(max_examples=100, deadline=None, derandomize=True)
both_frames = pytest.mark.parametrize("relative", [False, True])
units = st.floats(-1, 1)
actions = st.lists(units, min_size=6, max_size=6).map(np.array)
places = st.lists(units, min_size=3, max_size=3).map(np.array)


class AskedTwist(SerialChain):
    """Answers with the twist it is asked for in place of joint angles."""

    def solve(
        self, tool: ToolState, q: np.ndarray, twist: np.ndarray, *_: object, **__: object
    ) -> np.ndarray:
        return twist


ASKED = AskedTwist(**vars(CHAIN))


def _control(relative: bool = False, chain: SerialChain = CHAIN, leash: float = 0.0) -> ToolControl:
    return ToolControl(chain, panda.Q_READY, ToolSettings(relative_frame=relative, leash=leash))


def _tool(place: np.ndarray, turn: np.ndarray) -> tuple[ToolState, np.ndarray]:
    """A tool at these shares of half the workspace and cone, and joint angles of an arm."""
    position = (LOW + HIGH) / 2 + place * (HIGH - LOW) / 2
    rotation = ROTATION_DOWN @ so3_exp(turn * CONE)
    q = panda.Q_READY[None]
    return ToolState(position[None], rotation[None], CHAIN.forward(q).jacobian), q


@both_frames
@some
@given(place=places, turn=places, action=actions)
def test_a_target_never_leaves_workspace_and_cone(
    relative: bool, place: np.ndarray, turn: np.ndarray, action: np.ndarray
) -> None:
    tool, q = _tool(1.2 * place, 1.2 * turn)
    twist, _ = _control(relative, ASKED).target(action[None], tool, q)
    position = tool.position + twist[:, :3]
    rotation = so3_exp(twist[:, 3:]) @ tool.rotation
    assert np.all((position >= LOW - 1e-9) & (position <= HIGH + 1e-9))
    assert np.all(np.abs(away_from(ROTATION_DOWN, rotation)) <= CONE + 1e-9)


@both_frames
@some
@given(place=places, turn=places, action=actions)
def test_the_action_as_sent_has_the_same_target(
    relative: bool, place: np.ndarray, turn: np.ndarray, action: np.ndarray
) -> None:
    """In a corner of the cone the way along its walls is a bit longer than an action can say."""
    control = _control(relative, ASKED)
    tool, q = _tool(place, turn)
    target, sent = control.target(action[None], tool, q)
    again, _ = control.target(sent, tool, q)
    np.testing.assert_allclose(again[:, :3], target[:, :3], atol=1e-9)
    np.testing.assert_allclose(again[:, 3:], target[:, 3:], atol=0.02)


@both_frames
@some
@given(place=places, turn=places, action=actions)
def test_well_inside_an_action_is_sent_as_it_is(
    relative: bool, place: np.ndarray, turn: np.ndarray, action: np.ndarray
) -> None:
    tool, q = _tool(0.8 * place, 0.4 * turn)
    _, sent = _control(relative).target(action[None], tool, q)
    np.testing.assert_allclose(sent[0], action, atol=1e-9)


@both_frames
@some
@given(place=places, turn=places, first=actions, second=actions)
def test_with_a_leash_actions_add_up_while_the_arm_has_not_moved(
    relative: bool, place: np.ndarray, turn: np.ndarray, first: np.ndarray, second: np.ndarray
) -> None:
    control = _control(relative, leash=2.0)
    tool, _ = _tool(0.8 * place, 0.1 * turn)
    position, rotation, _ = control.aim(0.5 * first[None], tool)
    lead = control.lead(tool, position, rotation)
    np.testing.assert_allclose(lead[0], 0.5 * first, atol=1e-9)
    position, _, sent = control.aim(second[None], tool, lead)
    np.testing.assert_allclose(sent[0], second, atol=1e-9)
    np.testing.assert_allclose(
        control.action_between(tool, position, rotation)[0, :3],
        np.clip(0.5 * first + second, -1, 1)[:3],
        atol=1e-9,
    )


@some
@given(place=places, turn=places, action=actions)
def test_a_target_leads_the_tool_by_its_leash_at_most(
    place: np.ndarray, turn: np.ndarray, action: np.ndarray
) -> None:
    control = _control(leash=2.0)
    tool, _ = _tool(0.8 * place, 0.1 * turn)
    far = tool.position + 10 * ToolSettings.translation * action[:3]
    lead = control.lead(tool, far, tool.rotation)
    np.testing.assert_allclose(lead[0, :3], np.clip(10 * action[:3], -2, 2), atol=1e-9)


@some
@given(place=places, turn=places, action=actions)
def test_an_action_in_the_tool_frame_is_the_turned_action_in_the_base_frame(
    place: np.ndarray, turn: np.ndarray, action: np.ndarray
) -> None:
    tool, q = _tool(place, turn)
    in_base = np.hstack(
        [rotate(tool.rotation[0], action[:3]), rotate(tool.rotation[0], action[3:])]
    )
    mine, _ = _control(relative=True).target(action[None], tool, q)
    same, _ = _control(relative=False).target(in_base[None], tool, q)
    np.testing.assert_allclose(mine, same, atol=1e-9)


@some
@given(base=st.floats(-0.3, 0.3), action=actions)
def test_in_the_tool_frame_the_direction_of_the_base_does_not_matter(
    base: float, action: np.ndarray
) -> None:
    """Turning the whole arm about the vertical turns the motion with it."""
    control = ToolControl(CHAIN, panda.Q_READY, ToolSettings(relative_frame=True, yaw=3.0))
    start = control.configuration(np.array([[0.5, 0.0, 0.2]]), np.zeros(1))
    moves = []
    for first in (0.0, base):
        q = start + first * np.eye(7)[:1]
        before = CHAIN.forward(q)
        target, _ = control.target(action[None], before, q)
        after = CHAIN.forward(target)
        back = before.rotation[0].T
        moves.append((back @ (after.position - before.position)[0], back @ after.rotation[0]))
    np.testing.assert_allclose(moves[0][0], moves[1][0], atol=1e-3)
    np.testing.assert_allclose(moves[0][1], moves[1][1], atol=5e-3)


@both_frames
@some
@given(place=places, yaw=units, shift=places, turn=units)
def test_the_action_towards_a_near_pose_arrives_there(
    relative: bool, place: np.ndarray, yaw: float, shift: np.ndarray, turn: float
) -> None:
    control = _control(relative)
    tool, _ = _tool(0.8 * place, np.zeros(3))
    tool = tool._replace(rotation=upright(np.array([0.5 * yaw])))
    position = tool.position + shift * ToolSettings.translation * 0.57
    goal = np.array([0.5 * yaw + 0.99 * turn * ToolSettings.rotation])
    action = control.action_towards(tool, position, goal)
    twist, _ = _control(relative, ASKED).target(action, tool, panda.Q_READY[None])
    np.testing.assert_allclose(tool.position + twist[:, :3], position, atol=1e-9)
    np.testing.assert_allclose(so3_exp(twist[:, 3:]) @ tool.rotation, upright(goal), atol=1e-9)


@some
@given(place=places, yaw=units)
def test_a_start_configuration_has_the_tool_where_it_should_be(
    place: np.ndarray, yaw: float
) -> None:
    position = np.array([0.5, 0.0, 0.2]) + place * [0.1, 0.1, 0.1]
    q = _control().configuration(position[None], np.array([0.4 * yaw]))
    tool = CHAIN.forward(q)
    np.testing.assert_allclose(tool.position[0], position, atol=1e-4)
    np.testing.assert_allclose(tool.rotation, upright(np.array([0.4 * yaw])), atol=1e-3)


@some
@given(turn=places, action=actions)
def test_the_cone_stands_around_what_is_level(turn: np.ndarray, action: np.ndarray) -> None:
    level = so3_exp(np.array([0.3, 1.2, 2.9]))
    control = ToolControl(ASKED, panda.Q_READY, ToolSettings(), level)
    rotation = (level @ so3_exp(1.2 * turn * CONE))[None]
    tool = ToolState(((LOW + HIGH) / 2)[None], rotation, np.zeros((1, 6, 7)))
    twist, _ = control.target(action[None], tool, panda.Q_READY[None])
    found = away_from(level, so3_exp(twist[:, 3:]) @ rotation)
    assert np.all(np.abs(found) <= CONE + 1e-9)


@pytest.mark.parametrize(
    ("place", "turn", "told"),
    [
        ((0.99, 0.0, 0.0), (0.9, 0.0, 0.0), None),
        ((1.03, 0.0, 0.0), (0.0, 0.0, 1.1), None),
        ((1.2, 0.0, 0.0), (0.0, 0.0, 0.0), r"the tool is at \[0.795.*outside of.*widen limits"),
        ((0.0, 0.0, 0.0), (0.0, 1.7, 0.0), r"turned by \[.*0.34, .*aim at \[0.2, 0.2, 0.7\]"),
    ],
)
def test_a_tool_from_where_no_action_leads_back_is_told(
    place: tuple[float, ...], turn: tuple[float, ...], told: str | None
) -> None:
    tool, _ = _tool(np.array(place), np.array(turn))
    found = _control().outside(tool)
    assert (found is None) == (told is None)
    assert told is None or re.search(told, str(found))
