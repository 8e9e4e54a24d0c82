"""What both learners that see do: they keep a clone with eyes of its own, and go on elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from robot_rl.config import DrqConfig, DrqV2Config
from robot_rl.drq import Drq
from robot_rl.drqv2 import DrqV2
from robot_rl.env import ArraySpec, Observation
from tests.robot_rl.pixel_batches import (
    ACTION,
    ACTIONS,
    IMAGE,
    KEYS,
    ROWS,
    SIZE,
    SPEC,
    VECTOR,
    batch,
    parameters,
    pointing,
    tried,
)

DRQ = DrqConfig(hidden=(32, 32), features=16, batch_size=ROWS, return_range=(0.0, 1.0))
V2 = DrqV2Config(encoder="small", hidden=(32, 32), features=16, batch_size=ROWS)

Learner = Drq | DrqV2
Make = Callable[..., Learner]

pytestmark = pytest.mark.usefixtures("exact")


@pytest.fixture(params=[Drq, DrqV2])
def make(request: pytest.FixtureRequest) -> Make:
    """Makes an agent of the one kind and of the other."""

    def made(spec: dict[str, ArraySpec] = SPEC, **settings: object) -> Learner:
        if request.param is Drq:
            return Drq(spec, ACTIONS, replace(DRQ, **settings), seed=0)
        return DrqV2(spec, ACTIONS, replace(V2, **settings), seed=0)

    return made


def _cloned(make: Make, **settings: object) -> Learner:
    agent = make(**settings)
    for seed in range(3):
        agent.clone(batch(seed))
    agent.keep_clone()
    return agent


def _practised(make: Make) -> Learner:
    agent = _cloned(make, critic_warmup=2)
    for seed in range(4):
        agent.update(batch(seed))
    return agent


def _said(agent: Learner, seen: Observation) -> np.ndarray:
    """What the actor says, whatever the clone would do."""
    with torch.inference_mode():
        return agent.actor.greedy(
            agent.senses.reduce(agent.heads, agent.senses(seen), seen)
        ).numpy()


def test_the_clone_acts_as_it_did_whatever_is_learned(make: Make) -> None:
    agent = _cloned(make, critic_warmup=2)
    seen = batch(9).observation
    before = agent.act_cloned(seen)
    for seed in range(6):
        agent.update(batch(seed))
    np.testing.assert_array_equal(agent.act_cloned(seen), before)
    assert not np.array_equal(_said(agent, seen), before)


def test_the_actor_stays_with_the_clone_while_the_critics_change_what_it_sees(make: Make) -> None:
    agent = _cloned(make, critic_warmup=1000, learning_rate=1e-3)
    seen = pointing(0).observation
    wanted = agent.act_cloned(seen)
    reward = np.linspace(0, 1, len(seen["state"])).astype(np.float32)
    for seed in range(60):
        agent.update(pointing(seed)._replace(reward=reward, terminated=np.ones(len(reward), bool)))
    assert np.abs(_said(agent, seen) - wanted).max() < 0.1


def _values(agent: Learner, seen: Observation, action: np.ndarray) -> np.ndarray:
    """Lowest of the target critics."""
    with torch.no_grad():
        state = agent.senses.reduce(agent.target_heads, agent.senses(seen), seen)
        return agent.target_critics.value(state, torch.as_tensor(action)).amin(0).numpy()


def test_it_acts_as_the_clone_where_the_critics_value_that_more(make: Make) -> None:
    agent = _practised(make)
    for seed in range(4, 40):
        agent.update(batch(seed, reward=batch(seed).action[:, 0] ** 2))
    seen = batch(9, rows=64).observation
    acted, own, cloned = agent.act(seen, greedy=True), _said(agent, seen), agent.act_cloned(seen)
    better = _values(agent, seen, cloned) > _values(agent, seen, own)
    np.testing.assert_allclose(acted, np.where(better[:, None], cloned, own), atol=1e-6)
    assert 0 < better.sum() < 64


def test_what_comes_is_worth_no_less_than_what_the_clone_would_do(make: Make) -> None:
    settings = {"return_range": None, "head": "scalar", "discount": 1.0, "shift": 0}
    agent, given = _cloned(make, **settings), batch(3)
    after = given.next_observation
    floor = _values(agent, after, agent.act_cloned(after))
    assert (agent._target(given)[0].numpy() >= floor - 1e-5).all()


def test_demonstrations_are_cloned_from_what_the_camera_shows(make: Make) -> None:
    agent = make({KEYS[0]: IMAGE}, learning_rate=1e-3)
    for seed in range(80):
        agent.clone(pointing(seed))
    agent.keep_clone()
    shown = pointing(1000)
    for act in (agent.act_cloned, lambda seen: agent.act(seen, greedy=True)):
        assert (np.sign(act(shown.observation)[:, 0]) == np.sign(shown.action[:, 0])).mean() > 0.95


def test_it_learns_what_the_camera_shows(make: Make) -> None:
    agent = make({KEYS[0]: IMAGE}, learning_rate=1e-3)
    rng = np.random.default_rng(0)
    for seed in range(200):
        agent.update(tried(seed, rng))
    shown, act = pointing(1000), agent.act
    right = np.sign(act(shown.observation, True)[:, 0]) == np.sign(shown.action[:, 0])
    assert right.mean() > 0.9


def test_a_restored_learner_goes_on_as_if_nothing_had_happened(make: Make) -> None:
    agent, other = _practised(make), make(critic_warmup=2)
    other.load_state_dict(agent.state_dict())
    for one in (agent, other):
        torch.manual_seed(7)
        for seed in range(4):
            one.update(batch(seed))
    seen = batch(9).observation
    np.testing.assert_array_equal(agent.act(seen, greedy=True), other.act(seen, greedy=True))
    np.testing.assert_array_equal(agent.act_cloned(seen), other.act_cloned(seen))
    assert (agent.updates, other.updates) == (8, 8)


def test_what_acts_can_be_given_to_another(make: Make) -> None:
    agent, other = _practised(make), make()
    other.load_acting_state(agent.acting_state())
    seen = batch(9).observation
    np.testing.assert_array_equal(agent.act(seen, greedy=True), other.act(seen, greedy=True))


def test_what_acts_is_no_more_than_it_takes(make: Make) -> None:
    beside = {"target_heads", "target_critics"}
    clone = {"cloned_senses", "cloned_heads", "cloned"}
    assert not (beside | clone) & make().acting_state().keys()
    agent, other = _practised(make), make()
    rest = agent.acting_state(clone=False)
    assert beside <= rest.keys()
    assert agent.clone_state().keys() == clone == agent.acting_state().keys() - rest.keys()
    with pytest.raises(ValueError, match=r"no 'cloned_senses', another version of robot_rl wrote"):
        other.load_acting_state(rest)


def test_another_robot_begins_with_the_policy_and_new_critics(make: Make) -> None:
    agent, other = _practised(make), make()
    fresh = parameters(other.critics, other.target_critics)
    other.load_policy(agent.state_dict())
    seen = batch(9).observation
    for said in (other.act_cloned(seen), _said(other, seen)):
        np.testing.assert_array_equal(said, _said(agent, seen))
    assert torch.equal(parameters(other.critics, other.target_critics), fresh)


def test_images_alone_are_enough(make: Make) -> None:
    agent = make({KEYS[0]: IMAGE})
    agent.observe(batch().observation)
    agent.update(batch())
    assert agent.act(batch().observation).shape == (ROWS, ACTION)


@pytest.mark.parametrize("channels", [1, 4])
def test_depth_may_be_among_the_channels(make: Make, channels: int) -> None:
    image = ArraySpec((SIZE, SIZE, channels), "uint8", 0, 255)
    agent = make({"images/front": image})
    seen = {"images/front": np.zeros((2, *image.shape), np.uint8)}
    assert agent.act(seen).shape == (2, ACTION)


def test_observations_without_images_are_answered(make: Make) -> None:
    with pytest.raises(ValueError, match=r"these observations are state; add cameras.*sac"):
        make({"state": ArraySpec((VECTOR,))})
