"""A run folder says how its run was made, and gives back what was saved, or says why not."""

import json
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from robot_rl.env import ArraySpec
from robot_rl.run import CheckpointError, Run
from robot_rl.schema import Schema

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Config:
    steps: int = 100
    hidden: tuple[int, ...] = (8, 8)


SCHEMA = Schema({"state": ArraySpec((3,))}, ArraySpec((2,), low=-1, high=1), 0.05, "reach")

EXAMPLES = settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
"""Each example writes the same checkpoint anew, so sharing the folder is fine."""


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run.create(tmp_path / "run", Config(steps=7), seed=3)


def test_the_folder_says_how_the_run_was_made(run: Run) -> None:
    facts = json.loads((run.folder / "run.json").read_text())
    assert facts["seed"] == 3
    assert facts["command"] == sys.argv
    assert facts["machine"]["numpy"] == np.__version__
    assert facts["machine"]["torch"] == torch.__version__
    assert {"started", "git"} <= facts.keys()


def test_an_opened_run_is_the_created_one(run: Run) -> None:
    opened = Run.open(run.folder)
    assert opened == run
    assert opened.config(Config) == Config(steps=7)


def test_a_folder_that_holds_a_run_is_not_overwritten(run: Run) -> None:
    with pytest.raises(FileExistsError, match="already holds a run; choose another folder"):
        Run.create(run.folder, Config(), seed=0)


def test_opening_a_folder_without_a_run_names_the_runs_beside_it(run: Run) -> None:
    with pytest.raises(FileNotFoundError, match=r"nothing holds no run; .* there are run"):
        Run.open(run.folder.parent / "nothing")


DTYPES = st.sampled_from((np.float32, np.float64, np.int64, np.uint8, np.bool_))
ARRAYS = hnp.arrays(DTYPES, hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3))
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | ARRAYS
STATES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text(max_size=3) | st.integers(0, 9), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(state=st.dictionaries(st.text(max_size=5), STATES, max_size=3))
@settings(max_examples=40, deadline=None)
def test_a_checkpoint_gives_back_exactly_what_was_saved(
    tmp_path_factory: pytest.TempPathFactory, state: dict
) -> None:
    run = Run.create(tmp_path_factory.mktemp("run"), Config(), seed=0)
    run.save_checkpoint(state, 5, SCHEMA)
    loaded = run.load_checkpoint(SCHEMA)
    assert loaded.step == 5
    np.testing.assert_equal(loaded.state, state)
    assert str(loaded.state) == str(state)  # Kinds too: 1 is not True, () is not [].


