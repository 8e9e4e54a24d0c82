"""Rows of measurements: the ratio is value over reference, and each row names its machine."""

import json
from pathlib import Path

import pytest

from benchmarks.__main__ import SUITES, main
from benchmarks.table import Row, write_rows


@pytest.mark.parametrize(
    ("reference", "ratio"), [(1500.0, 2.0), (None, None), (0.0, None)], ids=str
)
def test_the_ratio_is_value_over_reference(reference: float | None, ratio: float | None) -> None:
    assert Row("a", 3000.0, "steps/s", reference).ratio == ratio


def test_a_mapping_of_the_fields_is_a_row() -> None:
    row = Row("a", 1.0, "s", 2.0, seeds=(0, 1))
    assert Row.of(row.to_json()) == row
    assert Row.of(row) == row


def test_each_written_row_has_the_machine_and_seeds_only_where_they_apply(tmp_path: Path) -> None:
    path = write_rows([Row("a", 1.0, "s"), Row("b", 2.0, "s", 4.0, (1, 2))], "bench", tmp_path)
    first, second = json.loads(path.read_text())
    assert {"name", "value", "unit", "reference", "ratio", "machine"} == first.keys()
    assert second["seeds"] == [1, 2]
    assert second["ratio"] == 0.5
    assert second["machine"]["cores"] >= 1


def test_an_unknown_suite_is_answered_with_the_known_ones(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["simulatoin"]) == 2
    assert "no suite simulatoin" in (answer := capsys.readouterr().out)
    assert all(suite in answer for suite in SUITES)
