import mujoco
import numpy as np
import pytest

from controllers.impedance import NullSpace
from controllers.kinematics import ArmState, Kinematics
from controllers.lie import pose_error, se3_exp
from controllers.limits import PANDA
from controllers.operational_space import OperationalSpace
from sim import panda

UNBOUNDED = np.full(7, 1e9)


@pytest.fixture
def law() -> OperationalSpace:
    return OperationalSpace(
        NullSpace(panda.Q_READY), UNBOUNDED, max_spring_force=1e9, max_spring_torque=1e9
    )


def states(arm: Kinematics, count: int = 30) -> list[ArmState]:
    rng = np.random.default_rng(0)
    near = panda.Q_READY + rng.uniform(-0.5, 0.5, (count, 7))
    return [arm.state(q, rng.normal(size=7)) for q in near]


def tool_acceleration(state: ArmState, torque: np.ndarray) -> np.ndarray:
    return state.jacobian @ np.linalg.solve(state.mass, torque - state.bias) + state.drift


def test_the_tool_accelerates_as_a_unit_mass_in_every_direction(
    law: OperationalSpace, arm: Kinematics
) -> None:
    for state in states(arm):
        target = se3_exp(np.array([0.02, -0.03, 0.01, 0.1, -0.2, 0.05])) @ state.pose
        wanted = law.stiffness * pose_error(state.pose, target) - law.damping * state.twist
        torque = law.torque(state, target)
        np.testing.assert_allclose(tool_acceleration(state, torque), wanted, atol=1e-2)


@pytest.mark.parametrize("axis", range(6))
def test_an_error_along_one_axis_moves_the_tool_along_that_axis_only(
    law: OperationalSpace, arm: Kinematics, axis: int
) -> None:
    state = arm.state(panda.Q_READY)
    target = state.pose.copy()
    shift = np.zeros(6)
    shift[axis] = 0.05
    target[:3, 3] += shift[:3]
    target[:3, :3] = se3_exp(shift)[:3, :3] @ target[:3, :3]
    acceleration = tool_acceleration(state, law.torque(state, target))
    np.testing.assert_allclose(acceleration, law.stiffness * shift, atol=1e-3)


def test_posture_torque_does_not_accelerate_the_tool(arm: Kinematics) -> None:
    limp = OperationalSpace(NullSpace(panda.Q_READY, 0.0, 0.0), UNBOUNDED)
    stiff = OperationalSpace(NullSpace(panda.Q_READY + 1.0, 100.0, 20.0), UNBOUNDED)
    for state in states(arm):
        a, b = (tool_acceleration(state, law.torque(state, state.pose)) for law in (limp, stiff))
        np.testing.assert_allclose(a, b, atol=2e-2)


def test_posture_torque_moves_the_elbow(law: OperationalSpace, arm: Kinematics) -> None:
    state = arm.state(panda.Q_READY)
    bent = OperationalSpace(NullSpace(panda.Q_READY + 0.5 * np.eye(7)[2]), UNBOUNDED)
    assert np.linalg.norm(bent.torque(state, state.pose) - law.torque(state, state.pose)) > 0.1


def test_the_spring_force_is_bounded_far_from_the_target(arm: Kinematics) -> None:
    law = OperationalSpace(NullSpace(panda.Q_READY, 0.0, 0.0), UNBOUNDED)
    state = arm.state(panda.Q_READY)
    target = se3_exp(np.array([3.0, 0.0, -5.0, 0.0, 2.0, 1.0])) @ state.pose
    wrench = np.linalg.lstsq(state.jacobian.T, law.torque(state, target) - state.bias)[0]
    assert np.linalg.norm(wrench[:3]) <= law.max_spring_force * (1 + 1e-9)
    assert np.linalg.norm(wrench[3:]) <= law.max_spring_torque * (1 + 1e-9)


def test_torques_stay_within_the_motors_at_a_singularity(arm: Kinematics) -> None:
    law = OperationalSpace(NullSpace(panda.Q_READY), PANDA.tau)
    state = arm.state(np.zeros(7), np.ones(7))
    torque = law.torque(state, np.eye(4))
    assert np.isfinite(torque).all()
    assert (np.abs(torque) <= PANDA.tau).all()


def test_a_step_of_the_target_is_followed_without_overshoot(
    arm: Kinematics, torque_arm: mujoco.MjSpec
) -> None:
    law = OperationalSpace(NullSpace(panda.Q_READY), PANDA.tau)
    model = torque_arm.compile()
    data = mujoco.MjData(model)
    data.qpos[:7] = panda.Q_READY
    start = arm.pose(panda.Q_READY)
    target = start.copy()
    target[1, 3] += 0.05
    path = []
    for _ in range(round(1.5 / model.opt.timestep)):
        state = arm.state(data.qpos[:7], data.qvel[:7])
        path.append(pose_error(start, state.pose))
        data.ctrl[:] = law.torque(state, target)
        mujoco.mj_step(model, data)
    assert path[-1][1] == pytest.approx(0.05, abs=5e-4)
    assert np.max(path, axis=0)[1] < 0.0515
    np.testing.assert_allclose(np.delete(path, 1, axis=1), 0, atol=2e-3)
