"""The hole is wider than the peg by the clearance, and inserted is: deep inside it."""

from collections.abc import Callable

import mujoco
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim import panda
from sim.peg_insert import PEG_BELOW_TOOL, PegInsert
from sim.scene import arm_scene
from sim.task import Worlds

HOLE = (0.5, 0.0, 0.0)
TASK = PegInsert()


def _model(task: PegInsert) -> mujoco.MjModel:
    scene = arm_scene()
    task.build(scene)
    return scene.compile()


def _touching(task: PegInsert, shift: float) -> bool:
    """Whether the peg touches the block ``shift`` away from the middle of the hole [m]."""
    model = _model(task)
    data = mujoco.MjData(model)
    data.qpos[:7] = panda.Q_READY
    mujoco.mj_kinematics(model, data)
    below = np.array([shift, 0, -0.02 - task.block_height / 2])
    model.body("block").pos[:] = data.body("peg").xpos + below
    mujoco.mj_forward(model, data)
    pairs = [{model.geom(g).name.split("_")[0] for g in contact.geom} for contact in data.contact]
    return {"peg", "block"} in pairs


@settings(max_examples=10, deadline=None, derandomize=True)
@given(st.floats(0.0001, 0.005), st.floats(0.01, 0.04))
def test_hole_minus_peg_is_the_clearance(clearance: float, width: float) -> None:
    model = _model(PegInsert(clearance=clearance, peg_width=width))
    peg = 2 * model.geom("peg").size[:2]
    for axis, sides in ((1, ("left", "right")), (0, ("front", "back"))):
        high, low = (model.geom(f"block_{side}") for side in sides)
        hole = high.pos[axis] - high.size[axis] - low.pos[axis] - low.size[axis]
        assert hole - peg[axis] == pytest.approx(clearance, abs=1e-12)


@pytest.mark.parametrize("clearance", [0.0005, 0.001, 0.004])
def test_the_peg_feels_the_wall_after_half_the_clearance(clearance: float) -> None:
    task = PegInsert(clearance=clearance)
    assert not _touching(task, 0.0)
    assert not _touching(task, 0.9 * clearance / 2)
    assert _touching(task, 1.1 * clearance / 2)


def _with_tip(
    place_worlds: Callable[..., Worlds], depth: float, beside: float = 0.0, yaw: float = 0.0
) -> Worlds:
    """One world with the tip this deep below the mouth of the hole [m]."""
    height = TASK.block_height - depth + PEG_BELOW_TOOL
    return place_worlds((HOLE[0] + beside, 0, height), yaw, hole_position=HOLE, hole_yaw=0.2)


@pytest.mark.parametrize(
    ("depth", "beside", "inserted"),
    [(0.021, 0.0, True), (0.019, 0.0, False), (0.03, 0.02, False), (-0.01, 0.0, False)],
    ids=["deep", "shallow", "beside the hole", "above"],
)
def test_success_is_depth_inside_the_hole(
    place_worlds: Callable[..., Worlds], depth: float, beside: float, inserted: bool
) -> None:
    assert TASK.success(_with_tip(place_worlds, depth, beside)) == inserted


def test_observation_points_from_the_tip_to_the_mouth(place_worlds: Callable[..., Worlds]) -> None:
    seen = TASK.observe(_with_tip(place_worlds, depth=-0.01, beside=0.02, yaw=0.05))
    np.testing.assert_allclose(seen[:, :4], [[-0.02, 0, -0.01, 0.15]], atol=1e-12)
    assert len(TASK.observation_names) == seen.shape[1]


def test_the_fine_observation_tells_millimetres_apart(place_worlds: Callable[..., Worlds]) -> None:
    def fine(beside: float) -> np.ndarray:
        return TASK.observe(_with_tip(place_worlds, depth=0, beside=beside, yaw=0.2))[0, 4:]

    np.testing.assert_allclose(fine(0), 0, atol=1e-9)
    np.testing.assert_allclose(fine(0.01), -fine(-0.01), atol=1e-9)
    assert fine(0)[0] - fine(0.001)[0] > 20 * (fine(0.08)[0] - fine(0.081)[0]) > 0


def test_the_tip_is_where_the_peg_ends() -> None:
    model = _model(TASK)
    data = mujoco.MjData(model)
    data.qpos[:7] = panda.Q_READY
    mujoco.mj_kinematics(model, data)
    tip = data.geom("peg").xpos[2] - model.geom("peg").size[2]
    assert data.site(panda.TOOL_SITE).xpos[2] - tip == pytest.approx(PEG_BELOW_TOOL, abs=1e-9)


@pytest.mark.parametrize("yaw", [0.6, 0.2, -0.6])
def test_the_expert_turns_where_the_tool_may(
    place_worlds: Callable[..., Worlds], yaw: float
) -> None:
    worlds = place_worlds((HOLE[0], 0, 0.2), yaw, hole_position=HOLE, hole_yaw=-0.25)
    assert TASK.expert(worlds).pose.yaw == pytest.approx(-0.25)
