"""What was logged is read back, by every reader, after any end of the run."""

import csv
import json
import math
import resource
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robot_rl.log import Log, read_log

ROOT = Path(__file__).parents[2]


def logged(folder: Path, *steps: int, resume_step: int | None = None) -> None:
    with Log(folder, resume_step) as log:
        for step in steps:
            log.write(step, {"return": step / 2})


def table(folder: Path) -> list[dict[str, str]]:
    with (folder / "metrics.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def events(folder: Path) -> dict[str, dict[int, float]]:
    """Scalars by name and step, as TensorBoard shows them."""
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    reader = accumulator.EventAccumulator(str(folder / "tensorboard")).Reload()
    return {
        name: {e.step: float(e.tensor_proto.float_val[0]) for e in reader.Tensors(name)}
        for name in reader.Tags()["tensors"]
    }


def test_three_files_say_the_same(tmp_path: Path) -> None:
    with Log(tmp_path) as log:
        log.write(10, {"loss/critic": np.float32(0.5), "updates": 3})
        log.write(20, {"loss/critic": np.array(0.25), "updates": 6})
    rows = read_log(tmp_path)
    assert [list(row) for row in rows] == [["step", "time", "loss/critic", "updates"]] * 2
    assert [(row["step"], row["loss/critic"]) for row in rows] == [(10, 0.5), (20, 0.25)]
    assert [{k: float(v) for k, v in row.items()} for row in table(tmp_path)] == rows
    assert events(tmp_path) == {"loss/critic": {10: 0.5, 20: 0.25}, "updates": {10: 3.0, 20: 6.0}}


def test_a_column_may_appear_later(tmp_path: Path) -> None:
    with Log(tmp_path) as log:
        log.write(1, {"a": 1})
        log.write(2, {"b": 2})
        log.write(3, {"a": 3})
    cells = [(row["a"], row["b"]) for row in table(tmp_path)]
    assert cells == [("1.0", ""), ("", "2.0"), ("3.0", "")]


@given(
    st.lists(
        st.dictionaries(st.sampled_from("abcd"), st.floats(width=32, allow_infinity=False)),
        max_size=8,
    )
)
@settings(max_examples=20, deadline=None)
def test_whatever_is_written_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, float]]
) -> None:
    folder = tmp_path_factory.mktemp("run")
    with Log(folder) as log:
        for step, row in enumerate(rows):
            log.write(step, row)
    read = [{k: v for k, v in row.items() if k not in ("step", "time")} for row in read_log(folder)]
    assert json.dumps(read) == json.dumps(rows)
    filled = [{k: float(v) for k, v in row.items() if k in "abcd" and v} for row in table(folder)]
    assert [row.keys() for row in filled] == [row.keys() for row in rows]


def test_every_line_is_strict_json(tmp_path: Path) -> None:
    with Log(tmp_path) as log:
        log.write(1, {"loss": math.nan, "return": -math.inf})
    [line] = (tmp_path / "metrics.jsonl").read_text().splitlines()
    assert json.loads(line, parse_constant=pytest.fail) | {"time": 0} == {
        "step": 1,
        "time": 0,
        "loss": None,
        "return": None,
    }
    assert math.isnan(read_log(tmp_path)[0]["loss"])


def test_a_resumed_run_drops_what_was_beyond_its_checkpoint_everywhere(tmp_path: Path) -> None:
    logged(tmp_path, 10, 20, 30)
    logged(tmp_path, 25, 35, resume_step=20)
    assert [row["step"] for row in read_log(tmp_path)] == [10, 20, 25, 35]
    assert [int(row["step"]) for row in table(tmp_path)] == [10, 20, 25, 35]
    assert events(tmp_path) == {"return": {10: 5.0, 20: 10.0, 25: 12.5, 35: 17.5}}


def test_a_new_run_does_not_overwrite_an_old_one(tmp_path: Path) -> None:
    logged(tmp_path, 10, 20)
    with pytest.raises(FileExistsError, match=r"holds a run up to step 20; choose another folder"):
        Log(tmp_path)
    assert len(read_log(tmp_path)) == 2


def test_a_killed_run_leaves_whole_rows_and_can_be_resumed(tmp_path: Path) -> None:
    code = (
        "import sys; from robot_rl.log import Log; log = Log(sys.argv[1]); step = 0\n"
        "while True: log.write(step, {'x': step}); step += 1; print(step, flush=True)"
    )
    run = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert run.stdout is not None
    while int(run.stdout.readline()) < 20:
        pass
    run.send_signal(signal.SIGKILL)
    told = [20, *map(int, run.stdout.read().split())][-1]
    run.wait()
    rows = read_log(tmp_path)
    assert told <= len(rows) <= told + 1
    assert [row["x"] for row in rows] == list(range(len(rows)))
    logged(tmp_path, 20, resume_step=9)
    assert [row["step"] for row in read_log(tmp_path)] == [*range(10), 20]


def test_a_full_disk_spares_the_rows_and_the_log_can_be_resumed(tmp_path: Path) -> None:
    """The limit ends a row in its middle, and closing does not fail again."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    with Log(tmp_path) as log:
        log.write(10, {"return": 5})
        size = (tmp_path / "metrics.jsonl").stat().st_size
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 9, limits[1]))
        try:
            with pytest.raises(OSError, match=r"cannot write .*metrics\.jsonl .* MB are free"):
                log.write(20, {"return": 10})
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert [row["step"] for row in read_log(tmp_path)] == [10]
    logged(tmp_path, 20, resume_step=10)
    assert [row["step"] for row in read_log(tmp_path)] == [10, 20]


def test_half_a_last_line_is_left_out(tmp_path: Path) -> None:
    logged(tmp_path, 10, 20)
    path = tmp_path / "metrics.jsonl"
    path.write_text(path.read_text()[:-5])
    assert [row["step"] for row in read_log(tmp_path)] == [10]
    logged(tmp_path, 15, resume_step=10)
    assert [row["step"] for row in read_log(tmp_path)] == [10, 15]


def test_a_broken_line_in_the_middle_is_named(tmp_path: Path) -> None:
    logged(tmp_path, 10, 20)
    path = tmp_path / "metrics.jsonl"
    path.write_text("{oops\n" + path.read_text())
    with pytest.raises(ValueError, match=r"metrics.jsonl:1: .*; repair or delete this line"):
        read_log(tmp_path)


@pytest.mark.parametrize("name", ["step", "time"])
def test_a_scalar_cannot_hide_the_step_or_the_time(tmp_path: Path, name: str) -> None:
    with Log(tmp_path) as log, pytest.raises(ValueError, match=f"{name}.*rename"):
        log.write(1, {name: 2.0})


def test_a_folder_without_a_run_has_no_rows(tmp_path: Path) -> None:
    assert read_log(tmp_path / "nothing") == []


def test_a_log_can_be_closed_twice(tmp_path: Path) -> None:
    log = Log(tmp_path)
    log.write(1, {"x": 2})
    log.close()
    log.close()
    assert [row["x"] for row in read_log(tmp_path)] == [2]


def test_without_tensorboard_the_other_files_are_written_and_torch_never_loads(
    tmp_path: Path,
) -> None:
    code = (
        "import sys; sys.modules['tensorboard'] = None; from robot_rl.log import Log\n"
        "with Log(sys.argv[1]) as log: log.write(1, {'x': 2})\n"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, check=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["metrics.csv", "metrics.jsonl"]
    assert read_log(tmp_path)[0]["x"] == 2.0
