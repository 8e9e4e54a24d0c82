"""What actions and observations mean, on an arm that is at once where it is asked to be."""

from dataclasses import replace

import numpy as np
import pytest

from controllers.lie import quat_from_so3, so3_exp, so3_from_quat, so3_log
from controllers.tool_control import ROTATION_DOWN
from hardware.contract_file import load_contract
from hardware.env import HardwareEnv
from hardware.environments import box_of
from hardware.robot_config import RobotConfig
from hardware.streams import Streams
from robot_rl.env import Info
from robot_rl.reward import Rewards
from robot_rl.reward_sources import TaskReward
from tests.hardware.obedient_arm import ROBOT as TWIN
from tests.hardware.obedient_arm import TASK, ObedientArm

ROBOT = load_contract("fr3")
"""Takes poses of its tool, and reports them."""
FELT = slice(6, 18)
"""Twist and wrench, in the observation."""
ACTION = np.array([[0.8, -0.5, 0.3, 0.2, -0.1, 0.4, 1.0]])
PUSH = np.array([[3.0, -2.0, 5.0], [0.1, 0.2, -0.3]])
"""Force and torque on the tool, in its own frame [N, N m]."""
LEVEL = np.r_[0.5, 0.0, 0.3, quat_from_so3(ROTATION_DOWN)]
TURNED = np.r_[0.45, 0.2, 0.4, quat_from_so3(ROTATION_DOWN @ so3_exp(np.array([0.1, -0.05, 0.5])))]


class PushedArm(ObedientArm):
    """Takes poses of its tool; what presses on it moves and turns along."""

    def measured(self) -> dict[str, np.ndarray]:
        return {
            "joint_states": np.zeros((2, len(ROBOT.joints.arm))),
            "current_pose": self.q,
            "wrench": (PUSH @ so3_from_quat(self.q[3:]).T).ravel(),
            "gripper": np.zeros((2, 0)),
        }


def acted(start: np.ndarray, relative: bool) -> tuple[np.ndarray, np.ndarray]:
    """What is felt after three actions, and the last motion, in the frame that the tool had.

    Shapes (12,) [m/s, rad/s, N, N m] and (6,) [m, rad].
    """
    arm = PushedArm(ROBOT, start)
    config = RobotConfig(relative_frame=relative, workspace=box_of(ROBOT))
    with HardwareEnv(ROBOT, arm, config=config) as env:
        env.reset()
        *_, (_, before), (step, after) = ((env.step(ACTION), arm.q) for _ in range(3))
    np.testing.assert_allclose(step.info[Info.ACTION_SENT], ACTION, atol=1e-6)
    back = so3_from_quat(before[3:]).T
    motion = np.r_[back @ (after[:3] - before[:3]), so3_log(back @ so3_from_quat(after[3:]))]
    return step.observation["state"][0, FELT], motion


@pytest.mark.parametrize("start", [LEVEL, TURNED], ids=["level", "turned"])
def test_in_the_tool_frame_an_action_is_a_motion_along_the_tools_own_axes(
    start: np.ndarray,
) -> None:
    felt, motion = acted(start, relative=True)
    reach = np.repeat([RobotConfig.translation, RobotConfig.rotation], 3)
    np.testing.assert_allclose(motion, ACTION[0, :6] * reach, atol=1e-9)
    np.testing.assert_allclose(felt[3:6], motion[3:] * ROBOT.rates.policy, atol=1e-5)
    np.testing.assert_allclose(felt[6:], PUSH.ravel(), atol=1e-5)


@pytest.mark.parametrize("relative", [True, False])
def test_in_the_tool_frame_alone_the_same_motion_feels_the_same_wherever_it_begins(
    relative: bool,
) -> None:
    level, turned = (acted(start, relative) for start in (LEVEL, TURNED))
    for one, other in zip(level, turned, strict=True):
        assert np.allclose(one, other, atol=1e-4) == relative


