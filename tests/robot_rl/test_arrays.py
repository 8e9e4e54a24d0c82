"""Arrays come back from a file, or the answer says what may be done."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from robot_rl import arrays


def test_arrays_and_their_description_come_back(tmp_path: Path) -> None:
    saved = {"images/front": np.arange(6, dtype=np.uint8).reshape(2, 3), "reward": np.ones(2)}
    arrays.save(tmp_path / "a.npz", saved, {"capacity": 2})
    loaded, description = arrays.load(tmp_path / "a.npz")
    assert description == {"capacity": 2}
    np.testing.assert_equal(loaded, saved)


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:100])


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _foreign(path: Path) -> None:
    np.savez(path, reward=np.ones(2))


@pytest.mark.parametrize("spoil", [_cut, _empty, _foreign])
def test_a_file_that_is_not_ours_any_more_says_what_deleting_it_costs(
    tmp_path: Path, spoil: Callable[[Path], None]
) -> None:
    path = tmp_path / "replay.npz"
    arrays.save(path, {"reward": np.ones(2)}, {})
    spoil(path)
    answer = "restore a copy, or delete it to go on without the online data"
    with pytest.raises(ValueError, match=rf"replay\.npz is corrupt \(.*\); {answer}"):
        arrays.load(path)


def test_a_file_that_is_not_there_is_not_corrupt(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"replay\.npz"):
        arrays.load(tmp_path / "replay.npz")
