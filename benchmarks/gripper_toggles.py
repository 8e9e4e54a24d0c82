"""How often a trained policy tells its gripper something else."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from robot_rl.config import TrainConfig
from robot_rl.env import Info
from robot_rl.environments import make_env, parse_options
from robot_rl.evaluate_run import load_policy
from robot_rl.evaluation import EVALUATION_SEED
from robot_rl.run import Run

GRIPPER = "gripper"


def toggles_per_episode(run: Path, episodes: int = 50) -> float:
    """Mean changes between closed and open, whichever is nearer to the command as sent.

    Counted over the first episode of each of ``episodes`` worlds, without exploration noise; the
    gripper starts open.
    """
    settings = Run.open(run).config(TrainConfig)
    options = parse_options(settings.options)
    with make_env(settings.env, episodes, EVALUATION_SEED, **options) as env:
        agent = load_policy(run, env, settings.env)
        column = env.action_spec.names.index(GRIPPER)
        step, running = env.reset(EVALUATION_SEED), np.ones(episodes, bool)
        told, toggles = np.ones(episodes, bool), 0
        while running.any():
            step = env.step(agent.act(step.observation, greedy=True))
            telling = step.info[Info.ACTION_SENT][:, column] >= 0
            toggles += int((running & (telling != told)).sum())
            told, running = telling, running & ~step.done
    return toggles / episodes
