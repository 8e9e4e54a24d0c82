"""Episodes that were taken for a success and were none, as a person noticed later.

They stand in ``mistaken.jsonl`` beside the episodes, which stay as they were recorded; whoever
reads the store reads them corrected.
"""

from __future__ import annotations

import json
import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from robot_rl.episode import Episode
from robot_rl.metadata import Metadata
from robot_rl.robot_step import REWARD

FILE = "mistaken.jsonl"
MISTAKEN = "mistaken"
"""Key in ``Metadata.labels``, with who said so."""


def note(store: Path, uuid: str, by: str) -> None:
    """Adds an episode, durably."""
    said = {"uuid": uuid, "by": by, "date": datetime.now(UTC).isoformat(timespec="seconds")}
    with (store / FILE).open("a", encoding="utf-8") as file:
        file.write(f"\n{json.dumps(said)}\n")  # A crash may have cut the line before.
        file.flush()
        os.fsync(file.fileno())


def noted(store: Path) -> dict[str, str]:
    """Who said so, by the episode's uuid; a line that a crash cut short does not count."""
    found: dict[str, str] = {}
    try:
        lines = (store / FILE).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return found
    for line in lines:
        try:
            said = json.loads(line)
        except json.JSONDecodeError:
            continue
        found[said["uuid"]] = said["by"]
    return found


def corrected_metadata(metadata: Metadata, by: dict[str, str]) -> Metadata:
    """The metadata as it should have been, if the episode was mistaken."""
    if metadata.uuid not in by:
        return metadata
    labels = metadata.labels | {MISTAKEN: by[metadata.uuid]}
    return replace(metadata, success=False, termination_reason="stopped", labels=labels)


def corrected(episode: Episode, by: dict[str, str]) -> Episode:
    """The episode as it should have been, if it was mistaken: stopped, and paid nothing for it."""
    if episode.metadata.uuid not in by:
        return episode
    ended = episode.terminated & episode.success
    terms = {k: _unpaid(v, ended) for k, v in episode.extra.items() if k.startswith(REWARD)}
    return replace(
        episode,
        metadata=corrected_metadata(episode.metadata, by),
        success=np.zeros_like(episode.success),
        reward=_unpaid(episode.reward, ended),
        terminated=episode.terminated & ~ended,
        truncated=episode.truncated | ended,
        extra=episode.extra | terms,
    )


def _unpaid(paid: np.ndarray, ended: np.ndarray) -> np.ndarray:
    """Nothing where it ended. Shapes (length,)."""
    return np.where(ended, 0, paid).astype(paid.dtype)
