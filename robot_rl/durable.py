"""Files that are either old or new after a crash or a power cut, never half written."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""Error numbers of a full disk, an exceeded quota and a limit on file size."""


REMEDY = "make room and try again, what was there before is intact"


@contextmanager
def replacing(path: Path, nbytes: int | None = None, remedy: str = REMEDY) -> Iterator[BinaryIO]:
    """Opens a file to write aside; after a clean exit it durably takes the place of ``path``.

    Args:
        path: The file.
        nbytes: How large it will be, for the error of a full disk.
        remedy: What to do then.

    Raises:
        OSError: If writing fails, e.g. because the disk is full; ``path`` is then as it was.
    """
    aside = path.with_name(f"{path.name}.new")
    with answering_no_room(path, nbytes, remedy), _removed_on_error(aside):
        with aside.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(aside, path)
    sync(path.parent)


def replace(path: Path, content: bytes | memoryview, remedy: str = REMEDY) -> None:
    """As ``replacing``, with all of the content at once."""
    with replacing(path, len(content), remedy) as file:
        file.write(content)


@contextmanager
def answering_no_room(
    path: Path, nbytes: int | None = None, remedy: str = REMEDY
) -> Iterator[None]:
    """Says of a full disk what did not fit, how large it is, how much is free and what to do.

    Raises:
        OSError: With the error number as it was.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        free = shutil.disk_usage(path.parent).free
        size = "" if nbytes is None else f"it takes {nbytes / 1e6:.1f} MB and "
        message = (
            f"cannot write {path} ({os.strerror(error.errno)}): "
            f"{size}{free / 1e6:.1f} MB are free; {remedy}"
        )
        raise OSError(error.errno, message) from error


def move(source: Path, target: Path) -> None:
    """Renames a file or folder within a file system, and makes that durable."""
    os.rename(source, target)
    for folder in {source.parent, target.parent}:
        sync(folder)


@contextmanager
def _removed_on_error(path: Path) -> Iterator[None]:
    try:
        yield
    except BaseException:
        path.unlink(missing_ok=True)
        raise


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
