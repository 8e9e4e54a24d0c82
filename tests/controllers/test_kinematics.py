import mujoco
import numpy as np
import pytest

from controllers.kinematics import Kinematics
from controllers.lie import pose_error, se3_from_vector, se3_inverse
from controllers.tool_control import ROTATION_DOWN
from sim import panda

STEP = 1e-6

TURNED_BASE = """
<mujoco>
  <worldbody>
    <body name="pedestal" pos="0.3 -0.2 0.5" euler="20 30 40">
      <body pos="0 0 0.1">
        <joint name="lift" type="slide" axis="0 0 1" range="0 0.5"/>
        <geom size="0.05" mass="2"/>
        <body pos="0.1 0 0.2">
          <joint name="swing" axis="0 1 0" range="-2 2"/>
          <geom type="capsule" fromto="0 0 0 0.4 0 0" size="0.03" mass="1"/>
          <site name="tip" pos="0.4 0 0"/>
        </body>
      </body>
    </body>
    <body name="ball"><freejoint name="loose"/><geom size="0.1" mass="1"/></body>
  </worldbody>
</mujoco>
"""


@pytest.fixture
def crane() -> Kinematics:
    model = mujoco.MjModel.from_xml_string(TURNED_BASE)
    return Kinematics(model, ("lift", "swing"), "tip", base="pedestal")


def configurations(arm: Kinematics, count: int = 20) -> np.ndarray:
    return np.random.default_rng(0).uniform(arm.lower, arm.upper, (count, len(arm.joints)))


def change_of_pose(arm: Kinematics, q: np.ndarray, dq: np.ndarray) -> np.ndarray:
    return pose_error(arm.pose(q - STEP * dq), arm.pose(q + STEP * dq)) / (2 * STEP)


@pytest.mark.parametrize("name", ["arm", "crane"])
def test_jacobian_is_the_derivative_of_the_pose(name: str, request: pytest.FixtureRequest) -> None:
    arm: Kinematics = request.getfixturevalue(name)
    for q in configurations(arm):
        columns = [change_of_pose(arm, q, axis) for axis in np.eye(len(q))]
        np.testing.assert_allclose(arm.state(q).jacobian, np.transpose(columns), atol=1e-7)


@pytest.mark.parametrize("name", ["arm", "crane"])
def test_drift_is_the_derivative_of_the_twist(name: str, request: pytest.FixtureRequest) -> None:
    arm: Kinematics = request.getfixturevalue(name)
    for q in configurations(arm):
        dq = np.cos(np.arange(len(q)))
        ahead, behind = (arm.state(q + s * STEP * dq, dq).twist for s in (1, -1))
        drift = arm.state(q, dq).drift
        np.testing.assert_allclose(drift, (ahead - behind) / (2 * STEP), atol=1e-6)


def test_mass_and_bias_predict_the_acceleration_of_the_engine(arm: Kinematics) -> None:
    rng = np.random.default_rng(1)
    frozen = panda.load()
    frozen.dof_armature[7:] = 1e9
    frozen.actuator_gainprm[:] = frozen.actuator_biasprm[:] = 0
    frozen.opt.disableflags |= mujoco.mjtDisableBit.mjDSBL_CONSTRAINT
    for q in configurations(arm, 5):
        dq, torque = rng.normal(size=7), rng.normal(size=7)
        data = mujoco.MjData(frozen)
        data.qpos[:7], data.qvel[:7], data.qfrc_applied[:7] = q, dq, torque
        mujoco.mj_forward(frozen, data)
        state = arm.state(q, dq)
        expected = np.linalg.solve(state.mass, torque - state.bias)
        np.testing.assert_allclose(data.qacc[:7], expected, rtol=1e-6, atol=1e-6)


def test_pose_at_ready_is_the_published_one(arm: Kinematics) -> None:
    pose = arm.pose(panda.Q_READY)
    np.testing.assert_allclose(pose[:3, :3], ROTATION_DOWN, atol=1e-12)
    np.testing.assert_allclose(pose[:3, 3], [0.3069, 0.0, 0.4869], atol=1e-4)


def test_poses_are_those_of_the_base(crane: Kinematics) -> None:
    tip_in_pedestal = se3_from_vector(np.array([0.5, 0, 0.4, 0, 0, 0, 1]))
    np.testing.assert_allclose(crane.pose(np.array([0.1, 0.0])), tip_in_pedestal, atol=1e-12)
    np.testing.assert_allclose(crane.pose_world_base[:3, 3], [0.3, -0.2, 0.5], atol=1e-12)


def test_uncompensated_gravity_is_in_the_bias(crane: Kinematics) -> None:
    down = se3_inverse(crane.pose_world_base)[:3, 2] * -9.81
    lift = crane.state(np.zeros(2)).bias[0]
    assert lift == pytest.approx(-down[2] * 3.0, rel=1e-9)


def test_gravity_that_the_arm_compensates_is_not_in_the_bias(arm: Kinematics) -> None:
    np.testing.assert_allclose(arm.state(panda.Q_READY).bias, np.zeros(7), atol=1e-9)


@pytest.mark.parametrize("name", ["arm", "crane"])
def test_no_joint_moves_the_tool_further_than_its_reach(
    name: str, request: pytest.FixtureRequest
) -> None:
    arm: Kinematics = request.getfixturevalue(name)
    reach = arm.reach()
    rows = [np.linalg.norm(arm.state(q).jacobian[:3], axis=0) for q in configurations(arm, 200)]
    assert (np.max(rows, axis=0) <= reach + 1e-12).all()
    assert (reach <= 3 * np.max(rows, axis=0) + 0.25).all()


def test_results_do_not_change_when_the_arm_is_asked_again(arm: Kinematics) -> None:
    first = arm.state(panda.Q_READY, np.ones(7))
    before = [np.array(part) for part in first]
    arm.state(np.zeros(7), np.zeros(7))
    for part, copy in zip(first, before, strict=True):
        np.testing.assert_array_equal(part, copy)


def test_a_wrong_name_is_answered_with_the_names_there_are(model: mujoco.MjModel) -> None:
    with pytest.raises(ValueError, match=r"no site 'tool'.*'wrist_sensor', 'tcp'"):
        Kinematics(model, panda.ARM_JOINTS, "tool")
    with pytest.raises(ValueError, match=r"no joint 'elbow'.*'joint1'"):
        Kinematics(model, ("elbow",), "tcp")


def test_a_free_joint_is_refused() -> None:
    model = mujoco.MjModel.from_xml_string(TURNED_BASE)
    with pytest.raises(ValueError, match="joint 'loose' is free or a ball"):
        Kinematics(model, ("loose",), "tip")
