"""An obstacle that can be passed on either side, and not straight through."""

from __future__ import annotations

import numpy as np
import pytest

from robot_rl.check_env import check_env
from robot_rl.detour import PASSED, RADIUS, DetourEnv
from robot_rl.environments import make_env


def test_it_keeps_the_contract() -> None:
    check_env(lambda: DetourEnv(3), steps=200)
    with make_env("detour", 2, max_steps=5) as env:
        assert env.num_envs == 2


def test_a_script_passes_on_both_sides_and_never_touches() -> None:
    with DetourEnv(200, seed=1) as env:
        step, running = env.reset(), np.ones(200, bool)
        sides, success = np.zeros(200), np.zeros(200, bool)
        while running.any():
            step = env.step(env.expert_action())
            ended = running & step.done
            success[ended] = step.info["success"][ended]
            sides[ended] = step.info[PASSED][ended]
            running &= ~step.done
    assert success.all()
    assert 70 < (sides == 1).sum() < 130
    assert (np.abs(sides) == 1).all()


def test_straight_ahead_is_a_failure() -> None:
    with DetourEnv(seed=0) as env:
        step = env.reset()
        while not step.done[0]:
            step = env.step(np.array([[1.0, 0.0]]))
    assert (step.terminated[0], step.info["success"][0]) == (True, False)
    assert np.linalg.norm(step.final_observation["state"][0]) < RADIUS


def test_another_shape_is_answered() -> None:
    with pytest.raises(ValueError, match=r"shape \(3,\); give one of shape \(1, 2\)"):
        DetourEnv().step(np.zeros(3))
