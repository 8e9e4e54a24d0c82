"""A store of episodes: one durable commit each, so that no crash costs more than the running one.

::

    store/store.json                          what all episodes have in common
    store/mistaken.jsonl                      which ones a person later said were no success
    store/episodes/000000-<uuid>.zarr         a committed episode, a zarr 3 group
    store/episodes/.writing-<uuid>.zarr       one being written, or left behind by a crash
    store/quarantine/                         what ``repair`` and ``drop`` moved out of the way
"""

from __future__ import annotations

import json
import os
import re
import shutil
import uuid
from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from itertools import chain, count
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

import numpy as np

from robot_rl import durable, episode_file, mistaken
from robot_rl.env import Observation
from robot_rl.episode import Episode
from robot_rl.episode_file import CorruptEpisodeError, FormatError
from robot_rl.lock import is_locked, lock
from robot_rl.metadata import Metadata
from robot_rl.replay import Replay
from robot_rl.schema import Schema, SchemaError, check_arrays
from robot_rl.transition import Transition

STORE, EPISODES, QUARANTINE = "store.json", "episodes", "quarantine"
WRITING = ".writing-"
_NUMBER = re.compile(r"-?\d{1,7}")
"""A word that is a number; the first part of a uuid may be digits alone, and has eight."""


class Finding(NamedTuple):
    """Something wrong in a store."""

    path: Path
    problem: str


class Summary(NamedTuple):
    """What a store holds."""

    episodes: int
    transitions: int
    successes: int
    seconds: float
    """Recorded time [s]."""
    nbytes: int
    """Size on disk [bytes]."""


