"""How often, and how fast, the scripted experts succeed with the tremble of demonstrations."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from benchmarks.table import Row, show_rows
from robot_rl.demonstrations import HasExpert, trembling
from robot_rl.env import Act, Env
from robot_rl.environments import make_env
from robot_rl.evaluation import evaluate

TASKS = ("reach", "pick_cube", "peg_insert", "push")
EPISODES = 200
NOISE = 0.1
"""As ``robot-rl record`` has it [units of the action]."""


def rows() -> Iterator[Row]:
    """Success with the lower end of its 95 % interval, and the length of the successes."""
    for task in TASKS:
        with make_env(task, num_envs=50) as env:
            outcome = evaluate(env, _trembling_expert(env), EPISODES)
        yield Row(f"experts/{task}/success", outcome.rate.estimate, "share")
        yield Row(f"experts/{task}/success, low end", outcome.rate.low, "share")
        yield Row(f"experts/{task}/length", outcome.success_length, "steps")


def _trembling_expert(env: Env) -> Act:
    assert isinstance(env, HasExpert)
    rng = np.random.default_rng(0)
    return lambda observation: trembling(env.expert_action(), NOISE, rng)


if __name__ == "__main__":
    show_rows(rows())
