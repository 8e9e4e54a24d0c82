"""The discrete gripper: its commands, targets worked out by hand, and what it learns."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import ArrayLike

from robot_rl.batch import Batch
from robot_rl.config import SacConfig
from robot_rl.env import ArraySpec, Observation
from robot_rl.gripper import CLOSE, KEEP, OPEN
from robot_rl.learner import Learner
from robot_rl.message import decode
from robot_rl.networks import ChoiceCritic
from robot_rl.policy import Policy
from robot_rl.ranges import RangeError
from robot_rl.replay import Replay
from robot_rl.sac import Metrics, Sac
from robot_rl.schema import Schema
from robot_rl.transition import WorldIds
from robot_rl.weights_message import acting_state, weights_message
from tests.robot_rl.blank_batch import blank_batch
from tests.robot_rl.gripper_task import GraspEnv

STATE = ArraySpec((3,), names=("distance", "gripper", "height"))
ACTION = ArraySpec((3,), low=-1, high=1, names=("x", "gripper", "z"))
CONFIG = SacConfig(hidden=(32, 32), gripper="discrete", return_range=(0.0, 1.0))
OPENINGS = (0.0, 0.48, 0.59, 0.61, 1.0)
"""Closed, on a cube, and on both sides of where it counts as open."""


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> None:
    torch.set_num_threads(1)


def _agent(**settings: Any) -> Sac:
    return Sac({"state": STATE}, ACTION, replace(CONFIG, **settings), seed=0)


def _batch(openings: ArrayLike, sent: ArrayLike, seed: int = 0, **columns: Any) -> Batch:
    """Transitions of these openings and gripper commands; all else is drawn."""
    rng, size = np.random.default_rng(seed), np.size(openings)
    batch = blank_batch({"state": STATE}, ACTION, size)
    for seen in (batch.observation, batch.next_observation):
        seen["state"][...] = rng.standard_normal((size, 3))
    batch.observation["state"][:, 1] = openings
    batch.action[...] = rng.uniform(-1, 1, (size, 3))
    batch.action[:, 1] = sent
    return batch._replace(**columns)


def _random_batch(seed: int) -> Batch:
    rng = np.random.default_rng(seed)
    return _batch(rng.uniform(0, 1, 64), rng.choice([-1, 1], 64), seed)


def _say(critic: ChoiceCritic, *values: float) -> None:
    """Lets a critic of scalar head say these values wherever it is asked."""
    with torch.no_grad():
        critic.last.weight.zero_()
        critic.last.bias.copy_(torch.tensor(values))


def _commands(agent: Sac, openings: ArrayLike, greedy: bool = True) -> np.ndarray:
    observation = _batch(openings, np.zeros(np.size(openings))).observation
    return agent.act(observation, greedy)[:, 1]


def test_keep_is_what_the_opening_says_it_was_told() -> None:
    agent = _agent(head="scalar")
    assert agent.gripper is not None
    for choice, expected in (
        (CLOSE, [-1, -1, -1, -1, -1]),
        (KEEP, [-1, -1, -1, 1, 1]),
        (OPEN, [1, 1, 1, 1, 1]),
    ):
        _say(agent.gripper.critic, *np.eye(3)[choice])
        assert _commands(agent, OPENINGS).tolist() == expected


def test_only_a_command_that_changes_what_it_was_told_is_a_toggle() -> None:
    gripper = _agent().gripper
    assert gripper is not None
    batch = _batch([0.0, 0.48, 1.0, 1.0, 0.0, 1.0], [-1, -0.8, 1, -1, 0.9, -0.7])
    assert gripper.toggles(batch).tolist() == [False, False, False, True, True, True]
    assert gripper.equivalent(batch).int().tolist() == [
        *([[1, 1, 0]] * 2),  # To close what is closed is to keep it.
        [0, 1, 1],
        [1, 0, 0],
        [0, 0, 1],
        [1, 0, 0],
    ]


def test_the_target_is_that_of_double_dqn_less_the_penalty_of_a_toggle() -> None:
    agent = _agent(head="scalar", discount=0.9, gripper_penalty=0.02, return_range=None)
    assert agent.gripper is not None
    assert agent.gripper_critic is not None
    _say(agent.gripper_critic.critic, 0.1, 0.9, 0.3)  # It chooses to keep,
    _say(agent.gripper.critic, 0.5, 0.2, 0.8)  # which its average values at 0.2.
    batch = _batch(
        openings=[1, 1, 1, 1, 0, 1],
        sent=[1, -1, -1, 1, 1, -1],
        reward=np.array([0, 0, 1, 1, 0, 0], np.float32),
        terminated=np.array([0, 0, 1, 1, 0, 0], bool),
        truncated=np.array([0, 0, 0, 0, 0, 1], bool),
    )
    target = agent.gripper_critic.target(batch, torch.zeros(6, 3))
    assert target.tolist() == pytest.approx([0.18, 0.16, 0.98, 1.0, 0.16, 0.16])


class _Measured(Sac):
    """Keeps what each update measured."""

    def update(self, batch: Batch) -> Metrics:
        metrics = super().update(batch)
        self.seen = [*getattr(self, "seen", []), metrics["gripper_target_mean"]]
        return metrics


@pytest.mark.parametrize("utd_ratio", [1.0, 4.0])
def test_the_penalty_is_in_every_update(utd_ratio: float) -> None:
    config = replace(CONFIG, utd_ratio=utd_ratio, batch_size=8, gripper_penalty=0.02)
    env = GraspEnv(8)
    specs = env.observation_spec, env.action_spec
    agent, online, demonstrations = (
        _Measured(*specs, config),
        Replay(*specs, 64),
        Replay(*specs, 64),
    )
    learner = Learner(agent, online, demonstrations, seed=0)
    before = env.reset(0)
    action = np.tile(np.array([-1, 0], np.float32), (8, 1))
    after = env.step(action)._replace(reward=np.zeros(8, np.float32), terminated=np.ones(8, bool))
    online.append_step(WorldIds(8), before.observation, action, after)  # All toggle, and all end.
    for _ in range(3):
        learner.owe(1)
        learner.pay()
    assert agent.seen == pytest.approx([-0.02] * int(3 * utd_ratio))


def test_penalties_fit_into_the_histogram() -> None:
    agent = _agent(discount=0.9, gripper_penalty=0.05)
    assert agent.gripper_critic is not None
    head = agent.gripper_critic.critic.head
    for value in (-0.5, -0.02, 0.0, 1.0):
        histogram = head.project(torch.tensor([value])).log()  # pyright: ignore[reportAttributeAccessIssue]
        assert head.value(histogram).item() == pytest.approx(value, abs=0.03)


def test_a_share_of_the_choices_is_drawn_where_there_is_exploration() -> None:
    agent = _agent(head="scalar", gripper_epsilon=0.3)
    assert agent.gripper is not None
    _say(agent.gripper.critic, 0, 1, 0)
    openings = np.ones(6000)
    assert (_commands(agent, openings) == 1).all()
    # One choice of three toggles: 600 of 6000, give or take five times their deviation of 23.
    assert (_commands(agent, openings, greedy=False) == -1).sum() == pytest.approx(600, abs=115)
    some = np.arange(6000) < 3000
    observation = _batch(openings, openings).observation
    assert (agent.act(observation, some)[some, 1] == 1).all()
    assert (agent.act(observation, some)[~some, 1] == -1).any()


def test_the_arm_learns_in_its_own_dimensions() -> None:
    agent = _agent()
    assert agent.target_entropy == -1
    batch = _random_batch(0)
    assert torch.equal(agent._arm_action(batch), torch.from_numpy(batch.action[:, [0, 2]]))
    arm = agent.averaged.greedy(agent._state(batch.observation))
    assert np.array_equal(agent.act(batch.observation, True)[:, [0, 2]], arm.numpy())


def test_the_clone_chooses_alone_until_the_critics_are_warm_and_counts_for_less_later() -> None:
    weights: dict[str, Any] = {"cloning_weight": (5.0, 0.5), "cloning_decay": 3, "utd_ratio": 1.0}
    agent = _agent(head="scalar", critic_warmup=3, **weights)
    gripper = agent.gripper
    assert gripper is not None
    _say(gripper.cloned, 0, 0, 1)
    _say(gripper.critic, 0.55, 0.0, 0.5)
    assert (_commands(agent, OPENINGS) == -1).all()  # Nothing is cloned yet.
    agent.keep_clone()
    preferences = []
    for seed in range(8):
        preferences.append(gripper.preference.item())
        agent.update(_random_batch(seed))
    assert preferences[:3] == [np.inf] * 3
    assert preferences[3:] == sorted(preferences[3:], reverse=True)
    assert preferences[-1] == pytest.approx(0.4 * 0.5)
    _say(gripper.critic, 0.55, 0.0, 0.5)
    for preference, command in ((np.inf, 1), (0.06, 1), (0.04, -1)):
        gripper.preference.fill_(preference)
        assert (_commands(agent, OPENINGS) == command).all()


def test_cloning_tells_when_the_demonstrations_close_the_gripper() -> None:
    agent = _agent(learning_rate=3e-3)
    batch = _random_batch(0)
    closed = batch.observation["state"][:, 0] > 0
    tremble = np.random.default_rng(0).normal(0, 0.1, 64)
    batch.action[:, 1] = np.where(closed, -1, 1) + tremble
    losses = [agent.clone(batch)["gripper_cloning_loss"] for _ in range(100)]
    assert losses[-1] < 0.1 * losses[0]
    assert np.array_equal(agent.act_cloned(batch.observation)[:, 1], np.where(closed, -1, 1))


def test_a_restored_gripper_goes_on_as_if_nothing_had_happened() -> None:
    agent, other = _trained(), _agent(critic_warmup=0)
    other.load_state_dict(agent.state_dict())
    observation = _random_batch(9).observation
    for learner in (agent, other):
        torch.manual_seed(5)
        for seed in range(3):
            learner.update(_random_batch(seed))
    np.testing.assert_array_equal(agent.act(observation, True), other.act(observation, True))
    values = [one.gripper_critic.critic.value(torch.ones(4, 3)) for one in (agent, other)]  # pyright: ignore[reportOptionalMemberAccess]
    assert torch.equal(*values)


def test_on_another_robot_the_cloned_choices_act_first_and_the_critic_begins_anew() -> None:
    settings = {"head": "scalar", "learning_rate": 3e-3}
    trained, batch = _agent(**settings), _random_batch(0)
    batch.action[:, 1] = np.where(batch.observation["state"][:, 0] > 0, -1, 1)
    for _ in range(100):
        trained.clone(batch)
    trained.keep_clone()
    assert trained.gripper is not None
    _say(trained.gripper.critic, 0, 0, 9)  # It has learned to open, wherever it is.
    trained.gripper.preference.zero_()
    seen = batch.observation
    cloned = trained.act_cloned(seen)[:, 1]
    assert set(cloned.tolist()) == {-1, 1}
    assert (trained.act(seen, True)[:, 1] == 1).all()
    other = _agent(**settings)
    other.load_policy(trained.state_dict())
    first, arm = other.act(seen, True), trained.averaged.greedy(trained._state(seen))
    np.testing.assert_array_equal(first[:, 1], cloned)
    np.testing.assert_array_equal(first[:, [0, 2]], arm.numpy())
    assert other.gripper is not None
    assert not other.gripper.critic.last.bias.any()


def test_weights_and_policy_files_carry_the_gripper(tmp_path: Path) -> None:
    agent, sent_to, observation = _trained(), _agent(), _random_batch(9).observation
    sent_to.load_acting_state(acting_state(decode(weights_message(agent.acting_state()))))
    policy = Policy(agent, Schema({"state": STATE}, ACTION, 0.05), {})
    loaded = Policy.load(policy.save(tmp_path / "grasp.policy"))
    expected = agent.act(observation, True)
    assert set(expected[:, 1]) == {-1, 1}
    np.testing.assert_array_equal(sent_to.act(observation, True), expected)
    np.testing.assert_array_equal(loaded.act(observation), expected)
    assert not [key for key in agent.acting_state() if key == "gripper_critic"]


def _trained() -> Sac:
    agent = _agent(critic_warmup=0)
    for seed in range(5):
        agent.clone(_random_batch(seed))
    agent.keep_clone()
    for seed in range(5):
        agent.update(_random_batch(seed))
    return agent


def test_an_agent_with_a_continuous_gripper_holds_nothing_of_it() -> None:
    agent = _agent(gripper="continuous")
    assert not [key for key in agent.state_dict() if "gripper" in key]
    assert agent.target_entropy == -1.5


def test_a_task_without_a_gripper_is_answered() -> None:
    nameless, arm = ArraySpec((2,)), ArraySpec((2,), names=("x", "z"))
    for state, action, message in (
        (STATE, arm, r"an element 'gripper'; these actions are x, z; choose 'continuous'"),
        (nameless, ACTION, r"an element 'gripper'; these states are without names"),
    ):
        with pytest.raises(ValueError, match=message):
            Sac({"state": state}, action, CONFIG)


def test_a_penalty_below_0_would_reward_toggling_and_is_refused() -> None:
    with pytest.raises(RangeError, match=r"gripper_penalty is -0\.02; give at least 0"):
        replace(CONFIG, gripper_penalty=-0.02)


def test_from_reward_alone_it_learns_to_close_once_where_the_object_is() -> None:
    settings = {"learning_rate": 3e-3, "discount": 0.9, "gripper_epsilon": 0.1, "tau": 0.05}
    env = GraspEnv(16)
    agent = Sac(env.observation_spec, env.action_spec, replace(CONFIG, **settings))
    replay = Replay(env.observation_spec, env.action_spec, 20_000)
    rng, ids, step = np.random.default_rng(0), WorldIds(16), env.reset(0)
    assert agent.gripper_critic is not None
    for _ in range(300):
        action = _driven(env, agent, step.observation, greedy=False)
        after = env.step(action)
        replay.append_step(ids, step.observation, action, after)
        ids.advance(after.done)
        batch, step = replay.sample(64, rng), after
        states = agent._state(batch.observation), agent._state(batch.next_observation)
        agent.gripper_critic.update(batch, *states)
    success, toggles = _grasp(agent)
    assert success >= 0.95
    assert toggles <= 1.4


def _driven(env: GraspEnv, agent: Sac, observation: Observation, greedy: bool) -> np.ndarray:
    """The arm is driven by the expert, so that there is the gripper alone to learn."""
    action = env.expert_action()
    action[:, 0] = agent.act(observation, greedy)[:, 0]
    return action


def _grasp(agent: Sac) -> tuple[float, float]:
    """Success and toggles per episode of 100 greedy episodes."""
    env = GraspEnv(100)
    step, running = env.reset(1), np.ones(100, bool)
    success, toggles = np.zeros((2, 100))
    while running.any():
        action = _driven(env, agent, step.observation, greedy=True)
        toggles += running & ((step.observation["state"][:, 1] > 0.5) != (action[:, 0] > 0))
        step = env.step(action)
        success += running & step.terminated
        running &= ~step.done
    return success.mean(), toggles.mean()
