"""Named arrays of fixed size, in memory or in a folder of memory-mapped files."""

from __future__ import annotations

import errno
import json
import math
import os
import shutil
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from robot_rl import durable

Layout = dict[str, tuple[tuple[int, ...], np.dtype]]
"""Shape and dtype by name; a name may have slashes."""

DESCRIPTION = "description.json"
GIB = 2**30


def layout_bytes(layout: Layout) -> int:
    """Size of all arrays [bytes]."""
    return sum(math.prod(shape) * dtype.itemsize for shape, dtype in layout.values())


def with_prefix(arrays: Mapping[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    """The arrays whose names start with ``prefix``, by the rest of their names."""
    return {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}


def zeros(layout: Layout) -> dict[str, np.ndarray]:
    """Arrays of zeros in memory.

    Raises:
        MemoryError: If they are larger than the machine's memory.
    """
    needed = layout_bytes(layout)
    installed = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if needed > installed:
        raise MemoryError(
            f"these arrays take {needed / GIB:.1f} GiB and the machine has {installed / GIB:.1f}; "
            "choose a smaller capacity, or a path to keep them on disk"
        )
    return {name: np.zeros(shape, dtype) for name, (shape, dtype) in layout.items()}


def create_mapped(
    folder: Path, layout: Layout, description: dict[str, Any]
) -> dict[str, np.ndarray]:
    """Arrays of zeros in new files of a folder; the description is written last.

    Raises:
        OSError: If the disk has no room for them.
    """
    folder.mkdir(parents=True, exist_ok=True)
    needed, free = layout_bytes(layout), shutil.disk_usage(folder).free
    if needed > free:
        raise OSError(
            errno.ENOSPC,
            f"these arrays take {needed / GIB:.1f} GiB and the disk has {free / GIB:.1f} free; "
            "choose a smaller capacity or another path",
            str(folder),
        )
    for name, (shape, dtype) in layout.items():
        file = folder / f"{name}.npy"
        file.parent.mkdir(parents=True, exist_ok=True)
        _reserve(file, np.lib.format.open_memmap(file, "w+", dtype, shape))
    durable.replace(folder / DESCRIPTION, json.dumps(description, indent=2).encode())
    return open_mapped(folder, layout)


def open_mapped(folder: Path, layout: Layout) -> dict[str, np.ndarray]:
    """The arrays that ``create_mapped`` made; what is written to them lands in the files.

    Raises:
        ValueError: If a file holds another shape or dtype.
        FileNotFoundError: If one is missing.
    """
    arrays: dict[str, np.ndarray] = {}
    for name, (shape, dtype) in layout.items():
        if not (file := folder / f"{name}.npy").exists():
            raise FileNotFoundError(
                f"{file} is missing: it was lost, or another version has begun {folder}; copy it "
                "back, go on with that version, or begin anew elsewhere"
            )
        mapped = np.lib.format.open_memmap(file, "r+")
        if mapped.shape != shape or mapped.dtype != dtype:
            raise ValueError(
                f"{file} holds {mapped.dtype} {mapped.shape} instead of {dtype} "
                f"{shape}; delete {folder} and start anew"
            )
        arrays[name] = np.asarray(mapped)  # a plain view: take() on it costs half
    return arrays


def flush(arrays: Mapping[str, np.ndarray]) -> None:
    """Writes mapped arrays to disk; does nothing for arrays in memory."""
    for array in arrays.values():
        if isinstance(array.base, np.memmap):
            array.base.flush()


def read_description(folder: Path) -> dict[str, Any] | None:
    """The description in a folder of mapped arrays, None if there is none."""
    file = folder / DESCRIPTION
    return json.loads(file.read_text()) if file.exists() else None


def save(path: Path, arrays: Mapping[str, np.ndarray], description: dict[str, Any]) -> None:
    """Writes arrays to one ``.npz`` file that is either old or new after a crash."""
    text = np.frombuffer(json.dumps(description).encode(), np.uint8)
    with durable.replacing(path, sum(array.nbytes for array in arrays.values())) as file:
        np.savez(file, **{DESCRIPTION: text, **arrays})


def load(path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Reads what ``save`` wrote.

    Raises:
        FileNotFoundError: If there is none.
        ValueError: If the file is corrupt; each array in it carries a checksum.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        description = json.loads(arrays.pop(DESCRIPTION).tobytes())
    except (zipfile.BadZipFile, EOFError, KeyError, ValueError) as error:
        raise ValueError(
            f"{path} is corrupt ({error}); restore a copy, or delete it to go on without the "
            "online data"
        ) from error
    return arrays, description


def _reserve(file: Path, mapped: np.memmap) -> None:
    """Takes the room now: a mapped write to a full disk would end the process with SIGBUS."""
    if hasattr(os, "posix_fallocate"):
        with durable.answering_no_room(file, mapped.nbytes), file.open("r+b") as opened:
            os.posix_fallocate(opened.fileno(), 0, mapped.offset + mapped.nbytes)
