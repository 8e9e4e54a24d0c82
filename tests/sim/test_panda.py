"""The model has the published figures of the arm, and stands still by itself."""

import mujoco
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controllers.tool_control import ROTATION_DOWN
from sim import panda

MODEL = panda.load()
A = [0, 0, 0, 0.0825, -0.0825, 0, 0.088]
D = [0.333, 0, 0.316, 0, 0.384, 0, 0]
ALPHA = [0, -np.pi / 2, np.pi / 2, np.pi / 2, -np.pi / 2, np.pi / 2, np.pi / 2]
"""Denavit-Hartenberg parameters, Craig's convention, as Franka publishes them."""
FLANGE, HAND, HAND_TURN = 0.107, 0.1034, -np.pi / 4
LOWER = [-2.8973, -1.7628, -2.8973, -3.0718, -2.8973, -0.0175, -2.8973]
UPPER = [2.8973, 1.7628, 2.8973, -0.0698, 2.8973, 3.7525, 2.8973]


def _link(a: float, alpha: float, d: float, theta: float) -> np.ndarray:
    """One row of the table as a homogeneous transform."""
    c, s, ca, sa = np.cos(theta), np.sin(theta), np.cos(alpha), np.sin(alpha)
    return np.array(
        [[c, -s, 0, a], [s * ca, c * ca, -sa, -d * sa], [s * sa, c * sa, ca, d * ca], [0, 0, 0, 1]]
    )


def _published_tool(q: np.ndarray) -> np.ndarray:
    pose = np.eye(4)
    for row in zip(A, ALPHA, D, q, strict=True):
        pose = pose @ _link(*row)
    return pose @ _link(0, 0, FLANGE + HAND, HAND_TURN)


def _at(q: np.ndarray) -> mujoco.MjData:
    data = mujoco.MjData(MODEL)
    data.qpos[:7] = q
    data.ctrl[:7] = q
    mujoco.mj_forward(MODEL, data)
    return data


@settings(max_examples=50, deadline=None, derandomize=True)
@given(st.lists(st.floats(0, 1), min_size=7, max_size=7))
def test_the_tool_is_where_the_published_parameters_put_it(share: list[float]) -> None:
    q = np.array(LOWER) + np.array(share) * (np.array(UPPER) - LOWER)
    data, published = _at(q), _published_tool(q)
    site = data.site(panda.TOOL_SITE)
    np.testing.assert_allclose(site.xpos, published[:3, 3], atol=1e-6)
    np.testing.assert_allclose(site.xmat.reshape(3, 3), published[:3, :3], atol=1e-6)


def test_at_the_ready_configuration_the_tool_points_down_where_franka_reports_it() -> None:
    site = _at(panda.Q_READY).site(panda.TOOL_SITE)
    np.testing.assert_allclose(site.xpos, [0.3069, 0, 0.4869], atol=1e-4)
    np.testing.assert_allclose(site.xmat.reshape(3, 3), ROTATION_DOWN, atol=1e-9)


def test_joints_have_the_published_limits() -> None:
    np.testing.assert_array_equal(MODEL.jnt_range[:7].T, [LOWER, UPPER])
    np.testing.assert_array_equal(MODEL.jnt_actfrcrange[:7, 1], [87] * 4 + [12] * 3)
    np.testing.assert_array_equal(MODEL.jnt_range[7:], [[0, panda.FINGER_TRAVEL]] * 2)


def test_servos_cannot_be_sent_past_the_joint_limits() -> None:
    assert MODEL.actuator_ctrllimited.all()
    np.testing.assert_allclose(MODEL.actuator_ctrlrange, MODEL.jnt_range, atol=1e-12)


def test_the_arm_weighs_what_the_identification_found() -> None:
    """Franka's data sheet says about 18 kg without, the hand's 0.73 kg."""
    mass = MODEL.body_subtreemass[MODEL.body("link0").id]
    assert mass == pytest.approx(17.45, abs=0.01)
    assert MODEL.body_subtreemass[MODEL.body("hand").id] == pytest.approx(0.76, abs=1e-9)


def test_rotors_carry_most_of_the_inertia_of_the_wrist() -> None:
    np.testing.assert_allclose(
        MODEL.dof_armature[:7], [0.6057] * 2 + [0.4625] * 2 + [0.2055] * 3, atol=1e-4
    )
    data = _at(panda.Q_READY)
    mass = np.empty((MODEL.nv, MODEL.nv))
    mujoco.mj_fullM(MODEL, data, mass)
    assert np.linalg.eigvalsh(mass).min() > 0
    assert mass[6, 6] < 1.1 * MODEL.dof_armature[6]


def test_gravity_is_compensated_so_the_arm_stays_without_servo_error() -> None:
    data = _at(panda.Q_READY)
    data.qpos[7:] = data.ctrl[7:] = 0.02
    start = data.qpos.copy()
    for _ in range(round(1 / MODEL.opt.timestep)):
        mujoco.mj_step(MODEL, data)
    np.testing.assert_allclose(data.qpos, start, atol=1e-9)


@pytest.mark.parametrize("joint", range(7))
def test_every_servo_answers_alike_and_without_overshoot(joint: int) -> None:
    data = _at(panda.Q_READY)
    data.ctrl[joint] += 0.05
    progress = []
    for _ in range(round(1 / MODEL.opt.timestep)):
        mujoco.mj_step(MODEL, data)
        progress.append((data.qpos[joint] - panda.Q_READY[joint]) / 0.05)
    after = round(0.1 / MODEL.opt.timestep) - 1
    assert progress[after] == pytest.approx(0.7, abs=0.06)
    assert progress[-1] == pytest.approx(1, abs=0.01)
    assert max(progress) < 1.03


def test_the_fingers_mirror_each_other_and_close_to_nothing() -> None:
    data = _at(panda.Q_READY)
    for opening in (panda.FINGER_TRAVEL, 0.0):
        data.ctrl[7:] = opening
        for _ in range(round(1 / MODEL.opt.timestep)):
            mujoco.mj_step(MODEL, data)
        hand = data.body("hand")
        left, right = (data.geom(f"{side}_pad").xpos - hand.xpos for side in ("left", "right"))
        gap = np.linalg.norm(left - right) - 2 * MODEL.geom("left_pad").size[1]
        assert gap == pytest.approx(2 * opening, abs=1e-3)
        across = hand.xmat.reshape(3, 3)[:, 1]
        assert left @ across == pytest.approx(-(right @ across), abs=1e-4)
