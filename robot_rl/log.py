"""What a run measured, as JSON lines, CSV and TensorBoard.

``metrics.jsonl`` is the truth: a row is written and flushed whole, so a killed run leaves valid
lines. ``metrics.csv`` and ``tensorboard/`` say the same to other tools and are made anew from it
when a run is resumed.
"""

from __future__ import annotations

import csv
import io
import json
import math
import shutil
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, SupportsFloat, TextIO

from robot_rl import durable
from robot_rl.env import Closing

if TYPE_CHECKING:
    from tensorboard.summary import Writer

Row = dict[str, float]
"""``step``, ``time`` (seconds since 1970) and the scalars logged at that step."""

JSON_LINES, CSV, TENSORBOARD = "metrics.jsonl", "metrics.csv", "tensorboard"
_RESERVED = ("step", "time")


class Log(Closing):
    """Writes scalars to a run folder.

    Args:
        folder: Where to write; made if missing.
        resume_step: Last step of the checkpoint a run goes on from; rows beyond it are dropped.
            None for a new run.

    Raises:
        FileExistsError: If the folder already holds rows and ``resume_step`` is None.
        ValueError: If a line other than the last of the rows to resume from is broken.
    """

    def __init__(self, folder: str | Path, resume_step: int | None = None) -> None:
        self._folder = Path(folder)
        self._folder.mkdir(parents=True, exist_ok=True)
        rows = read_log(self._folder)
        if rows and resume_step is None:
            raise FileExistsError(
                f"{self._folder} holds a run up to step {rows[-1]['step']}; choose another folder, "
                "or give the resume_step to go on from"
            )
        rows = [row for row in rows if resume_step is not None and row["step"] <= resume_step]
        self._columns = _columns(rows)
        durable.replace(self._folder / JSON_LINES, "".join(map(_line, rows)).encode())
        self._write_table(rows)
        self._tensorboard = _tensorboard(self._folder / TENSORBOARD, rows)

    def write(self, step: int, scalars: Mapping[str, SupportsFloat]) -> None:
        """Appends a row; columns may appear at any time.

        Args:
            step: Environment steps so far.
            scalars: Numbers of any kind, zero-dimensional arrays included. JSON has no NaN and no
                infinity: they are written as ``null`` and read back as NaN.

        Raises:
            ValueError: If a scalar is called ``step`` or ``time``.
            OSError: If the disk is full; rows that were written stay.
        """
        if reserved := scalars.keys() & set(_RESERVED):
            raise ValueError(f"scalars {sorted(reserved)} would hide the row's own; rename them")
        row = {"step": step, "time": time.time()} | {k: float(v) for k, v in scalars.items()}
        _append(self._folder / JSON_LINES, _line(row))
        if new := [name for name in row if name not in self._columns]:
            self._columns += new
            self._write_table(read_log(self._folder))
        else:
            text = io.StringIO()
            self._table(text).writerow(row)
            _append(self._folder / CSV, text.getvalue())
        if self._tensorboard:
            _add(self._tensorboard, row)
            self._tensorboard.flush()

    def close(self) -> None:
        """Ends TensorBoard's writer; safe to call twice."""
        if self._tensorboard:
            self._tensorboard.close()
            self._tensorboard = None

    def _write_table(self, rows: Iterable[Row]) -> None:
        text = io.StringIO()
        self._table(text).writeheader()
        self._table(text).writerows(rows)
        durable.replace(self._folder / CSV, text.getvalue().encode())

    def _table(self, file: TextIO) -> csv.DictWriter[str]:
        return csv.DictWriter(file, self._columns, lineterminator="\n")


def read_log(folder: str | Path) -> list[Row]:
    """The rows of a run, in order; of a run that was killed while writing, all whole rows.

    Raises:
        ValueError: If a line other than the last is broken.
    """
    path = Path(folder) / JSON_LINES
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    rows: list[Row] = []
    for number, line in enumerate(lines, start=1):
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            if number == len(lines):
                break
            raise ValueError(f"{path}:{number}: {error}; repair or delete this line") from error
        rows.append({key: math.nan if value is None else value for key, value in row.items()})
    return rows


def _line(row: Row) -> str:
    finite = {key: value if math.isfinite(value) else None for key, value in row.items()}
    return json.dumps(finite) + "\n"


def _columns(rows: Iterable[Row]) -> list[str]:
    return list(dict.fromkeys([*_RESERVED, *(name for row in rows for name in row)]))


def _append(path: Path, text: str) -> None:
    """Opened anew each time: after a full disk no buffer is left that closing would write again."""
    with durable.answering_no_room(path, len(text)), path.open("a", encoding="utf-8") as file:
        file.write(text)


def _tensorboard(folder: Path, rows: Iterable[Row]) -> Writer | None:
    """TensorBoard's own small writer, if it is installed; events already hold ``rows``."""
    try:
        from tensorboard.summary import Writer
    except ImportError:
        return None
    shutil.rmtree(folder, ignore_errors=True)
    writer = Writer(str(folder))
    for row in rows:
        _add(writer, row)
    return writer


def _add(writer: Writer, row: Row) -> None:
    for name in row.keys() - set(_RESERVED):
        writer.add_scalar(name, row[name], row["step"], wall_time=row["time"])
