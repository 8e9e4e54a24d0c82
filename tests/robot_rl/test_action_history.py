"""A state that ends with the last actions is one, whatever the environment is."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

from robot_rl.action_history import history_of
from robot_rl.check_env import check_env
from robot_rl.environments import make_env


def test_the_contract_is_kept() -> None:
    check_env(lambda: make_env("point", 3, action_history=2))


def test_a_state_ends_with_the_actions_that_were_sent_newest_first() -> None:
    with make_env("reach", 2, action_history=2) as env, make_env("reach", 2) as bare:
        size = bare.observation_spec["state"].shape[0]
        first = env.reset(0)
        np.testing.assert_array_equal(first.observation["state"][:, size:], 0)
        np.testing.assert_array_equal(
            first.observation["state"][:, :size], bare.reset(0).observation["state"]
        )
        actions = np.linspace(-0.5, 0.5, 24, dtype=np.float32).reshape(2, 2, 6)
        sent = [env.step(action).info["action_sent"] for action in actions]
        last = env.step(np.zeros((2, 6), np.float32))
        expected = np.hstack([last.info["action_sent"], sent[1]])
        np.testing.assert_array_equal(last.observation["state"][:, size:], expected)


def test_a_new_episode_knows_nothing_of_the_actions_before_it() -> None:
    with make_env("point", 2, action_history=1, max_steps=3) as env:
        env.reset(0)
        *_, step = (env.step(np.full((2, 2), 0.25, np.float32)) for _ in range(3))
        assert step.done.all()
        np.testing.assert_array_equal(step.observation["state"][:, -2:], 0)
        np.testing.assert_array_equal(step.final_observation["state"][:, -2:], 0.25)


def test_the_names_tell_how_many_there_are() -> None:
    with make_env("reach", action_history=3) as env, make_env("reach") as bare:
        assert history_of(env.observation_spec["state"]) == 3
        assert history_of(bare.observation_spec["state"]) == 0
        assert env.observation_spec["state"].names[-1] == "sent_3/rz"


def test_what_the_environment_can_do_besides_it_still_can() -> None:
    with make_env("reach", action_history=1) as env:
        env.reset(0)
        assert getattr(env, "expert_action")().shape == (1, 6)  # noqa: B009
        assert inspect.getattr_static(env, "expert_action", None)  # as isinstance from 3.12 on


def test_a_number_that_makes_no_sense_is_refused() -> None:
    with pytest.raises(ValueError, match="action_history is -1; give at least 1"):
        make_env("point", action_history=-1)
