"""One episode of a policy, filmed."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np

from robot_rl.env import Act, Info, forgetting
from robot_rl.environments import make_env
from robot_rl.evaluation import EVALUATION_SEED
from robot_rl.video import write_video

LINGER = 10
"""Frames for which the last picture stays."""


@runtime_checkable
class HasCamera(Protocol):
    """An environment that can be looked at."""

    def picture(self, width: int, height: int) -> np.ndarray:
        """What a spectator of the first world sees. Shape (height, width, 3), uint8."""
        ...


def film(
    name: str,
    options: dict[str, Any],
    act: Act,
    path: Path,
    size: tuple[int, int] = (320, 240),
    seed: int = EVALUATION_SEED,
) -> bool:
    """Films one episode into ``path``.

    Returns:
        Whether the episode succeeded.

    Raises:
        TypeError: If the environment cannot be looked at.
    """
    with make_env(name, 1, seed, **options) as env:
        if not isinstance(env, HasCamera):
            raise TypeError(f"{name} has no camera to film it with; leave the video out")
        forgetting(act)(np.ones(1, bool))
        step, frames = env.reset(seed), [env.picture(*size)]
        while not step.done[0]:
            step = env.step(act(step.observation))
            if not step.done[0]:
                frames.append(env.picture(*size))
        path.parent.mkdir(parents=True, exist_ok=True)
        write_video(path, frames + frames[-1:] * LINGER, round(1 / env.dt))
        return bool(step.info.get(Info.SUCCESS, [False])[0])