class Episodes:
    """The committed episodes of a store, oldest first; other processes may write to it as well.

    Args:
        path: Folder of the store.
        schema: What is going to be recorded. Makes the store if there is none, and must agree with
            it if there is, up to the contract. None opens an existing store.

    Raises:
        FileNotFoundError: If there is no store and no schema.
        SchemaError: If the store holds other data; the message lists the differences.
    """

    def __init__(self, path: str | Path, schema: Schema | None = None) -> None:
        self.path = Path(path)
        file = self.path / STORE
        if not file.exists():
            _create(self.path, schema)
        stored = Schema.from_json(json.loads(file.read_text(encoding="utf-8")))
        stored.expect(schema or stored, str(self.path))
        self.schema = schema or stored
        """What the next episodes are recorded with."""

    @property
    def paths(self) -> list[Path]:
        """Folders of the committed episodes, in order."""
        return sorted(filter(_is_committed, self._folder.iterdir()))

    def __len__(self) -> int:
        return len(self.paths)

    def __iter__(self) -> Iterator[Episode]:
        return map(self._read, self.paths)

    def episode(self, number: int) -> Episode:
        """Reads the episode that somebody asks for by its number, counted from 0.

        Raises:
            ValueError: If there is none.
            CorruptEpisodeError: If it is not what was committed.
        """
        return self._read(self._find(number))

    def __getitem__(self, index: int) -> Episode:
        """Reads an episode and checks all of it.

        Raises:
            IndexError: If there are fewer episodes.
            CorruptEpisodeError: If it is not what was committed.
        """
        return self._read(self._at(index))

    def number(self, name: str) -> int:
        """The number, counted from 0, of the episode whose uuid begins so.

        Raises:
            ValueError: If there is none, or several.
        """
        return self.paths.index(self._named(name))

    def mistake(self, which: int | str, by: str = "") -> Metadata:
        """A person says that an episode was no success, though it was taken for one.

        Whoever reads it from now on reads it so; what was recorded stays on disk.

        Args:
            which: Its number, counted from 0, of which -1 is the last; or its uuid, or as much of
                its beginning as no other episode has. Up to seven digits are a number.
            by: Who says so.

        Returns:
            The corrected metadata.

        Raises:
            ValueError: If there is no such episode, or it was not taken for a success.
        """
        path = self._find(which)
        said = mistaken.noted(self.path)
        metadata = mistaken.corrected_metadata(episode_file.read_metadata(path), said)
        if not metadata.success:
            raise ValueError(f"episode {which} of {self.path} is no success; nothing to correct")
        mistaken.note(self.path, metadata.uuid, by)
        return mistaken.corrected_metadata(metadata, {metadata.uuid: by})

    def mistaken(self, but: Collection[str] = ()) -> Iterator[Episode]:
        """Those of which a person said so, as they should have been; none of some uuids."""
        said = mistaken.noted(self.path).keys() - set(but)
        paths = self.paths if said else []  # Who asks after each episode mostly hears nothing.
        return (self._read(path) for path in paths if _uuid(path) in said)

    def writer(self, metadata: Metadata | None = None) -> EpisodeWriter:
        """Begins an episode; the writer is a context manager that commits it at the end."""
        return EpisodeWriter(self, metadata or Metadata())

    def metadata(self) -> list[Metadata]:
        """Metadata of every episode; reads no arrays.

        Raises:
            CorruptEpisodeError: If the metadata of an episode is not what was committed.
        """
        by = mistaken.noted(self.path)
        every = map(episode_file.read_metadata, self.paths)
        return [mistaken.corrected_metadata(one, by) for one in every]

    def info(self) -> Summary:
        """What the store holds.

        Raises:
            CorruptEpisodeError: If the metadata of an episode is not what was committed.
        """
        every = self.metadata()
        transitions = sum(one.length for one in every)
        return Summary(
            episodes=len(every),
            transitions=transitions,
            successes=sum(bool(one.success) for one in every),
            seconds=transitions * self.schema.dt,
            nbytes=sum(f.stat().st_size for p in self.paths for f in p.rglob("*") if f.is_file()),
        )

    def verify(self) -> list[Finding]:
        """Reads everything and names what is unfinished, corrupt, of another kind, or no episode.

        Another kind is another schema, or a format that another version of robot_rl wrote.
        """
        findings = [
            Finding(path, "unfinished: the process that wrote it ended before the commit")
            for path in sorted(self._folder.glob(f"{WRITING}*"))
            if not is_locked(path)
        ]
        for path in self.paths:
            try:
                episode_file.read(path)
                if lines := self.schema.differences(episode_file.read_schema(path)):
                    problem = f"of other data than the store: {'; '.join(lines)}"
                    findings.append(Finding(path, problem))
            except CorruptEpisodeError as error:
                findings.append(Finding(path, f"corrupt: {error.problem}"))
            except FormatError as error:
                findings.append(Finding(path, str(error)))
        return findings + self._strangers()

    def _strangers(self) -> list[Finding]:
        """What somebody else put among the episodes, which does no harm."""
        return [
            Finding(path, "not an episode; it does no harm, and belongs elsewhere")
            for path in sorted(self._folder.iterdir())
            if not (_is_committed(path) or path.name.startswith(WRITING))
        ]

    def repair(self) -> list[str]:
        """Moves what ``verify`` finds to ``quarantine/``, deletes nothing, and says what it did."""
        return [f"{self._set_aside(path)}: {problem}" for path, problem in self.verify()]

    def drop(self, which: int | str) -> str:
        """Moves an episode to ``quarantine/``, where nobody reads it, and says where.

        Args:
            which: As of ``mistake``.

        Raises:
            ValueError: If there is no such episode.
        """
        return self._set_aside(self._find(which))

    def _set_aside(self, path: Path) -> str:
        target = self._quarantined(path.name.removeprefix("."))
        target.parent.mkdir(exist_ok=True)
        durable.move(path, target)
        return f"moved {path.name} to {target}"

    def _at(self, index: int) -> Path:
        paths = self.paths
        if not -len(paths) <= index < len(paths):
            raise IndexError(
                f"no episode {index} in {self.path}; it holds {len(paths)}, counted from 0"
            )
        return paths[index]

    def _find(self, which: int | str) -> Path:
        if isinstance(which, str) and not _NUMBER.fullmatch(which):
            return self._named(which)
        try:
            return self._at(int(which))
        except IndexError as error:
            raise ValueError(str(error)) from error

    def _named(self, name: str) -> Path:
        """Of the one episode whose uuid begins so."""
        paths = self.paths
        found = [path for path in paths if name and _uuid(path).startswith(name.lower())]
        if len(found) == 1:
            return found[0]
        if found:
            what = f"{len(found)} uuids begin with {name!r} in {self.path}; give more of one"
        else:
            what = f"no uuid begins with {name!r} in {self.path}; give one that was told"
        raise ValueError(f"{what}, or a number from 0 to {len(paths) - 1}, or -1 for the last")

    def _read(self, path: Path) -> Episode:
        return mistaken.corrected(episode_file.read(path), mistaken.noted(self.path))

    @property
    def _folder(self) -> Path:
        return self.path / EPISODES

    def _next_path(self, name: str) -> Path:
        numbers = (path.name.partition("-")[0] for path in self.paths)
        last = max((int(number) for number in numbers if number.isdecimal()), default=-1)
        return self._folder / f"{last + 1:06d}-{name}.zarr"

    def _quarantined(self, name: str) -> Path:
        """Where to move something of this name, over nothing that is there already."""
        names = chain([name], (f"{name}.{number}" for number in count(2)))
        paths = (self.path / QUARANTINE / free for free in names)
        return next(path for path in paths if not path.exists())


