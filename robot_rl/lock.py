"""A folder is one process's until that process ends, however it ends."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def lock(folder: Path) -> int:
    """Locks a folder; returns the descriptor that is to be closed in the end.

    Raises:
        BlockingIOError: It is locked already.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise
    return descriptor


def is_locked(folder: Path) -> bool:
    """Whether somebody has locked a folder; also if there is none any more."""
    try:
        os.close(lock(folder))
    except (BlockingIOError, FileNotFoundError):
        return True
    return False


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Keeps a folder from others; makes it if there is none.

    Raises:
        BlockingIOError: Somebody else has it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = lock(folder)
    except BlockingIOError:
        raise BlockingIOError(
            f"another process works in {folder}; wait until it has ended, or choose another folder"
        ) from None
    try:
        yield
    finally:
        os.close(descriptor)
