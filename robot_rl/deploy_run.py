"""``robot-rl deploy``: a trained policy on a robot over ROS 2."""

from __future__ import annotations

import contextlib
import importlib
from pathlib import Path

import numpy as np

from robot_rl.acting_policy import policy_beside_robot
from robot_rl.config import DeployConfig, UpConfig
from robot_rl.deployment import Deployed, Watch, deploy
from robot_rl.film import LINGER
from robot_rl.robot_options import robot_options
from robot_rl.robot_processes import running
from robot_rl.video import require_format, write_video

_VIEW = "sim.environments:make_twin_view"
"""Draws what a twin says of its scene."""
_SPECTATOR, _SIZE = "spectator", (320, 240)


def deploy_run(config: DeployConfig, watch: Watch = lambda deployed: None) -> Deployed:
    """Loads the policy, finds the robot, checks that they fit, and runs the episodes.

    Raises:
        FileNotFoundError: There is no such policy.
        PolicyError: It was trained for something else; the message lists how they differ. Or it
            makes no plans by evaluations.
        ConnectionError: The robot is not there.
        ValueError: Another robot than a twin was to be filmed.
    """
    if config.video is not None:
        require_format(config.video)
    policy = policy_beside_robot(config.policy, config.seed)
    if config.evaluations:
        policy = policy.with_evaluations(config.evaluations)
    task = config.task or policy.task
    with contextlib.ExitStack() as stack:
        if config.start:
            up = UpConfig(config.robot, config.namespace, task=task, gap=config.gap)
            stack.enter_context(running(up))
        options = robot_options(config, task)
        env = stack.enter_context(policy.environment(config.seed, **options))
        deployed = deploy(
            env, policy, config.episodes, config.seed, watch, config.video is not None
        )
    if config.video is not None:
        film_scenes(task, deployed.scenes[0], config.video, 1 / policy.schema.dt)
    return deployed


def film_scenes(task: str, scenes: list[np.ndarray], path: Path, fps: float) -> None:
    """Draws an episode of a twin afterwards, so that drawing disturbs no control loop."""
    module, _, factory = _VIEW.partition(":")
    with getattr(importlib.import_module(module), factory)(task) as view:
        frames = [view.picture(_SPECTATOR, _SIZE, scene) for scene in scenes]
    write_video(path, frames + frames[-1:] * LINGER, round(fps))
