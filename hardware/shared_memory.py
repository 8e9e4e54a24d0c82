"""What killed processes leave in shared memory: Fast DDS takes back its own, and nobody else's.

A node that is killed leaves a segment of several megabytes, until the machine has no memory left.
Its lock tells: whoever is alive holds it (as ``fastdds shm clean`` does it).
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

FOLDER = Path("/dev/shm")
_LOCK = "_el"
_YOUNG = 10.0
"""A lock that was made so recently may be about to be held [s]."""


def take_back(folder: Path = FOLDER) -> int:
    """Removes what nobody holds any more, of this user; returns how much that was [bytes]."""
    freed = 0
    for lock, opened in _abandoned(folder):
        segment = lock.with_name(lock.name.removesuffix(_LOCK))
        with suppress(OSError):
            freed += os.stat(segment).st_blocks * 512
            segment.unlink()
        lock.unlink(missing_ok=True)
        os.close(opened)
    return freed


def _abandoned(folder: Path) -> Iterator[tuple[Path, int]]:
    """Locks that nobody holds, now held by us: each with its open file."""
    try:
        import fcntl
    except ImportError:  # no such memory either
        return
    for lock in folder.glob(f"fastdds_*{_LOCK}"):
        with suppress(OSError):
            opened = os.open(lock, os.O_RDONLY)
            try:
                fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if time.time() - os.fstat(opened).st_mtime < _YOUNG:
                    raise BlockingIOError
            except OSError:
                os.close(opened)
                continue
            yield lock, opened