def test_modules_optimizers_and_generators_go_on_where_they_were(run: Run) -> None:
    module = torch.nn.Linear(2, 1)
    optimizer = torch.optim.Adam(module.parameters())
    module(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    rng = np.random.default_rng(0)
    rng.random(3)
    state = {
        "module": module.state_dict(),
        "optimizer": optimizer.state_dict(),
        "generator": rng.bit_generator.state,
    }
    run.save_checkpoint(state, 1, SCHEMA)
    loaded = run.load_checkpoint(SCHEMA).state

    fresh = torch.nn.Linear(2, 1)
    fresh.load_state_dict(loaded["module"])
    again = torch.optim.Adam(fresh.parameters())
    again.load_state_dict(loaded["optimizer"])
    other = np.random.default_rng(1)
    other.bit_generator.state = loaded["generator"]
    assert torch.equal(fresh.weight, module.weight)
    assert torch.equal(
        again.state_dict()["state"][0]["exp_avg"], optimizer.state_dict()["state"][0]["exp_avg"]
    )
    assert other.random() == rng.random()


def test_only_the_last_checkpoints_stay(tmp_path: Path) -> None:
    run = Run.create(tmp_path, Config(), seed=0, keep=2)
    for step in (0, 900, 1000, 20000):
        run.save_checkpoint({"step": step}, step, SCHEMA)
    assert run.steps == [1000, 20000]
    assert run.load_checkpoint(SCHEMA).state == {"step": 20000}
    assert run.load_checkpoint(SCHEMA, step=1000).state == {"step": 1000}


def test_a_step_without_checkpoint_is_answered_with_those_there_are(run: Run) -> None:
    with pytest.raises(CheckpointError, match="holds no checkpoint yet; train there first"):
        run.load_checkpoint(SCHEMA)
    run.save_checkpoint({}, 10, SCHEMA)
    with pytest.raises(CheckpointError, match=r"no checkpoint at step 11; choose \[10\]"):
        run.load_checkpoint(SCHEMA, step=11)


@pytest.mark.parametrize(
    ("other", "difference"),
    [
        (replace(SCHEMA, env="push"), "env: expected push, got reach"),
        (replace(SCHEMA, action=ArraySpec((7,))), r"action.shape: expected \[7\], got \[2\]"),
        (replace(SCHEMA, dt=0.1), "dt: expected 0.1, got 0.05"),
        (replace(SCHEMA, observation={"state": ArraySpec((4,))}), "observation.state.shape"),
        (replace(SCHEMA, observation={"pixels": ArraySpec((4,))}), "observation.pixels: missing"),
    ],
)
def test_a_checkpoint_of_another_task_is_refused_with_the_difference(
    run: Run, other: Schema, difference: str
) -> None:
    run.save_checkpoint({}, 1, SCHEMA)
    with pytest.raises(CheckpointError, match=f"learned elsewhere: .*{difference}"):
        run.load_checkpoint(other)


def test_how_worlds_are_configured_keeps_no_policy_from_acting(run: Run) -> None:
    run.save_checkpoint({}, 1, SCHEMA)
    assert run.load_checkpoint(replace(SCHEMA, contract={"friction": [0.5, 2.0]})).step == 1


def test_a_state_that_could_not_be_read_back_is_refused_by_its_place(run: Run) -> None:
    with pytest.raises(TypeError, match=r"content\['state'\]\['agent'\]\[1\] is a PosixPath"):
        run.save_checkpoint({"agent": [1, Path()]}, 1, SCHEMA)
    assert run.steps == []


@pytest.mark.parametrize("content", [b"", b"garbage", b"\x80\x04\x95."])
def test_a_file_that_is_no_checkpoint_is_named(run: Run, content: bytes) -> None:
    path = run.save_checkpoint({}, 1, SCHEMA)
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"is damaged .*; delete it"):
        run.load_checkpoint(SCHEMA)


@given(cut=st.floats(0.0, 0.999))
@EXAMPLES
def test_a_checkpoint_cut_short_anywhere_is_named(run: Run, cut: float) -> None:
    path = run.save_checkpoint({"weights": torch.ones(1000)}, 1, SCHEMA)
    content = path.read_bytes()
    path.write_bytes(content[: int(cut * len(content))])
    with pytest.raises(CheckpointError, match="is damaged"):
        run.load_checkpoint(SCHEMA)


@given(byte=st.integers(0, 3999), bit=st.integers(0, 7))
@EXAMPLES
def test_a_single_flipped_bit_in_the_weights_is_seen(run: Run, byte: int, bit: int) -> None:
    path = run.save_checkpoint({"weights": torch.ones(1000)}, 1, SCHEMA)
    content = bytearray(path.read_bytes())
    weights = bytes(torch.ones(1000).numpy())
    content[content.index(weights) + byte] ^= 1 << bit
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match="wrong checksum"):
        run.load_checkpoint(SCHEMA)


class _Trap:
    """What a pickle that runs code looks like."""

    def __reduce__(self) -> tuple:
        return (print, ("the trap was sprung",))


def test_a_checkpoint_cannot_run_code(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    path = run.save_checkpoint({}, 1, SCHEMA)
    torch.save({"step": 1, "schema": "", "state": _Trap()}, path)
    with pytest.raises(CheckpointError):
        run.load_checkpoint(SCHEMA)
    assert "sprung" not in capsys.readouterr().out


FULL_DISK = """
import resource, sys
import torch
from robot_rl.run import Run
from tests.robot_rl.test_run import SCHEMA
run = Run.open(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))
try:
    run.save_checkpoint({"weights": torch.ones(100_000)}, 2, SCHEMA)
except OSError as error:
    print(error)
"""


def test_a_disk_without_room_costs_the_new_checkpoint_only(run: Run) -> None:
    run.save_checkpoint({"weights": torch.ones(3)}, 1, SCHEMA)
    command = [sys.executable, "-c", FULL_DISK, str(run.folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert "it takes 0.4 MB" in done.stdout
    assert "make room and resume" in done.stdout
    assert [path.name for path in (run.folder / "checkpoints").iterdir()] == ["000000001.pt"]
    assert run.load_checkpoint(SCHEMA).step == 1
