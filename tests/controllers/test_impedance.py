from collections.abc import Callable

import mujoco
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from controllers.impedance import (
    CartesianImpedance,
    JointImpedance,
    NullSpace,
    clip_wrench,
    project_out,
)
from controllers.kinematics import ArmState, Kinematics
from controllers.lie import pose_error, se3, se3_exp
from controllers.limits import PANDA
from controllers.tool_control import ROTATION_DOWN
from sim import panda

Law = Callable[[ArmState], np.ndarray]
wrenches = arrays(np.float64, 6, elements=st.floats(-1e6, 1e6))


@pytest.fixture
def cartesian() -> CartesianImpedance:
    return CartesianImpedance(NullSpace(panda.Q_READY), PANDA.tau)


def simulate(
    model: mujoco.MjModel, arm: Kinematics, law: Law, seconds: float, q: np.ndarray = panda.Q_READY
) -> mujoco.MjData:
    data = mujoco.MjData(model)
    data.qpos[:7] = q
    for _ in range(round(seconds / model.opt.timestep)):
        data.ctrl[:] = law(arm.state(data.qpos[:7], data.qvel[:7]))
        mujoco.mj_step(model, data)
    return data


@given(wrenches, st.floats(0.1, 100), st.floats(0.1, 100))
def test_a_clipped_wrench_keeps_direction_and_bounds(
    wrench: np.ndarray, force: float, torque: float
) -> None:
    clipped = clip_wrench(wrench, force, torque)
    for half, bound in ((slice(0, 3), force), (slice(3, 6), torque)):
        assert np.linalg.norm(clipped[half]) <= bound * (1 + 1e-12)
        np.testing.assert_allclose(np.cross(clipped[half], wrench[half] / 1e6), 0, atol=1e-9)
        assert clipped[half] @ wrench[half] >= 0
        if np.linalg.norm(wrench[half]) <= bound:
            np.testing.assert_array_equal(clipped[half], wrench[half])


@given(arrays(np.float64, 6, elements=st.floats(-3, 3)))
def test_the_virtual_spring_never_exceeds_its_force(tangent: np.ndarray) -> None:
    law = CartesianImpedance(NullSpace(panda.Q_READY), PANDA.tau)
    pose = se3(np.array([0.4, 0.0, 0.3]), ROTATION_DOWN)
    spring = law.spring(pose, se3_exp(tangent) @ pose)
    assert np.linalg.norm(spring[:3]) <= law.max_spring_force * (1 + 1e-12)
    assert np.linalg.norm(spring[3:]) <= law.max_spring_torque * (1 + 1e-12)


def test_an_unclipped_spring_follows_hookes_law(cartesian: CartesianImpedance) -> None:
    pose = se3(np.array([0.4, 0.0, 0.3]), ROTATION_DOWN)
    target = se3(np.array([0.404, -0.002, 0.3]), se3_exp(np.array([0, 0, 0, 0, 0, 0.01]))[:3, :3])
    target[:3, :3] = target[:3, :3] @ ROTATION_DOWN
    # 2000 N/m times 4 mm and -2 mm; 150 N m/rad times 10 mrad.
    np.testing.assert_allclose(cartesian.spring(pose, target), [8, -4, 0, 0, 0, 1.5], atol=1e-9)


def test_at_the_target_at_rest_only_the_bias_is_left(
    cartesian: CartesianImpedance, arm: Kinematics
) -> None:
    state = arm.state(panda.Q_READY)
    np.testing.assert_allclose(cartesian.torque(state, state.pose), state.bias, atol=1e-9)


def test_a_target_deep_in_a_wall_presses_with_the_bounded_force(
    cartesian: CartesianImpedance, arm: Kinematics, torque_arm: mujoco.MjSpec
) -> None:
    tool = arm.pose(panda.Q_READY)
    torque_arm.worldbody.add_geom(
        name="wall",
        type=mujoco.mjtGeom.mjGEOM_BOX,
        size=[0.2, 0.2, 0.05],
        pos=tool[:3, 3] - [0, 0, 0.07],
    )
    model = torque_arm.compile()
    target = se3(tool[:3, 3] - [0, 0, 0.3], tool[:3, :3])
    data = simulate(model, arm, lambda state: cartesian.torque(state, target), seconds=1.5)
    contact = np.zeros(6)
    pressed = 0.0
    for i in range(data.ncon):
        mujoco.mj_contactForce(model, data, i, contact)
        pressed += contact[0]
    assert 0.9 * cartesian.max_spring_force < pressed <= 1.05 * cartesian.max_spring_force


def test_cartesian_impedance_reaches_its_target_and_posture(
    cartesian: CartesianImpedance, arm: Kinematics, torque_arm: mujoco.MjSpec
) -> None:
    target = arm.pose(panda.Q_READY) @ se3_exp(np.array([0.05, -0.04, 0.03, 0.1, 0.1, 0.2]))
    data = simulate(
        torque_arm.compile(), arm, lambda state: cartesian.torque(state, target), seconds=3.0
    )
    np.testing.assert_allclose(pose_error(arm.pose(data.qpos[:7]), target), 0, atol=1e-3)
    assert np.linalg.norm(data.qvel[:7]) < 0.05


def test_null_space_torque_does_not_load_the_tool(arm: Kinematics) -> None:
    rng = np.random.default_rng(0)
    for q in rng.uniform(PANDA.q_lower, PANDA.q_upper, (50, 7)):
        jacobian = arm.state(q).jacobian
        torque = rng.normal(size=7)
        free = project_out(jacobian, torque, damping=0.0)
        np.testing.assert_allclose(jacobian @ free, 0, atol=1e-9)
        np.testing.assert_allclose(project_out(jacobian, free, damping=0.0), free, atol=1e-9)


def test_projection_is_finite_at_a_singularity(arm: Kinematics) -> None:
    stretched = arm.state(np.zeros(7)).jacobian
    assert np.linalg.matrix_rank(stretched) < 6
    assert np.linalg.norm(project_out(stretched, np.ones(7))) <= np.sqrt(7)


@given(arrays(np.float64, 7, elements=st.floats(-100, 100)))
def test_joint_impedance_keeps_the_torque_bounds(q: np.ndarray) -> None:
    law = JointImpedance(np.full(7, 600.0), np.full(7, 50.0), np.full(7, 5.0), PANDA.tau)
    still = ArmState(
        np.zeros(7), np.zeros(7), np.eye(4), np.zeros((6, 7)), np.zeros(6), np.eye(7), np.zeros(7)
    )
    assert (np.abs(law.torque(still, q)) <= 5.0).all()
    rushing = still._replace(dq=np.full(7, 100.0))
    assert (np.abs(law.torque(rushing, q)) <= PANDA.tau).all()


def test_joint_impedance_settles_at_its_target(arm: Kinematics, torque_arm: mujoco.MjSpec) -> None:
    law = JointImpedance(np.full(7, 400.0), np.full(7, 40.0), PANDA.tau / 2, PANDA.tau)
    target = panda.Q_READY + 0.2
    data = simulate(torque_arm.compile(), arm, lambda state: law.torque(state, target), seconds=2.0)
    np.testing.assert_allclose(data.qpos[:7], target, atol=1e-3)
