import mujoco
import pytest

from controllers.kinematics import Kinematics
from sim import panda


@pytest.fixture(scope="session")
def model() -> mujoco.MjModel:
    return panda.load()


@pytest.fixture
def arm(model: mujoco.MjModel) -> Kinematics:
    return Kinematics(model, panda.ARM_JOINTS, panda.TOOL_SITE)


@pytest.fixture
def torque_arm() -> mujoco.MjSpec:
    """The arm with torque motors, to be completed with a scene and compiled."""
    spec = panda.spec()
    for actuator in list(spec.actuators):
        spec.delete(actuator)
    for name in panda.ARM_JOINTS:
        spec.add_actuator(name=name, target=name, trntype=mujoco.mjtTrn.mjTRN_JOINT).set_to_motor()
    return spec