class EpisodeWriter:
    """Collects an episode in memory and commits it at the end of a ``with`` block.

    The control loop never waits for the disk. When the block ends with an exception, or without a
    transition, nothing is committed.

    Attributes:
        metadata: What is known of the episode; may be replaced until the commit, as a person's
            verdict is known at the end only.
    """

    def __init__(self, store: Episodes, metadata: Metadata) -> None:
        self._store = store
        name, now = str(uuid.uuid4()), datetime.now(UTC).isoformat(timespec="milliseconds")
        self.metadata = replace(metadata, uuid=name, date=now)
        self._frames: list[Observation] = []
        self._rows: list[Transition] = []
        self._aside = store.path / EPISODES / f"{WRITING}{name}.zarr"
        self._aside.mkdir()
        self._lock: int | None = lock(self._aside)

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, transition: Transition) -> None:
        """Adds the next transition; its arrays are copied.

        Raises:
            SchemaError: If an array differs from the store's schema.
            ValueError: If the transition does not follow the last one.
        """
        self._check(transition)
        if not self._frames:
            self._frames.append(_copied(transition.observation))
        self._frames.append(_copied(transition.next_observation))
        dtype = self._store.schema.action.dtype
        self._rows.append(
            replace(
                transition,
                observation={},
                next_observation={},
                action=np.array(transition.action, dtype),
                policy_action=np.array(transition.policy_action, dtype),
                extra=_copied(transition.extra),
            )
        )

    def commit(self) -> Path:
        """Makes the episode part of the store, durably; returns its folder.

        Raises:
            ValueError: If the episode has no transition or has ended already.
            OSError: If the disk has no room. The transitions are still in memory: free some space
                and call ``commit`` again.
        """
        if not self._rows or not self._aside.exists():
            raise ValueError("nothing to commit; add transitions, and commit an episode once")
        schema = self._store.schema
        episode = Episode.from_transitions(self.metadata, self._frames, self._rows, schema.dt)
        try:
            episode_file.write(self._aside, episode, schema)
            durable.sync_tree(self._aside)
            target = self._store._next_path(self.metadata.uuid)
            durable.move(self._aside, target)
        except OSError as error:
            self._empty()
            if error.errno not in durable.NO_ROOM:
                raise
            raise OSError(error.errno, self._no_room(episode), str(self._store.path)) from error
        self._unlock()
        return target

    def discard(self) -> None:
        """Forgets the episode, e.g. a demonstration that went wrong; safe to call twice."""
        self._rows.clear()
        shutil.rmtree(self._aside, ignore_errors=True)
        self._unlock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None and self._rows:
            self.commit()
        else:
            self.discard()

    def _check(self, transition: Transition) -> None:
        schema = self._store.schema
        check_arrays(schema.observation, transition.observation)
        check_arrays(schema.observation, transition.next_observation)
        for action in (transition.action, transition.policy_action):
            if np.shape(action) != schema.action.shape:
                raise SchemaError(
                    f"action of shape {np.shape(action)}; this store holds {schema.action.shape}"
                )
        if self._rows:
            self._check_follows(self._rows[-1], transition)

    def _check_follows(self, last: Transition, transition: Transition) -> None:
        expected = (last.stream, last.episode, last.step + 1)
        given = (transition.stream, transition.episode, transition.step)
        problem = ""
        if last.terminated or last.truncated:
            problem = f"the episode ended with step {last.step}"
        elif given != expected:
            problem = f"(stream, episode, step) {given} does not follow, {expected} would"
        elif transition.extra.keys() != last.extra.keys():
            problem = f"extra has {sorted(transition.extra)} instead of {sorted(last.extra)}"
        elif not _equal(transition.observation, self._frames[-1]):
            problem = f"the observation of step {transition.step} is not what the last step led to"
        if problem:
            raise ValueError(f"{problem}; commit this episode and begin another")

    def _no_room(self, episode: Episode) -> str:
        size = sum(column.nbytes for column in episode.columns().values()) / 2**20
        return (
            f"no room for an episode of up to {size:.1f} MiB; the {len(self._store)} committed "
            "ones are intact. Free some space and call commit() again, or choose another store"
        )

    def _empty(self) -> None:
        """Gives the room back but keeps the folder, which is locked."""
        for path in self._aside.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    def _unlock(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def fill(replay: Replay, episodes: Iterable[Episode]) -> int:
    """Appends all transitions of episodes to a replay and returns how many they were.

    Raises:
        SchemaError: If the replay holds other observations or actions.
    """
    before = replay.appended
    for episode in episodes:
        replay.extend(episode.transitions())
    return replay.appended - before


def _create(path: Path, schema: Schema | None) -> None:
    if schema is None:
        raise FileNotFoundError(_nothing_in(path))
    try:
        (path / EPISODES).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = "it is a file" if path.is_file() else error.strerror
        raise type(error)(
            f"cannot make an episode store in {path}: {reason}; choose a folder to write to"
        ) from error
    durable.replace(path / STORE, json.dumps(schema.to_json(), indent=2).encode())


def _nothing_in(path: Path) -> str:
    """What to say where no store is, with those just below: a run keeps its own there."""
    if path.is_file():
        return f"no episode store in {path}, for it is a file; give the folder that has {STORE}"
    below = sorted(str(file.parent) for file in path.glob(f"*/{STORE}"))
    hint = f"there is one in {', '.join(below)}" if below else f"`robot-rl record {path}` makes one"
    return f"no episode store in {path}, for there is no {STORE}; {hint}"


def _is_committed(path: Path) -> bool:
    return path.suffix == ".zarr" and not path.name.startswith(".")


def _uuid(path: Path) -> str:
    return path.stem.partition("-")[2]


def _copied(arrays: Observation) -> Observation:
    return {key: np.array(value) for key, value in arrays.items()}


def _equal(frame: Observation, other: Observation) -> bool:
    return all(np.array_equal(value, other[key]) for key, value in frame.items())
