"""What was recorded, on a robot or elsewhere, for who learns without its world."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from robot_rl.env import IMAGES
from robot_rl.environments import BASE, options_without, parse_options
from robot_rl.episode import Episode
from robot_rl.episodes import Episodes
from robot_rl.schema import Schema

RecordedT = TypeVar("RecordedT", Schema, Episode)


def demonstrated(path: Path, needs_success: bool = True) -> Episodes:
    """A dataset with demonstrations.

    Raises:
        ValueError: It has none, and needs some.
    """
    store = Episodes(path)
    if needs_success and not any(metadata.is_demonstration for metadata in store.metadata()):
        raise ValueError(
            f"{path} has {len(store)} episodes and none of them succeeded as it was meant to; "
            f"record at least one, e.g. robot-rl record {path} --robot twin --scripted 20"
        )
    return store


def useful(store: Episodes) -> Iterator[Episode]:
    """Demonstrations, one by one; all episodes where none is one."""
    shown = [i for i, metadata in enumerate(store.metadata()) if metadata.is_demonstration]
    return (store[number] for number in shown or range(len(store)))


def without_base(recorded: RecordedT) -> RecordedT:
    """The same without what a base says, which is told later, whoever recorded."""
    seen = {key: value for key, value in recorded.observation.items() if key != BASE}
    return replace(recorded, observation=seen)


def learnable(schema: Schema, sees: bool) -> Schema:
    """What a learner observes of what was recorded: one that does not see none of the pictures.

    What a base said then is left out, for the learner may have another, or none.

    Raises:
        ValueError: Pictures and state are of two moments.
    """
    if sees and parse_options(schema.contract.get("options", ())).get("apart"):
        raise ValueError(
            "these demonstrations were recorded with apart=True: their state is newer than their "
            "pictures, and who sees both acts on both of one moment; record them without, or "
            "choose an algorithm that sees the state alone, e.g. sac"
        )
    contract: dict[str, Any] = {
        "options": list(options_without(BASE, schema.contract.get("options", ())))
    }
    if "robot" in schema.contract:
        contract["robot"] = schema.contract["robot"]
    told = without_base(schema)
    seen = {k: spec for k, spec in told.observation.items() if sees or not k.startswith(IMAGES)}
    return replace(told, observation=seen, contract=contract)
