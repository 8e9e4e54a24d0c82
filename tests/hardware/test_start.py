"""How an episode begins, on an arm that is at once where it is asked to be; time is a number."""

from pathlib import Path

import numpy as np
import pytest

from controllers.reason import Reason
from hardware.env import HardwareEnv
from hardware.environments import box_of, load_backward, make_robot
from hardware.link import Report
from hardware.robot_config import RobotConfig
from robot_rl.action_history import ActionHistory
from robot_rl.env import Act, Env, Info, Observation, StoppedError
from robot_rl.reward import Rewards
from robot_rl.reward_sources import (
    InterventionReward,
    InterventionSettings,
    LabelReward,
    LabelSettings,
    TaskReward,
)
from tests.hardware.obedient_arm import HOME, ROBOT, TASK, ObedientArm


def robot(joint_reset_every: int = 0) -> tuple[HardwareEnv, ObedientArm]:
    arm, config = ObedientArm(), RobotConfig(joint_reset_every=joint_reset_every)
    return HardwareEnv(ROBOT, arm, TASK, config=config), arm


@pytest.mark.parametrize(("every", "expected"), [(0, "....."), (1, "hhhhh"), (2, "h.h.h")])
def test_joints_are_reset_before_every_few_episodes_and_the_start_is_the_same(
    every: int, expected: str
) -> None:
    env, arm = robot(joint_reset_every=every)
    usual, _ = robot()
    for where in expected:
        tool, start = (one.reset().observation["state"][0, :3] for one in (env, usual))
        assert arm.was_home() is (where == "h")
        np.testing.assert_allclose(tool, start, atol=0.005)


def test_without_a_task_joints_are_reset_just_as_often() -> None:
    arm, config = ObedientArm(), RobotConfig(joint_reset_every=2, workspace=box_of(ROBOT))
    env = HardwareEnv(ROBOT, arm, config=config)
    for where in "h.h.":
        arm.q = HOME + 0.3
        arm.sleep_until(arm.time + env.dt)
        env.reset()
        assert bool(np.abs(arm.q - HOME).max() < 0.01) is (where == "h")


class HeldArm(ObedientArm):
    """Is held for a second, as when a stream is stale, then taken up by requests near it alone."""

    def request(self, target: np.ndarray, gripper: float | None) -> float:
        held = 101.0 < self.time < 102.0
        self.far = bool(np.abs(target - self.q).max() > 0.05)
        if not (held or self.far):
            super().request(target, gripper)
        return self.time

    def reports(self, since: float) -> list[Report]:
        if since > self.time:
            return []
        nothing = np.full(7, np.nan)
        reason = Reason.ENGAGE if self.far else Reason.NONE
        return [Report(self.time, nothing, nothing, reason.value, 0, False)]

    far = False


def test_an_arm_that_was_held_on_its_way_home_goes_on_from_where_it_is() -> None:
    arm = HeldArm()
    arm.q = HOME + 0.3
    HardwareEnv(ROBOT, arm, config=RobotConfig(home=True, workspace=box_of(ROBOT))).reset()
    assert np.abs(arm.q - HOME).max() < 0.01


class RefusingArm(ObedientArm):
    """Takes no request up, if it refuses."""

    refuses = False

    def reports(self, since: float) -> list[Report]:
        reason = Reason.ENGAGE if self.refuses else Reason.NONE
        return [Report(self.time, self.q, self.q, reason.value, 0, False)]


def test_what_an_arm_was_not_taken_up_for_was_not_done() -> None:
    arm, action = RefusingArm(), np.full((1, 6), 0.5, np.float32)
    env = HardwareEnv(ROBOT, arm, TASK)
    env.reset()
    for refuses in (False, True):
        arm.refuses = refuses
        sent = env.step(action).info[Info.ACTION_SENT]
        np.testing.assert_allclose(sent, 0 * action if refuses else action, atol=0.02)


class LatchedArm(ObedientArm):
    """Reports why it is latched, and opens no latch."""

    latched = Reason.NONE

    def reports(self, since: float) -> list[Report]:
        nothing = np.full(7, np.nan)
        return [Report(self.time, nothing, nothing, 0, self.latched.value, False)]


def test_the_step_that_ends_an_episode_counts_although_the_next_cannot_begin() -> None:
    arm = LatchedArm()
    env = HardwareEnv(ROBOT, arm, TASK)
    env.reset()
    arm.latched = Reason.STOP
    step = env.step(nowhere({}))
    assert step.truncated[0]
    assert np.array_equal(step.observation["state"], step.final_observation["state"])
    with pytest.raises(StoppedError, match="was stopped; see that all is well, then free it"):
        env.step(nowhere({}))
    arm.latched = Reason.NONE
    assert not env.reset().done[0]


def test_who_succeeds_by_pressing_too_hard_has_failed() -> None:
    arm = LatchedArm()
    env = HardwareEnv(ROBOT, arm, TASK, rewards=Rewards([LabelReward(LabelSettings())], linger=5))
    for latched, paid in ((Reason.STOP, 1.0), (Reason.FORCE, 0.0)):
        arm.latched = Reason.NONE
        env.reset()
        env.label(True)
        arm.latched = latched
        step = env.step(nowhere({}))
        assert (step.reward[0], step.info["success"][0], step.terminated[0]) == (paid, paid, True)


