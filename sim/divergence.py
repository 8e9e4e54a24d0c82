"""States of worlds that diverged, kept to be looked at; keeping them never ends a run."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np

MOST = 20
"""Files of one task in a folder; a task that diverges all the time would fill the disk."""


class DivergedStates:
    """Numbered ``.npz`` files of one task in a folder, which is made with the first."""

    def __init__(self, folder: str | Path, task: str) -> None:
        self._folder = Path(folder)
        self._task = task
        self._keeps = True

    def keep(self, **arrays: Any) -> None:
        """Writes one file; warns once, and keeps no more, if there is no room for it."""
        if not self._keeps:
            return
        try:
            self._write(arrays)
        except OSError as error:
            self._keeps = False
            warnings.warn(
                f"a world diverged and its states are not kept: {error}; "
                f"make {self._folder} a writable folder with room, or choose a divergence_folder",
                stacklevel=2,
            )

    def _write(self, arrays: dict[str, Any]) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._free_path()
        try:
            np.savez(path, **arrays)
        except OSError:
            path.unlink(missing_ok=True)
            raise

    def _free_path(self) -> Path:
        for number in range(MOST):
            path = self._folder / f"{self._task}-{number:04d}.npz"
            if not path.exists():
                return path
        raise FileExistsError(f"{self._folder} holds {MOST} of {self._task} already")