@pytest.mark.parametrize("dispatch", [0.01, 1.0])
def test_requests_leave_at_a_steady_time_whatever_it_took_to_choose_an_action(
    dispatch: float,
) -> None:
    leaves, waited = list[float](), list[int]()

    class SlowlyAsked(ObedientArm):
        def request(self, target: np.ndarray, gripper: float | None) -> float:
            leaves.append(self.time)
            return super().request(target, gripper)

    arm = SlowlyAsked()
    with HardwareEnv(TWIN, arm, TASK, config=RobotConfig(dispatch=dispatch)) as env:
        env.offer_time(lambda: waited.append(len(leaves)))
        env.reset(0)
        leaves.clear()
        for chosen_in in (0.0, 0.009, 0.004, 0.015, 0.0):
            arm.time += chosen_in
            env.step(env.action_spec.zeros(1))
    np.testing.assert_allclose(np.diff(leaves), env.dt + np.array([0, 0, 0.005, -0.005]), atol=1e-9)
    assert waited == [1, 2, 3, 4, 5], "once a request has left"


def test_a_gripper_that_nobody_measures_is_where_it_was_told_to_be() -> None:
    config = RobotConfig(workspace=box_of(ROBOT))
    with HardwareEnv(ROBOT, PushedArm(ROBOT, LEVEL), config=config) as env:
        opening = env.observation_spec["state"].names.index("gripper")
        seen = [env.reset().observation["state"][0, opening]]
        for gripper in (-1.0, 0.0, 1.0):
            action = np.r_[np.zeros(6), gripper][None]
            seen.append(env.step(action).observation["state"][0, opening])
    np.testing.assert_allclose(seen, [1.0, 0.0, 0.5, 1.0])


RAMP = np.tile(np.arange(128, dtype=np.uint8)[:, None], (128, 1, 3))
"""Brighter from left to right."""


class SeeingArm(ObedientArm):
    """The twin, both of whose cameras see a ramp."""

    def __init__(self) -> None:
        super().__init__()
        self.streams = Streams.of(TWIN)
        self.sleep_until(self.time)

    def measured(self) -> dict[str, np.ndarray]:
        return super().measured() | {"images/front": RAMP, "images/wrist": RAMP}


def test_pictures_are_shrunk_to_what_a_policy_has_learned_with() -> None:
    for size, shape in ((0, (128, 128, 3)), (128, (128, 128, 3)), (32, (32, 32, 3))):
        config = RobotConfig(cameras=("front",), image_size=size)
        with HardwareEnv(TWIN, SeeingArm(), TASK, config=config) as env:
            seen = env.reset().observation["images/front"][0]
            assert seen.shape == env.observation_spec["images/front"].shape == shape
        wanted = RAMP.reshape(shape[0], 128 // shape[0], shape[1], 128 // shape[1], 3).mean((1, 3))
        assert np.abs(seen - wanted).max() <= 0.5


def test_pictures_are_not_made_larger() -> None:
    config = RobotConfig(cameras=("wrist",), image_size=256)
    with pytest.raises(ValueError, match=r"image_size is 256, and camera wrist gives .* 128 x 128"):
        HardwareEnv(TWIN, ObedientArm(), TASK, config=config)


def test_pictures_are_cropped_and_then_shrunk() -> None:
    config = RobotConfig(cameras=("front",), image_size=32, crop=("front:0.25:0:0.75:0.5",))
    with HardwareEnv(TWIN, SeeingArm(), TASK, config=config) as env:
        seen, spec = env.reset().observation["images/front"], env.observation_spec["images/front"]
    wanted = RAMP[:64, 32:96].reshape(32, 2, 32, 2, 3).mean((1, 3))
    assert np.abs(seen[0] - wanted).max() <= 0.5
    assert (spec.shape, spec.crop) == ((32, 32, 3), (0.25, 0, 0.75, 0.5))
    with pytest.raises(ValueError, match=r"image_size is 96, .* 128 pixels, .* keeps 64 x 64; ch"):
        HardwareEnv(TWIN, SeeingArm(), TASK, config=replace(config, image_size=96))


class Knowing(TaskReward):
    """Has learned from the left half of what a camera shows."""

    cameras, crops = ("front",), {"front": (0.0, 0.0, 0.5, 1.0)}


def test_who_judges_is_shown_what_it_has_learned_from() -> None:
    config, rewards = RobotConfig(crop=("front:0:0:0.5:1",)), Rewards([Knowing()])
    HardwareEnv(TWIN, SeeingArm(), TASK, config=config, rewards=rewards).close()
    with pytest.raises(ValueError, match=r"source task has .* front:0\.0:0\.0:0\.5:1\.0, beside"):
        HardwareEnv(TWIN, SeeingArm(), TASK, rewards=rewards)
