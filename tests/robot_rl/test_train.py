"""A whole run: it learns, leaves everything behind, goes on after a kill, refuses what is wrong."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from robot_rl.config import SacConfig, TrainConfig
from robot_rl.log import Log, read_log
from robot_rl.run import CheckpointError, Run
from robot_rl.settings import SettingsError, from_json, to_json
from robot_rl.train import Progress, known_returns, resume, train

POINT = TrainConfig(
    env="point",
    demonstrations=0,
    steps=400,
    learning_starts=100,
    random_steps=200,
    evaluate_every=200,
    evaluation_episodes=20,
    evaluation_envs=10,
    threads=1,
    sac=SacConfig(hidden=(64, 64), utd_ratio=0.25, batch_size=64),
)
REACH = replace(
    POINT,
    env="reach",
    demonstrations=2,
    steps=200,
    evaluate_every=100,
    evaluation_episodes=4,
    evaluation_envs=4,
    sac=replace(POINT.sac, cloning_steps=20),
)


def test_it_learns_a_sparse_task_from_reward_alone(tmp_path: Path) -> None:
    config = replace(
        POINT,
        folder=tmp_path / "run",
        steps=12_000,
        learning_starts=500,
        random_steps=3_000,
        evaluate_every=6_000,
        sac=SacConfig(
            hidden=(64, 64),
            batch_size=128,
            utd_ratio=0.5,
            learning_rate=1e-3,
            actor_tau=0.02,
            target_entropy=0.0,
        ),
    )
    log = read_log(train(config).folder)
    assert log[0]["sampled_success"] < 0.5
    assert log[-1]["sampled_success"] >= 0.8


def test_a_run_leaves_everything_that_is_needed_to_understand_it(tmp_path: Path) -> None:
    seen: list[Progress] = []
    run = train(replace(REACH, folder=tmp_path / "run", seed=7), seen.append)
    assert run.config(TrainConfig) == replace(REACH, folder=tmp_path / "run", seed=7)
    facts = json.loads((run.folder / "run.json").read_text())
    assert facts["seed"] == 7
    assert {"git", "machine", "command", "started"} <= facts.keys()
    assert [row["step"] for row in read_log(run.folder)] == [0, 104, 200]
    assert run.steps[-1] == 200
    for name in ("metrics.csv", "tensorboard", "demonstrations", "replay.npz"):
        assert (run.folder / name).exists()
    assert seen[-1].step == 200
    assert seen[-1].remaining == 0
    assert seen[-1].metrics.keys() >= {"greedy_success", "cloned_success", "critic_loss"}


def test_the_same_seed_learns_the_same(tmp_path: Path) -> None:
    logs = [read_log(train(replace(REACH, folder=tmp_path / name)).folder) for name in "ab"]
    for one, other in zip(*logs, strict=True):
        timeless = one.keys() - {"time", "seconds"}
        assert {k: one[k] for k in timeless} == pytest.approx(
            {k: other[k] for k in timeless}, nan_ok=True
        )


def test_a_killed_run_goes_on_from_its_last_checkpoint(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    config = replace(POINT, folder=folder, steps=100_000)
    path = tmp_path / "config.json"
    path.write_text(json.dumps(to_json(config)))
    child = subprocess.Popen([sys.executable, "-c", _TRAIN, str(path)], env=_environment())
    _wait_for(lambda: (folder / "run.json").exists() and len(Run.open(folder).steps) >= 2)
    child.send_signal(signal.SIGKILL)
    child.wait()
    reached = Run.open(folder).steps[-1]
    run = resume(folder, steps=reached + 200)
    steps = [row["step"] for row in read_log(folder)]
    assert run.steps[-1] == reached + 200
    assert steps == sorted(set(steps))
    assert steps[-1] == reached + 200


def test_a_finished_run_goes_on_only_with_more_steps(tmp_path: Path) -> None:
    train(replace(POINT, folder=tmp_path, steps=16))
    with pytest.raises(ValueError, match=r"has 16 of 16 steps.*--steps 32"):
        resume(tmp_path)
    run = resume(tmp_path, steps=32)
    assert run.steps[-1] == 32
    assert run.config(TrainConfig).steps == 32


def test_a_run_that_never_saved_starts_again(tmp_path: Path) -> None:
    config = replace(POINT, folder=tmp_path, steps=16)
    Run.create(tmp_path, config, seed=0)
    Log(tmp_path).write(0, {"left_by": 1})
    assert resume(tmp_path).steps[-1] == 16
    assert "left_by" not in read_log(tmp_path)[0]


def test_without_its_replay_a_run_goes_on_with_new_data(tmp_path: Path) -> None:
    train(replace(POINT, folder=tmp_path, steps=16))
    (tmp_path / "replay.npz").unlink()
    with pytest.warns(UserWarning, match=r"replay.npz is missing: the online data begin anew"):
        resume(tmp_path, steps=32)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_saves_its_last_step_and_says_how_to_go_on(
    number: signal.Signals, tmp_path: Path
) -> None:
    def interrupt(progress: Progress) -> None:
        if progress.step == 48:
            os.kill(os.getpid(), number)

    with pytest.raises(KeyboardInterrupt, match=f"go on with: robot-rl resume {tmp_path}"):
        train(replace(POINT, folder=tmp_path), interrupt)
    assert Run.open(tmp_path).steps == [0, 48]
    assert resume(tmp_path, steps=56).steps[-1] == 56


def test_the_command_line_answers_an_interruption(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    command = [sys.executable, "-m", "robot_rl.cli", "train", "--env", "point", "--demonstrations"]
    command += ["0", "--steps", "100000", "--folder", str(folder)]
    child = subprocess.Popen(command, env=_environment(), stderr=subprocess.PIPE, text=True)
    _wait_for(lambda: (folder / "run.json").exists() and len(Run.open(folder).steps) >= 1)
    child.send_signal(signal.SIGINT)
    _, said = child.communicate(timeout=60)
    assert child.returncode == 130
    assert f"interrupted; go on with: robot-rl resume {folder}" in said


def test_nothing_is_made_where_nobody_can_demonstrate(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=r"point has no scripted expert.*--demonstrations 0"):
        train(replace(POINT, demonstrations=20, folder=tmp_path / "run"))
    with pytest.raises(FileNotFoundError, match="nowhere"):
        train(replace(POINT, dataset=tmp_path / "nowhere", folder=tmp_path / "run"))
    assert not (tmp_path / "run").exists()


def test_filming_does_not_change_what_is_learned(tmp_path: Path) -> None:
    config = replace(REACH, steps=104, evaluate_every=56)
    logs = [
        read_log(train(replace(config, videos=videos, folder=tmp_path / str(videos))).folder)
        for videos in (False, True)
    ]
    assert [row.get("critic_loss") for row in logs[0]] == [
        row.get("critic_loss") for row in logs[1]
    ]


def test_a_checkpoint_of_another_task_is_refused_with_the_difference(tmp_path: Path) -> None:
    run = train(replace(POINT, folder=tmp_path, steps=16))
    settings = to_json(replace(run.config(TrainConfig), env="reach"))
    (tmp_path / "config.json").write_text(json.dumps(settings))
    with pytest.raises(CheckpointError, match=r"learned elsewhere.*expected reach, got point"):
        resume(tmp_path, steps=32)


@pytest.mark.parametrize(
    ("config", "answer"),
    [
        (TrainConfig(env="peg_insrt"), "no environment 'peg_insrt'.*peg_insert"),
        (TrainConfig(options=("clearence=1",)), "no option clearence.*clearance"),
        (TrainConfig(options=("clearance",)), "write name=value"),
    ],
)
def test_a_wrong_setting_is_answered_before_anything_is_made(
    config: TrainConfig, answer: str, tmp_path: Path
) -> None:
    with pytest.raises((ValueError, TypeError), match=answer):
        train(replace(config, folder=tmp_path / "run"))
    assert not (tmp_path / "run").exists()


def test_a_setting_that_does_not_exist_is_named_with_the_nearest() -> None:
    settings = to_json(TrainConfig())
    settings["sac"]["learning_rat"] = 1.0
    with pytest.raises(SettingsError, match=r"learning_rat.*learning_rate"):
        from_json(TrainConfig, settings)


def test_a_taken_folder_is_not_overwritten(tmp_path: Path) -> None:
    config = replace(POINT, folder=tmp_path, steps=8)
    train(config)
    with pytest.raises(FileExistsError, match="choose another folder"):
        train(config)


def test_a_full_disk_is_answered_and_the_last_checkpoint_stays(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    config = replace(POINT, folder=folder, steps=64, evaluate_every=16)
    path = tmp_path / "config.json"
    path.write_text(json.dumps(to_json(config)))
    limited = (
        f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (200_000,) * 2)\n{_TRAIN}"
    )
    child = subprocess.run(
        [sys.executable, "-c", limited, str(path)],
        env=_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert child.returncode != 0
    assert "make room and resume, earlier checkpoints are intact" in child.stderr


def test_returns_are_bounded_only_where_the_environment_says_so() -> None:
    from robot_rl.environments import make_env

    with make_env("reach", 1) as sparse, make_env("reach", 1, dense=True) as dense:
        assert known_returns(SacConfig(), sparse).return_range == (0, 1)
        assert known_returns(SacConfig(), dense).return_range is None
        assert known_returns(SacConfig(return_range=(-1, 0)), sparse).return_range == (-1, 0)


def test_demonstrated_starts_are_used_when_asked_for(tmp_path: Path) -> None:
    run = train(replace(REACH, folder=tmp_path, snapshot_share=1.0, steps=104))
    assert np.isfinite(read_log(run.folder)[-1]["greedy_success"])


_TRAIN = """
import json, pathlib, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
from robot_rl.config import TrainConfig
from robot_rl.settings import load_settings
from robot_rl.train import train
train(load_settings(TrainConfig, sys.argv[1]))
"""


def _environment() -> dict[str, str]:
    return os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parents[2])}


def _wait_for(condition: Callable[[], bool], timeout: float = 60) -> None:
    end = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < end, "the run made no progress"
        time.sleep(0.05)
