"""A policy file acts as its run did, and refuses what it was not trained for."""

import contextlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

from robot_rl.agent import Agent
from robot_rl.camera_watch import PATIENCE, CameraError
from robot_rl.config import DrqConfig, SacConfig
from robot_rl.drq import Drq
from robot_rl.env import ArraySpec
from robot_rl.offer import Offer
from robot_rl.policy import PRACTISED, Policy, PolicyError
from robot_rl.sac import Sac
from robot_rl.schema import Schema, SchemaError
from robot_rl.toy import PointEnv
from robot_rl.weights_file import CheckpointError
from tests.robot_rl.looking import KEYS, SIZE, covered, table

ROBOT = {
    "joints": {"arm": ["a", "b"]},
    "rates": {"policy": 20},
    "limits": {"dq": [1.0, 1.0]},
    "frames": {"base": "base"},
    "home": {"q": [0.0, 1.0]},
    "description": "one",
}


class PointRobot(PointEnv):
    """A point that is said to be a robot."""

    contract_values: dict[str, Any] = ROBOT


def _policy(contract: dict[str, Any] | None = None) -> Policy:
    env = PointEnv()
    schema = Schema.of(env, "point", contract)
    agent = Sac(env.observation_spec, env.action_spec, SacConfig(hidden=(16,)), seed=3)
    return Policy(agent, schema, {"run": "runs/point"})


def _observations(policy: Policy) -> dict[str, np.ndarray]:
    size = policy.schema.observation["state"].shape[0]
    return {"state": np.random.default_rng(0).normal(size=(20, size)).astype(np.float32)}


def test_a_saved_policy_acts_as_before(tmp_path: Path) -> None:
    policy = _policy()
    loaded = Policy.load(policy.save(tmp_path / "point.policy"))
    seen = _observations(policy)
    np.testing.assert_array_equal(loaded.act(seen), policy.act(seen))
    assert loaded.schema == policy.schema
    assert loaded.origin == {"run": "runs/point"}


def test_a_file_holds_nothing_that_only_learning_needs(tmp_path: Path) -> None:
    policy = _policy()
    agent = policy.agent
    assert isinstance(agent, Agent)
    assert agent.acting_state().keys() < agent.state_dict().keys()
    assert not [key for key in agent.acting_state() if "optimizer" in key]


def test_a_damaged_file_is_told_from_a_missing_one(tmp_path: Path) -> None:
    path = _policy().save(tmp_path / "point.policy")
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 200] = bytes(200)
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"point\.policy is damaged"):
        Policy.load(path)
    with pytest.raises(FileNotFoundError, match="give the folder of a run, or a file"):
        Policy.load(tmp_path / "none.policy")


def test_a_policy_fits_the_environment_it_was_trained_in() -> None:
    _policy().require_fit(PointEnv())


def test_another_rate_or_observation_is_spelled_out() -> None:
    policy = _policy()
    policy.schema = replace(policy.schema, dt=0.2, observation={"state": ArraySpec((7,))})
    with pytest.raises(PolicyError) as caught:
        policy.require_fit(PointEnv())
    for line in ("trained for point", "dt: expected 0.2, got", "state.shape: expected [7], got"):
        assert line in str(caught.value)


def test_a_policy_learned_on_a_robot_asks_for_its_joints_and_limits_but_not_for_its_texts() -> None:
    policy = _policy({"robot": ROBOT})
    robot = PointRobot()
    robot.contract_values = ROBOT | {"description": "another"}
    policy.require_fit(robot)
    robot.contract_values = ROBOT | {"joints": {"arm": ["b", "a"]}}
    with pytest.raises(PolicyError, match=r"robot\.joints\.arm: expected \['a', 'b'\]"):
        policy.require_fit(robot)


@pytest.mark.parametrize(("task", "fits"), [("", False), ("reach", True)])
def test_without_a_task_the_home_says_how_the_tool_is_held(task: str, fits: bool) -> None:
    policy = _policy({"robot": ROBOT, "options": [f"task={task}"]})
    policy.schema = replace(policy.schema, env="robot")
    robot = PointRobot()
    robot.contract_values = ROBOT | {"home": {"q": [0.0, 2.0]}}
    offer = Offer(policy.schema, SacConfig())
    if fits:
        policy.require_fit(robot)
        offer.require_fit(robot)
        return
    with pytest.raises(PolicyError, match=r"robot\.home\.q: expected \[0.0, 1.0\]"):
        policy.require_fit(robot)
    with pytest.raises(SchemaError, match=r"robot\.home\.q: expected \[0.0, 1.0\]"):
        offer.require_fit(robot)


class SeeingRobot(PointRobot):
    """A point with two cameras."""

    def __init__(self) -> None:
        super().__init__()
        image = ArraySpec((SIZE, SIZE, 3), "uint8")
        self.observation_spec = {"state": ArraySpec((3,)), **dict.fromkeys(KEYS, image)}
        self.action_spec = ArraySpec((2,), low=-1, high=1)


def _seeing(contract: dict[str, Any] | None = None, practised: bool = False) -> Policy:
    """Acts by two cameras, which it has seen for a while."""
    schema = Schema.of(robot := SeeingRobot(), "table", contract)
    config = DrqConfig(hidden=(16,), features=8)
    agent = Drq(robot.observation_spec, robot.action_spec, config, seed=0)
    agent.observe(table(np.random.default_rng(0), 100))
    return Policy(agent, schema, {PRACTISED: True} if practised else {})


def test_a_policy_whose_camera_is_covered_stops(tmp_path: Path) -> None:
    policy, rng = Policy.load(_seeing().save(tmp_path / "seeing.policy")), np.random.default_rng(1)
    for _ in range(2 * PATIENCE):
        policy.act(table(rng))
    worlds = table(rng, 2) | {KEYS[0]: covered(rng, 2)}
    blind = [table(rng) | {KEYS[0]: covered(rng)} for _ in range(PATIENCE)]
    for seen in [*[worlds] * PATIENCE, *blind[:-1]]:
        policy.act(seen)
    with pytest.raises(CameraError, match="images/front shows nearly nothing"):
        policy.act(blind[-1])


@pytest.mark.parametrize(
    ("contract", "practised", "known"),
    [({}, False, False), ({}, True, True), ({"robot": ROBOT}, False, True)],
    ids=["a simulator's", "that practised", "learned there"],
)
def test_on_a_robot_a_policy_does_not_ask_for_the_looks_of_a_simulator(
    contract: dict[str, Any], practised: bool, known: bool
) -> None:
    policy, rng = _seeing(contract, practised), np.random.default_rng(1)
    policy.settle_in(SeeingRobot())
    blind = [table(rng) | {KEYS[0]: covered(rng)} for _ in range(PATIENCE)]
    for seen in blind[:-1]:
        policy.act(seen)
    with pytest.raises(CameraError) if known else contextlib.nullcontext():
        policy.act(blind[-1])
