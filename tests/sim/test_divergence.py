"""States are kept while there is room, and what cannot be kept ends nothing."""

import resource
import warnings
from pathlib import Path

import numpy as np
import pytest

from sim.divergence import MOST, DivergedStates


def test_each_file_holds_what_was_given(tmp_path: Path) -> None:
    states = DivergedStates(tmp_path / "new" / "folder", "reach")
    for number in range(2):
        states.keep(before=np.arange(3), after=np.full(3, number))
    files = sorted((tmp_path / "new" / "folder").iterdir())
    assert [file.name for file in files] == ["reach-0000.npz", "reach-0001.npz"]
    with np.load(files[1]) as kept:
        np.testing.assert_array_equal(kept["after"], [1, 1, 1])


def test_a_task_that_diverges_all_the_time_does_not_fill_the_disk(tmp_path: Path) -> None:
    states = DivergedStates(tmp_path, "reach")
    for _ in range(MOST):
        states.keep(before=np.zeros(3))
    with pytest.warns(UserWarning, match=f"holds {MOST} of reach already"):
        states.keep(before=np.zeros(3))
    with warnings.catch_warnings(action="error"):
        states.keep(before=np.zeros(3))
        DivergedStates(tmp_path, "push").keep(before=np.zeros(3))
    assert len(list(tmp_path.iterdir())) == MOST + 1


def test_a_full_disk_is_told_once_and_leaves_no_half_file(tmp_path: Path) -> None:
    states, limits = DivergedStates(tmp_path, "reach"), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.warns(UserWarning, match="File too large"):
            states.keep(before=np.zeros(1000))
        with warnings.catch_warnings(action="error"):
            states.keep(before=np.zeros(1000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert list(tmp_path.iterdir()) == []