def test_what_takeovers_cost_is_named_and_not_paid_by_the_environment() -> None:
    sources = [TaskReward(), InterventionReward(InterventionSettings(cost=0.5))]
    env = HardwareEnv(ROBOT, ObedientArm(), TASK, rewards=Rewards(sources))
    assert env.takeover_costs == {"intervention": 0.5}
    assert env.return_range == (0.0, 1.0)
    env.reset()
    assert env.step(nowhere({})).info[Info.REWARD_TERMS]["intervention"].tolist() == [0]


def test_an_arm_that_presses_too_hard_on_its_way_is_not_freed_for_ever() -> None:
    arm = LatchedArm()
    env = HardwareEnv(ROBOT, arm, TASK)
    arm.latched = Reason.FORCE
    with pytest.raises(RuntimeError, match="presses too hard on its way to"):
        env.reset()
    assert len(arm.asked) < 10


class OrphanedArm(ObedientArm):
    """Its safety node falls silent at some time."""

    silent_from = np.inf

    def reports(self, since: float) -> list[Report]:
        last = min(self.time, self.silent_from)
        return super().reports(since) if last >= since else []


def test_a_safety_node_that_falls_silent_is_noticed_in_the_episode() -> None:
    arm = OrphanedArm()
    env = HardwareEnv(ROBOT, arm, TASK)
    env.reset()
    arm.silent_from = arm.time + 5.01 * env.dt
    for _ in range(5 + round(1 / env.dt)):
        env.step(nowhere({}))
    with pytest.raises(ConnectionError, match="has said nothing for 1 s; look for it with"):
        env.step(nowhere({}))


class ForgetfulArm(ObedientArm):
    """Whoever places its block does so when asked for the third time."""

    places, heeds = 0, 3

    def place(self, name: str, pose: np.ndarray) -> bool:
        self.places += 1
        self.block = pose if self.places == self.heeds else self.block
        return True


def test_who_does_not_place_an_object_is_asked_again() -> None:
    arm = ForgetfulArm()
    HardwareEnv(ROBOT, arm, TASK).reset()
    assert arm.places == 3
    arm = ForgetfulArm()
    arm.heeds = 0
    with pytest.raises(RuntimeError, match="block was not placed within 3 s; is its way blocked"):
        HardwareEnv(ROBOT, arm, TASK).reset()


def upwards(observation: Observation) -> np.ndarray:
    return np.array([[0, 0, 1.0, 0, 0, 0]], np.float32)


def nowhere(observation: Observation) -> np.ndarray:
    return np.zeros((1, 6), np.float32)


def after_a_deep_episode(backward: Act | None) -> tuple[HardwareEnv, ObedientArm, np.ndarray]:
    """The first start, then down; then the next start. The first observation of that."""
    env, arm = robot()
    env.backward = backward
    env.reset(seed=0)
    for _ in range(6):
        env.step(np.array([[0, 0, -0.8, 0, 0, 0]], np.float32))
    arm.asked.clear()
    return env, arm, env.reset().observation["state"][0]


def test_a_policy_brings_the_arm_back_to_where_an_episode_may_begin() -> None:
    env, arm, back = after_a_deep_episode(upwards)
    _, script, start = after_a_deep_episode(None)
    assert 0 < len(arm.asked) < len(script.asked)
    assert abs(back[2] - start[2]) < 0.03
    assert np.abs(back[:2] - start[:2]).max() > 0.005  # the script would have gone on to it
    assert np.isnan(env.achieved_rate)  # no step of the new episode was done yet


def test_where_the_policy_does_not_get_there_the_script_does() -> None:
    _, arm, back = after_a_deep_episode(nowhere)
    _, _, start = after_a_deep_episode(None)
    np.testing.assert_allclose(back[:3], start[:3], atol=0.005)
    assert len(arm.asked) > RobotConfig().backward_steps


def saved(env: Env, folder: Path) -> str:
    """A policy file that asks for the way up, whatever it sees."""
    torch = pytest.importorskip("torch")
    from robot_rl.config import SacConfig
    from robot_rl.policy import Policy
    from robot_rl.sac import Sac
    from robot_rl.schema import Schema

    agent = Sac(env.observation_spec, env.action_spec, SacConfig(hidden=(8,)))
    with torch.no_grad():  # Mean and spread of each of the six motions.
        agent.averaged.head.weight.zero_()
        agent.averaged.head.bias.copy_(9.0 * (torch.arange(12) == 2))
    return str(Policy(agent, Schema.of(env, "peg_remove"), {}).save(folder / "back.policy"))


def test_a_saved_policy_that_fits_brings_the_arm_back(tmp_path: Path) -> None:
    env, _ = robot()
    backward = load_backward(saved(env, tmp_path), env)
    _, arm, back = after_a_deep_episode(backward)
    _, same, expected = after_a_deep_episode(upwards)
    assert len(arm.asked) == len(same.asked)
    np.testing.assert_allclose(back, expected, atol=1e-4)


def test_a_policy_that_remembers_its_actions_is_no_way_back(tmp_path: Path) -> None:
    env, _ = robot()
    path = saved(ActionHistory(env, 2), tmp_path)
    with pytest.raises(ValueError, match=r"back\.policy.* trained with action_history=2.*without"):
        load_backward(path, env)


def test_who_watches_is_told_when_an_episode_runs() -> None:
    env, arm = robot()
    env.reset()
    assert arm.announced == [False, True]
    env.step(nowhere({}))
    assert arm.announced == [False, True]
    env.close()
    env.close()
    assert arm.announced == [False, True, False]


def test_a_way_back_without_a_task_is_refused() -> None:
    pytest.importorskip("rclpy")
    with pytest.raises(ValueError, match="without a task there is no start; give task"):
        make_robot(task="", backward="back.policy")
