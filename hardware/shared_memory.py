"""What killed processes leave in shared memory: Fast DDS takes back its own, and nobody else's.

A node that is killed leaves a segment of several megabytes, until the machine has no memory left.
Its lock tells: whoever is alive holds it (as ``fastdds shm clean`` does it).

One that is killed while it makes a segment leaves half of it, without a lock. Whoever opens that
waits for the rest for ever: a node that starts in its place, or one that writes to it.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

FOLDER = Path("/dev/shm")
_LOCK = "_el"
_YOUNG = 10.0
"""What was made so recently may be about to be held, or finished [s]."""
_WHOLE = 2
"""A segment begins with this number once it is finished (Boost.Interprocess)."""


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
    for half in _unfinished(folder):
        with suppress(OSError):
            half.unlink()
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
                if _young(os.fstat(opened)):
                    raise BlockingIOError
            except OSError:
                os.close(opened)
                continue
            yield lock, opened


def _unfinished(folder: Path) -> Iterator[Path]:
    """Segments whose maker has ended before they were whole."""
    for path in folder.glob("fastdds_*"):
        with suppress(OSError), path.open("rb") as file:
            whole = int.from_bytes(file.read(4), sys.byteorder) >= _WHOLE
            if not (whole or path.name.endswith(_LOCK) or _young(os.fstat(file.fileno()))):
                yield path


def _young(status: os.stat_result) -> bool:
    return time.time() - status.st_mtime < _YOUNG
