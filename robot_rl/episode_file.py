"""One episode as a zarr 3 group whose every array and attribute carries a SHA-256.

A missing chunk reads as zeros and a flipped bit may still decompress: only a checksum of the
content finds both.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from zarr.codecs import BloscCodec

from robot_rl.episode import Episode
from robot_rl.metadata import Metadata
from robot_rl.schema import Schema
from robot_rl.transition import SOURCES

ATTRIBUTE = "robot_rl"
VERSION = 1
_CHUNK_BYTES = 4 * 2**20
_NO_FILE = (FileNotFoundError, NotADirectoryError, IsADirectoryError)


class CorruptEpisodeError(ValueError):
    """An episode on disk is not what was committed; the message says what to do."""

    def __init__(self, folder: Path, problem: str) -> None:
        store = folder.parent.parent
        super().__init__(
            f"episode {folder.name} in {store} is corrupt: {problem}; `robot-rl dataset verify "
            f"{store}` checks all, and with `--repair` moves bad ones to quarantine/"
        )
        self.problem = problem


class FormatError(ValueError):
    """An episode was written in another version of the format; the message says which."""


def write(folder: Path, episode: Episode, schema: Schema) -> None:
    """Writes an episode into an empty folder, lossless, in chunks of 16 to 64 frames."""
    columns = episode.columns()
    content = {
        "version": VERSION,
        "metadata": episode.metadata.to_json(),
        "schema": schema.to_json(),
        "sources": SOURCES,
        "columns": {name: _fingerprint(values) for name, values in columns.items()},
    }
    attributes = {ATTRIBUTE: {"content": content, "sha256": _digest_json(content)}}
    group = zarr.create_group(str(folder), zarr_format=3, attributes=attributes)
    for name, values in columns.items():
        group.create_array(
            name,
            data=values,
            chunks=_chunks(values),
            compressors=_codec(values),
            chunk_key_encoding={"name": "default", "separator": "."},
        )


def read(folder: Path) -> Episode:
    """Reads an episode and checks all of it.

    Raises:
        CorruptEpisodeError: If anything differs from what was written.
        FormatError: If it is of another version of the format.
    """
    content = _content(folder)
    try:
        group = zarr.open_group(str(folder), mode="r")
        columns = {name: np.asarray(group[name]) for name in content["columns"]}
    except PermissionError:
        raise
    except Exception as error:  # what a codec raises on damaged bytes is not specified
        raise CorruptEpisodeError(folder, f"cannot be read ({error!r})") from error
    for name, values in columns.items():
        if _fingerprint(values) != content["columns"][name]:
            raise CorruptEpisodeError(folder, f"{name} is not what was written (SHA-256 differs)")
    return Episode.from_columns(Metadata.from_json(content["metadata"]), columns)


def read_metadata(folder: Path) -> Metadata:
    """Reads and checks the metadata alone.

    Raises:
        CorruptEpisodeError: If the attributes differ from what was written.
        FormatError: If it is of another version of the format.
    """
    return Metadata.from_json(_content(folder)["metadata"])


def read_schema(folder: Path) -> Schema:
    """Reads and checks the schema that the episode was recorded with.

    Raises:
        CorruptEpisodeError: If the attributes differ from what was written.
        FormatError: If it is of another version of the format.
    """
    return Schema.from_json(_content(folder)["schema"])


def _content(folder: Path) -> dict[str, Any]:
    try:
        attribute = json.loads((folder / "zarr.json").read_bytes())["attributes"][ATTRIBUTE]
        content, expected = attribute["content"], attribute["sha256"]
    except (*_NO_FILE, ValueError, KeyError, TypeError) as error:
        raise CorruptEpisodeError(folder, f"its zarr.json cannot be read ({error!r})") from error
    if _digest_json(content) != expected:
        raise CorruptEpisodeError(folder, "its metadata is not what was written (SHA-256 differs)")
    if content["version"] != VERSION:
        raise FormatError(
            f"{folder} has format {content['version']} and this robot_rl reads {VERSION}; install "
            "the version that recorded it"
        )
    return content


def _chunks(values: np.ndarray) -> tuple[int, ...]:
    """Images in chunks of 16 to 64 frames: reading single frames costs 91 times a mapped array."""
    if values.ndim < 3:
        return values.shape
    frames = int(np.clip(_CHUNK_BYTES // values[0].nbytes, 16, 64))
    return (min(frames, len(values)), *values.shape[1:])


def _codec(values: np.ndarray) -> BloscCodec:
    """For pictures the fastest: 500 MB/s, where level 5 takes 60 to 180 to no smaller files."""
    if values.dtype == np.uint8:
        return BloscCodec(typesize=1, cname="zstd", clevel=1, shuffle="noshuffle")
    return BloscCodec(typesize=values.itemsize, cname="zstd", clevel=5, shuffle="bitshuffle")


def _fingerprint(values: np.ndarray) -> dict[str, Any]:
    digest = hashlib.sha256(np.ascontiguousarray(values).data).hexdigest()
    return {"dtype": str(values.dtype), "shape": list(values.shape), "sha256": digest}


def _digest_json(content: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
