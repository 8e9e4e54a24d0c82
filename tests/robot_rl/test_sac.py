"""The learner's rules, each against a number worked out by hand or a state that must not change."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from robot_rl.batch import Batch
from robot_rl.config import SacConfig
from robot_rl.env import ArraySpec
from robot_rl.networks import Critics
from robot_rl.sac import Sac
from tests.robot_rl.blank_batch import blank_batch

STATE, ACTION, SIZE = 4, 2, 64
SPECS = {"state": ArraySpec((STATE,))}, ArraySpec((ACTION,), low=-1, high=1)
CONFIG = SacConfig(hidden=(32, 32), return_range=(0.0, 1.0))


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> None:
    torch.set_num_threads(1)  # As in training; more of them crawl beside any other load.


def _agent(**settings: Any) -> Sac:
    return Sac(*SPECS, replace(CONFIG, **settings), seed=0)


def _batch(seed: int = 0, **columns: np.ndarray) -> Batch:
    rng, batch = np.random.default_rng(seed), blank_batch(*SPECS, SIZE)
    for seen in (batch.observation, batch.next_observation):
        seen["state"][...] = rng.standard_normal((SIZE, STATE))
    batch.action[...] = rng.uniform(-1, 1, (SIZE, ACTION))
    return batch._replace(**columns)


def _target(agent: Sac, batch: Batch) -> torch.Tensor:
    return agent._target(batch)[0]


def _cloned(**settings: Any) -> Sac:
    agent = _agent(**settings)
    for seed in range(20):
        agent.clone(_batch(seed))
    agent.keep_clone()
    return agent


def _parameters(module: torch.nn.Module) -> torch.Tensor:
    return torch.nn.utils.parameters_to_vector(module.parameters()).clone()


def _constant(critics: Critics, *values: float) -> None:
    """Lets each critic, of scalar head, say its own number wherever it is asked."""
    with torch.no_grad():
        critics.last.weight.zero_()
        critics.last.bias.copy_(torch.tensor(values).view_as(critics.last.bias))


def test_success_ends_the_value_and_a_time_out_does_not() -> None:
    agent = _agent(discount=0.9)
    with torch.no_grad():  # Every critic says 0.5 wherever it is asked.
        last = agent.target_critics.last
        last.weight.zero_()
        last.bias.zero_()
    end = np.zeros(SIZE, bool)
    end[0] = True
    reward = end.astype(np.float32)
    value = agent.critics.head.value(torch.zeros(51)).item()
    success = _target(agent, _batch(reward=reward, terminated=end))
    time_out = _target(agent, _batch(truncated=end))
    assert success[0].item() == 1
    assert success[1:].tolist() == pytest.approx([0.9 * value] * (SIZE - 1))
    assert time_out.tolist() == pytest.approx([0.9 * value] * SIZE)


def test_a_value_counts_less_the_more_steps_it_lies_ahead() -> None:
    agent = _agent(discount=0.9, head="scalar", return_range=None)
    _constant(agent.target_critics, 2.0, 3.0)
    steps = np.arange(SIZE) % 3 + 1
    target = _target(agent, _batch(reward=np.ones(SIZE, np.float32), steps=steps))
    assert target.tolist() == pytest.approx((1 + 2 * 0.9**steps).tolist())


def test_targets_stay_in_the_range_of_possible_returns() -> None:
    reward = np.linspace(-3, 3, SIZE).astype(np.float32)
    target = _target(_agent(head="scalar"), _batch(reward=reward))
    assert 0 <= target.min() <= target.max() <= 1
    free = _target(_agent(head="scalar", return_range=None), _batch(reward=reward))
    assert free.min() < -1
    assert free.max() > 1


def test_the_entropy_stays_out_of_the_target_unless_asked_for() -> None:
    batch = _batch()

    def target(entropy_backup: bool) -> torch.Tensor:
        agent = _agent(
            entropy_backup=entropy_backup, head="scalar", return_range=None, initial_temperature=1
        )
        torch.manual_seed(1)
        return _target(agent, batch)

    assert (target(True) - target(False)).abs().min() > 0


def test_the_entropy_of_the_policy_adds_to_the_value_until_the_end() -> None:
    temperature, std, end = 0.1, 1e-3, np.arange(SIZE) < SIZE // 2
    agent = _agent(
        discount=0.9,
        entropy_backup=True,
        head="scalar",
        return_range=None,
        initial_temperature=temperature,
    )
    _constant(agent.target_critics, 0.5, 0.5)
    with torch.no_grad():  # So narrow around 0 that the squashing changes nothing.
        agent.actor.head.weight.zero_()
        agent.actor.head.bias.copy_(torch.tensor([0.0, 0.0, math.log(std), math.log(std)]))
    entropy = ACTION * (0.5 * math.log(2 * math.pi * math.e) + math.log(std))
    target = _target(agent, _batch(reward=end.astype(np.float32), terminated=end)).numpy()
    assert (target[end] == 1).all()
    # The mean of 32 draws of the log-probability is within 0.7 of its expectation.
    expected = 0.9 * (0.5 + temperature * entropy)
    assert target[~end].mean() == pytest.approx(expected, abs=0.9 * temperature * 0.7)


def test_the_clone_has_no_entropy() -> None:
    agent = _agent(
        entropy_backup=True, head="scalar", return_range=None, initial_temperature=10, discount=0.9
    )
    agent.keep_clone()
    _constant(agent.target_critics, 0.5, 0.5)
    with torch.no_grad():  # So narrow that its entropy is a cost.
        agent.actor.head.weight.zero_()
        agent.actor.head.bias.copy_(torch.tensor([0.0, 0.0, -5.0, -5.0]))
    target = _target(agent, _batch(reward=np.zeros(SIZE, np.float32)))
    assert target.tolist() == pytest.approx([0.9 * 0.5] * SIZE)


def test_critic_updates_leave_the_policy_alone_to_the_bit() -> None:
    agent = _agent(critic_updates_per_actor_update=4)
    for _ in range(4):
        agent.update(_batch())
    before = _parameters(agent.actor)
    for _ in range(3):
        metrics = agent.update(_batch())
        assert "q" not in metrics
    assert torch.equal(_parameters(agent.actor), before)
    assert "q" in agent.update(_batch())
    assert not torch.equal(_parameters(agent.actor), before)


def test_an_actor_update_leaves_the_critics_alone() -> None:
    agent = _agent()
    before = _parameters(agent.critics)
    agent._update_actor(torch.randn(SIZE, STATE), _batch())
    assert torch.equal(_parameters(agent.critics), before)
    assert all(p.requires_grad and p.grad is None for p in agent.critics.parameters())


@pytest.mark.parametrize(("settings", "sign"), [({}, 1), ({"actor_value": "mean"}, -1)])
def test_the_actor_climbs_the_smallest_critic_unless_the_mean_is_asked_for(
    settings: dict[str, Any], sign: int
) -> None:
    agent = _agent(
        head="scalar", return_range=None, learning_rate=3e-3, initial_temperature=1e-6, **settings
    )
    with torch.no_grad():  # The second falls three times as fast as the first rises, far above it.
        for parameter in agent.critics.parameters():
            parameter[1] = parameter[0]
        agent.critics.last.weight[1] *= -3
        agent.critics.last.bias[1] = 100
    state = torch.randn(SIZE, STATE)

    def smallest() -> float:
        first, second = agent.critics.value(state, agent.actor.greedy(state))
        assert (first < second).all()
        return first.mean().item()

    before = smallest()
    for _ in range(10):
        agent._update_actor(state, _batch())
    assert sign * (smallest() - before) > 0.1


def test_by_default_the_entropy_weighs_little_and_aims_at_half_a_nat_below_0_per_action() -> None:
    agent = _agent()
    assert agent.log_temperature.exp().item() == pytest.approx(0.01)
    assert agent.target_entropy == -0.5 * ACTION


@pytest.mark.parametrize("target_entropy", [0.0, -3.0])
def test_temperature_and_target_entropy_are_those_asked_for(target_entropy: float) -> None:
    agent = _agent(initial_temperature=0.2, target_entropy=target_entropy)
    assert agent.log_temperature.exp().item() == pytest.approx(0.2)
    assert agent.target_entropy == target_entropy


@pytest.mark.parametrize(("excess", "sign"), [(1.0, -1), (-1.0, 1)])
def test_the_temperature_falls_while_the_entropy_is_above_its_target(
    excess: float, sign: int
) -> None:
    agent = _agent()
    before = agent.log_temperature.item()
    agent._update_temperature(torch.full((SIZE,), -(agent.target_entropy + excess)))
    assert np.sign(agent.log_temperature.item() - before) == sign


def test_the_critics_learn_a_known_value() -> None:
    agent = _agent(learning_rate=3e-3)
    end = np.ones(SIZE, bool)
    for seed in range(200):
        batch = _batch(seed % 4, terminated=end)
        agent.update(batch._replace(reward=(batch.action[:, 0] > 0).astype(np.float32)))
    batch = _batch(0)
    state = agent.normalizer(torch.from_numpy(batch.observation["state"]))
    value = agent.critics.value(state, torch.from_numpy(batch.action)).mean(0).detach().numpy()
    good = batch.action[:, 0] > 0
    assert value[good].mean() > 0.8
    assert value[~good].mean() < 0.2


def test_the_policy_climbs_to_the_better_actions() -> None:
    agent = _agent(learning_rate=3e-3, actor_tau=0.1, initial_temperature=1e-3)
    end = np.ones(SIZE, bool)
    for seed in range(400):
        batch = _batch(seed, terminated=end)
        agent.update(batch._replace(reward=(batch.action[:, 0] > 0.3).astype(np.float32)))
    assert (agent.act(_batch(1000).observation, greedy=True)[:, 0] > 0.3).mean() > 0.9


def test_without_demonstrations_there_is_no_clone() -> None:
    agent = _agent()
    assert not agent.has_clone
    observation, action = _batch().observation, torch.zeros(SIZE, ACTION)
    assert len(agent._candidates(observation, action)) == 1
    assert torch.equal(agent._best(observation, torch.randn(SIZE, STATE), action), action)


def test_the_clone_acts_where_the_critics_value_it_more() -> None:
    agent = _cloned()
    observation = _batch().observation
    state = agent._state(observation)
    action = torch.rand(SIZE, ACTION) * 2 - 1
    cloned = agent.cloned.greedy(state)
    values = agent.target_critics.value(torch.cat([state, state]), torch.cat([action, cloned]))
    own, other = values.amin(0).split(SIZE)
    expected = torch.where((other > own)[:, None], cloned, action)
    assert torch.equal(agent._best(observation, state, action), expected)
    assert 0 < (other > own).sum() < SIZE


def test_the_target_takes_the_better_of_both_actions() -> None:
    agent = _cloned(discount=1.0, return_range=None)
    batch = _batch(3)
    state = torch.from_numpy(batch.next_observation["state"])
    floor = agent.target_critics.value(state, agent.cloned.greedy(state)).amin(0)
    assert (_target(agent, batch) >= floor - 1e-6).all()


def test_a_cloned_actor_rests_until_the_critics_are_warm() -> None:
    agent = _cloned(critic_warmup=10)
    before = _parameters(agent.actor)
    for _ in range(10):
        agent.update(_batch())
    assert torch.equal(_parameters(agent.actor), before)
    for _ in range(2):
        agent.update(_batch())
    assert not torch.equal(_parameters(agent.actor), before)


def test_the_pull_to_the_clone_falls_from_first_to_last() -> None:
    agent = _cloned(cloning_weight=(8.0, 0.5), critic_warmup=100, cloning_decay=100, utd_ratio=2.0)
    weights = []
    for agent.updates in (0, 100, 150, 200, 300, 1000):
        weights.append(agent._cloning_weight)
    assert weights == pytest.approx([8, 8, 4, 2, 0.5, 0.5])
    agent.studied = 900  # Before the first step, so they are no practice.
    weights = []
    for agent.updates in (500, 900, 950, 1100):
        weights.append(agent._cloning_weight)
    assert weights == pytest.approx([8, 8, 4, 0.5])


def test_cloning_brings_the_greedy_action_to_the_demonstrated_one() -> None:
    agent = _agent(learning_rate=3e-3)
    batch = _batch()
    batch = batch._replace(action=np.tanh(batch.observation["state"][:, :ACTION]))
    losses = [agent.clone(batch)["cloning_loss"] for _ in range(300)]
    assert losses[-1] < 0.02 * losses[0]


def test_greedy_actions_repeat_and_sampled_ones_do_not() -> None:
    agent, observation = _agent(), _batch().observation
    assert np.array_equal(agent.act(observation, True), agent.act(observation, True))
    assert not np.array_equal(agent.act(observation), agent.act(observation))


def test_a_restored_learner_goes_on_as_if_nothing_had_happened() -> None:
    agent = _cloned(critic_warmup=0)
    for seed in range(6):
        agent.update(_batch(seed))
    other = _agent(critic_warmup=0)
    other.load_state_dict(agent.state_dict())
    for learner in (agent, other):
        torch.manual_seed(5)
        for seed in range(6):
            learner.update(_batch(seed))
    assert torch.equal(_parameters(agent.actor), _parameters(other.actor))
    assert torch.equal(_parameters(agent.critics), _parameters(other.critics))
    assert agent.log_temperature.item() == other.log_temperature.item()


def test_an_ensemble_with_a_subset_learns_too() -> None:
    agent = _agent(ensemble=5, subset=2)
    assert np.isfinite(list(agent.update(_batch()).values())).all()


@pytest.mark.parametrize(("subset", "targets"), [(1, {1, 2, 3, 4}), (2, {1, 2, 3}), (4, {1})])
def test_each_target_is_the_minimum_of_critics_drawn_anew(subset: int, targets: set[int]) -> None:
    agent = _agent(
        ensemble=4, subset=subset, head="scalar", return_range=None, discount=1.0, tau=1e-9
    )
    _constant(agent.target_critics, 1, 2, 3, 4)
    means = [agent.update(_batch())["target_mean"] for _ in range(40)]
    assert {round(mean, 4) for mean in means} == targets


def test_observations_without_a_state_are_answered() -> None:
    image = {"images/front": ArraySpec((8, 8, 3), "uint8", 0, 255)}
    with pytest.raises(ValueError, match=r"learns from a vector called state.*images/front"):
        Sac(image, ArraySpec((2,), low=-1, high=1))
