"""Files that are either old or new after a crash or a power cut, never half written."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""Error numbers of a full disk, an exceeded quota and a limit on file size."""


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Opens a file to write aside; after a clean exit it durably takes the place of ``path``.

    Raises:
        OSError: If writing fails, e.g. because the disk is full; ``path`` is then as it was.
    """
    aside = path.with_name(f"{path.name}.new")
    try:
        with aside.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(aside, path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
    sync(path.parent)


def move(source: Path, target: Path) -> None:
    """Renames a file or folder within a file system, and makes that durable."""
    os.rename(source, target)
    for folder in {source.parent, target.parent}:
        sync(folder)


def sync(path: Path) -> None:
    """Makes the content of a file, or the list of names in a folder, durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_tree(folder: Path) -> None:
    """Makes a folder and everything below it durable."""
    # At once, because file systems then write one journal entry for many files: 20 ms, not 270.
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(sync, [folder, *folder.rglob("*")]))
