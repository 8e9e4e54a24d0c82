"""Judges a policy without its world: by what was done in episodes that it has not learned from."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

import numpy as np

from robot_rl.env import Act, Closing, forgetting
from robot_rl.episode import Episode
from robot_rl.evaluation import EVALUATION_SEED
from robot_rl.own_noise import own_noise

_EVERY = 10
"""One of so many episodes is not learned from."""


def hold_out(episodes: Sequence[Episode]) -> tuple[list[Episode], list[Episode]]:
    """Episodes to learn from, and others; a single one is both, which says little."""
    if len(episodes) == 1:
        return list(episodes), list(episodes)
    learned = list(episodes)
    del learned[::_EVERY]
    return learned, list(episodes[::_EVERY])


class HeldOut(Closing):
    """Some episodes; as a ``Judge``, who knows success, it has scalars for a log."""

    def __init__(self, episodes: Sequence[Episode]) -> None:
        self._episodes = episodes

    def measure(self, name: str, act: Act) -> dict[str, float]:
        """How far, root mean square, its actions are from those that were done where it is.

        It plans anew where a person had taken over, for it would not have been there.
        """
        with own_noise(EVALUATION_SEED):
            errors = [_errors(episode, act) for episode in self._episodes]
        return {f"{name}_error": float(np.sqrt(np.concatenate(errors).mean()))}

    def close(self) -> None:
        """Nothing is open."""


def _errors(episode: Episode, act: Act) -> np.ndarray:
    """Squared. Shape (steps, action)."""
    acted = list[np.ndarray]()
    for seen, anew in islice(episode.moments(), len(episode)):
        forgetting(act)(anew)
        acted.append(act(seen)[0])
    return (np.array(acted) - episode.action) ** 2
