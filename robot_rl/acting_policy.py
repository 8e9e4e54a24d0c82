"""A saved policy in a process of its own, beside those of a robot."""

from __future__ import annotations

from pathlib import Path

import torch

from robot_rl.policy import Policy
from robot_rl.train import prepare_torch


def policy_beside_robot(path: Path, seed: int = 0) -> Policy:
    """Loads one that acts in this process: on one thread, for beside the robot's more would crawl.

    Args:
        path: Its file, or the folder of its run.
        seed: Of what it draws, if it does.

    Raises:
        FileNotFoundError: There is no such policy.
        PolicyError: It is damaged, or of another version.
    """
    prepare_torch(1, "float32")
    torch.manual_seed(seed)
    return Policy.load(path)
