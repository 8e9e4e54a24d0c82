"""The folder of one run: what was asked for, what it was made with, and where to go on from.

``config.json`` holds the settings with every default resolved, ``run.json`` seed, versions, git
revision, command and start, ``checkpoints/`` the last few states of the learner.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple, Self, TypeVar

from robot_rl import durable, weights_file
from robot_rl.lock import alone_in
from robot_rl.machine import describe_machine, git_revision
from robot_rl.schema import Schema, differences
from robot_rl.settings import SettingsError, load_settings, save_settings
from robot_rl.weights_file import CheckpointError

T = TypeVar("T")

CONFIG, FACTS, CHECKPOINTS = "config.json", "run.json", "checkpoints"
_VERBS = {
    "TrainConfig": "train",
    "ImitateConfig": "imitate",
    "LearnerConfig": "finetune or learner",
}
"""What makes runs of such settings."""
_NO_ROOM = "make room and resume, earlier checkpoints are intact"


class Checkpoint(NamedTuple):
    """The state of a learner after ``step`` environment steps, or updates where it imitates."""

    step: int
    state: dict[str, Any]
    schema: Schema
    """Of the environment that it was learned in."""


@dataclass(frozen=True)
class Run:
    """A run folder that exists; ``create`` and ``open`` give one."""

    folder: Path
    facts: dict[str, Any]
    """``seed``, ``started`` (UTC), ``command``, ``git`` and ``machine``."""
    keep: int = 3
    """Number of checkpoints that stay."""

    @classmethod
    def create(cls, folder: str | Path, config: Any, seed: int, keep: int = 3) -> Self:
        """Makes the folder of a new run and writes down how it was started.

        Args:
            folder: Where to; it must not hold a run yet.
            config: The resolved settings, a dataclass.
            seed: Seed of everything that is drawn.
            keep: Number of checkpoints that stay.

        Raises:
            FileExistsError: If the folder already holds a run.
        """
        folder = Path(folder)
        if (folder / FACTS).exists():
            raise FileExistsError(
                f"{folder} already holds a run; choose another folder, or go on with it: "
                f"robot-rl resume {folder}"
            )
        folder.mkdir(parents=True, exist_ok=True)
        facts = {
            "settings": type(config).__name__,
            "seed": seed,
            "started": datetime.now(UTC).isoformat(timespec="seconds"),
            "command": sys.argv,
            "git": git_revision(),
            "machine": describe_machine(),
        }
        save_settings(config, folder / CONFIG)
        durable.replace(folder / FACTS, json.dumps(facts, indent=2).encode())
        return cls(folder, facts, keep)

    @classmethod
    def open(cls, folder: str | Path, keep: int = 3) -> Self:
        """Opens the folder of an earlier run.

        Raises:
            FileNotFoundError: If the folder holds no run; lists those next to it.
        """
        folder = Path(folder)
        path = folder / FACTS
        if not path.exists():
            raise FileNotFoundError(f"{folder} holds no run; {_runs_near(folder)}")
        return cls(folder, json.loads(path.read_text(encoding="utf-8")), keep)

    def is_of(self, kind: type) -> bool:
        """Whether it was started with such settings."""
        return self.facts.get("settings", "TrainConfig") == kind.__name__

    def config(self, kind: type[T]) -> T:
        """The settings the run was started with.

        Raises:
            SettingsError: If the file does not fit ``kind``.
        """
        made = self.facts.get("settings", kind.__name__)
        if made != kind.__name__:
            raise SettingsError(
                f"{self.folder} is a run of {_VERBS.get(made, made)}, and one of "
                f"{_VERBS.get(kind.__name__, kind.__name__)} is wanted; deploy and export take both"
            )
        return load_settings(kind, self.folder / CONFIG)

    def save_config(self, config: Any) -> None:
        """Replaces the settings, e.g. where a run gets more steps."""
        save_settings(config, self.folder / CONFIG)

    def require_more(self, steps: int, what: str = "steps") -> None:
        """Refuses to go on where all was done.

        Raises:
            ValueError: If there is a checkpoint of so many steps.
        """
        if self.steps and self.steps[-1] >= steps:
            raise ValueError(
                f"{self.folder} has {self.steps[-1]:,} of {steps:,} {what}; to train on give more, "
                f"e.g. --steps {2 * self.steps[-1]}"
            )

    @property
    def steps(self) -> list[int]:
        """Environment steps of the checkpoints there are, oldest first."""
        return sorted(int(path.stem) for path in (self.folder / CHECKPOINTS).glob("*.pt"))

    def save_checkpoint(self, state: Mapping[str, Any], step: int, schema: Schema) -> Path:
        """Writes a checkpoint durably, then drops all but the last ``keep``.

        Args:
            state: Tensors, arrays, numbers, strings, and dicts, lists and tuples of these.
            step: Environment steps so far.
            schema: The environment it was learned in.

        Raises:
            TypeError: If ``state`` holds anything else; names where.
            OSError: If it cannot be written, e.g. to a full disk; earlier checkpoints are intact.
        """
        content = {"step": step, "schema": json.dumps(schema.to_json()), "state": state}
        path = self._path(step)
        path.parent.mkdir(exist_ok=True)
        weights_file.write(path, content, _NO_ROOM)
        for old in self.steps[: -self.keep]:
            self._path(old).unlink()
        return path

    def load_checkpoint(
        self, schema: Schema | None = None, step: int | None = None, device: str = "cpu"
    ) -> Checkpoint:
        """Reads a checkpoint; arrays come back as arrays, tensors on ``device``.

        Nothing in the file can run code: torch reads it with ``weights_only``.

        Args:
            schema: The environment it shall act in; None asks nothing.
            step: Which one; None takes the last.
            device: Where the tensors go.

        Raises:
            CheckpointError: If there is none, it is damaged, or it was learned in an environment
                with another name, observation, action or rate; spells out the differences.
        """
        path = self._path(self._choose(step))
        try:
            content = weights_file.read(path, device)
        except CheckpointError as error:
            raise CheckpointError(f"{error}; delete it to go on from the one before") from error
        saved = Schema.from_json(json.loads(content["schema"]))
        if schema is not None and (lines := _mismatch(schema, saved)):
            raise CheckpointError(
                f"{path} was learned elsewhere: {'; '.join(lines)}. "
                f"Use it with {saved.env or 'its own environment'}, or train anew"
            )
        return Checkpoint(content["step"], content["state"], saved)

    def _choose(self, step: int | None) -> int:
        steps = self.steps
        if not steps:
            raise CheckpointError(f"{self.folder} holds no checkpoint yet; train there first")
        if step is not None and step not in steps:
            raise CheckpointError(f"{self.folder} has no checkpoint at step {step}; choose {steps}")
        return steps[-1] if step is None else step

    def _path(self, step: int) -> Path:
        return self.folder / CHECKPOINTS / f"{step:09d}.pt"


@contextmanager
def resumable(run: Run) -> Iterator[None]:
    """Nobody else trains there meanwhile, and an interruption says how to go on.

    Raises:
        BlockingIOError: If somebody trains there.
    """
    with alone_in(run.folder):
        try:
            yield
        except KeyboardInterrupt:
            raise KeyboardInterrupt(f"; go on with: robot-rl resume {run.folder}") from None


def _mismatch(wanted: Schema, saved: Schema) -> list[str]:
    """What keeps a policy from acting; how a world was configured does not."""
    return differences(
        replace(wanted, contract={}).to_json(), replace(saved, contract={}).to_json()
    )


def _runs_near(folder: Path) -> str:
    names = sorted(path.parent.name for path in folder.parent.glob(f"*/{FACTS}"))
    where = f"in {folder.parent}"
    return f"{where} there are {', '.join(names)}" if names else f"there is none {where} either"
