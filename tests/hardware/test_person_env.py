"""The person beside a simulated arm: whose action is carried out, and what is told of it."""

from pathlib import Path

import numpy as np
import pytest

from hardware.person_env import with_person
from robot_rl.check_env import check_env
from robot_rl.env import Info
from robot_rl.environments import make_env
from robot_rl.takeovers import costs_of


@pytest.mark.parametrize("leash", [0.0, 2.0])
@pytest.mark.parametrize("relative", [False, True])
def test_a_policy_that_stands_still_succeeds_by_the_hands_of_people(
    relative: bool, leash: float
) -> None:
    inner = make_env("reach", 3, relative_frame=relative, leash=leash)
    with with_person(inner, skill=1.0, enough=1.0, longest=10.0) as env:
        still = np.zeros((3, *env.action_spec.shape), np.float32)
        step, done, sent = env.reset(0), np.zeros(3, bool), []
        assert not step.info[Info.INTERVENED].any()
        for _ in range(env.task.horizon):
            step = env.step(still)
            intervened = step.info[Info.INTERVENED]
            np.testing.assert_allclose(step.info[Info.ACTION_SENT][~intervened], 0, atol=1e-6)
            sent += [step.info[Info.ACTION_SENT][intervened]]
            done |= step.info[Info.SUCCESS]
        assert done.all()
        assert np.abs(np.concatenate(sent)).max() > 0.5


def test_with_a_person_it_is_an_environment_as_before() -> None:
    with with_person(make_env("reach", 2)) as env:
        check_env(env, steps=60)


def test_nobody_can_help_where_nobody_knows_how() -> None:
    with make_env("point") as env, pytest.raises(TypeError, match="choose reach, pick_cube"):
        with_person(env)


def test_what_takeovers_cost_is_known_through_the_person(tmp_path: Path) -> None:
    (tmp_path / "rewards.yaml").write_text("- kind: task\n- kind: intervention\n  cost: 0.5\n")
    inner = make_env("reach", rewards=str(tmp_path / "rewards.yaml"), action_history=1)
    with with_person(inner) as env:
        assert costs_of(env) == {"intervention": 0.5}
        assert env.return_range == (0.0, 1.0)
