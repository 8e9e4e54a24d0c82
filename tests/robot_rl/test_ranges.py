"""A setting that makes no sense is refused by its name, with what is allowed."""

from math import inf, nan
from pathlib import Path
from typing import Any

import pytest

from robot_rl.cli import main
from robot_rl.config import (
    DemoConfig,
    EvaluateConfig,
    RecordConfig,
    ReplayConfig,
    ResumeConfig,
    SacConfig,
    TrainConfig,
)
from robot_rl.ranges import RangeError
from robot_rl.settings import SettingsError, from_json

HERE = Path("here")

SENSELESS: list[tuple[type, dict[str, Any], str]] = [
    (TrainConfig, {"steps": 0}, "steps is 0; give at least 1"),
    (TrainConfig, {"steps": -5}, "steps is -5; give at least 1"),
    (TrainConfig, {"seed": -1}, "seed is -1; give at least 0"),
    (TrainConfig, {"num_envs": 0}, "num_envs is 0; give at least 1"),
    (TrainConfig, {"num_envs": -3}, "num_envs is -3"),
    (TrainConfig, {"demonstrations": -1}, "demonstrations is -1; give at least 0"),
    (TrainConfig, {"capacity": 10}, "capacity is 10; give at least 256, for a batch"),
    (TrainConfig, {"num_envs": 100, "capacity": 399}, "capacity is 399; give at least 400"),
    (TrainConfig, {"random_steps": -1}, "random_steps is -1"),
    (TrainConfig, {"learning_starts": -1}, "learning_starts is -1; give at least 0"),
    (TrainConfig, {"greedy_share": 7}, "greedy_share is 7; give a number from 0 to 1"),
    (TrainConfig, {"snapshot_share": 2.0}, "snapshot_share is 2.0; give a number from 0 to 1"),
    (TrainConfig, {"snapshot_share": nan}, "snapshot_share is nan"),
    (TrainConfig, {"evaluate_every": 0}, "evaluate_every is 0; give at least 1"),
    (TrainConfig, {"evaluation_episodes": 0}, "evaluation_episodes is 0"),
    (TrainConfig, {"evaluation_envs": 0}, "evaluation_envs is 0"),
    (TrainConfig, {"threads": 0}, "threads is 0; give at least 1"),
    (SacConfig, {"discount": 0.0}, "discount is 0.0; give a number above 0, at most 1"),
    (SacConfig, {"discount": 1.01}, "discount is 1.01"),
    (SacConfig, {"n_step": 0}, "n_step is 0; give at least 1"),
    (SacConfig, {"n_step": 3, "gripper": "discrete"}, "n_step is 3, and a discrete gripper"),
    (SacConfig, {"tau": 0.0}, "tau is 0.0; give a number above 0, at most 1"),
    (SacConfig, {"actor_tau": 2.0}, "actor_tau is 2.0"),
    (SacConfig, {"batch_size": 1}, "batch_size is 1; give at least 2"),
    (SacConfig, {"ensemble": 0}, "ensemble is 0; give at least 1"),
    (SacConfig, {"subset": 3}, "subset is 3; give a number from 1 to 2, the ensemble"),
    (SacConfig, {"subset": 0}, "subset is 0"),
    (SacConfig, {"hidden": ()}, r"hidden is \(\); give one or more, each at least 1"),
    (SacConfig, {"hidden": (64, 0)}, r"hidden is \(64, 0\)"),
    (SacConfig, {"bins": 1}, "bins is 1; give at least 2"),
    (SacConfig, {"return_range": (1.0, 0.0)}, r"return_range is \(1.0, 0.0\); give the lower"),
    (SacConfig, {"return_range": (0.0, inf)}, "return_range is"),
    (SacConfig, {"utd_ratio": 0.0}, "utd_ratio is 0.0; give a number above 0"),
    (SacConfig, {"critic_updates_per_actor_update": 0}, "critic_updates_per_actor_update is 0"),
    (SacConfig, {"initial_temperature": 0.0}, "initial_temperature is 0.0"),
    (SacConfig, {"learning_rate": 0.0}, "learning_rate is 0.0"),
    (SacConfig, {"learning_rate": inf}, "learning_rate is inf"),
    (SacConfig, {"temperature_learning_rate": -1.0}, "temperature_learning_rate is -1.0"),
    (SacConfig, {"cloning_weight": (1.0, 0.0)}, r"cloning_weight is \(1.0, 0.0\)"),
    (SacConfig, {"cloning_decay": 0}, "cloning_decay is 0; give at least 1"),
    (SacConfig, {"cloning_steps": -1}, "cloning_steps is -1"),
    (SacConfig, {"critic_warmup": -1}, "critic_warmup is -1"),
    (ResumeConfig, {"run": HERE, "steps": 0}, "steps is 0; give at least 1"),
    (DemoConfig, {"steps": 0}, "steps is 0"),
    (DemoConfig, {"seed": -1}, "seed is -1"),
    (EvaluateConfig, {"run": HERE, "episodes": 0}, "episodes is 0; give at least 1"),
    (EvaluateConfig, {"run": HERE, "seed": -1}, "seed is -1"),
    (RecordConfig, {"dataset": HERE, "episodes": 0}, "episodes is 0"),
    (RecordConfig, {"dataset": HERE, "noise": -1.0}, "noise is -1.0; give at least 0"),
    (RecordConfig, {"dataset": HERE, "seed": -1}, "seed is -1"),
    (ReplayConfig, {"dataset": HERE, "episode": -1}, "episode is -1; give at least 0"),
]


@pytest.mark.parametrize(("kind", "values", "message"), SENSELESS)
def test_a_setting_that_makes_no_sense_is_refused(
    kind: type, values: dict[str, Any], message: str
) -> None:
    with pytest.raises(RangeError, match=f"^{message}"):
        kind(**values)


def test_the_bounds_themselves_are_allowed() -> None:
    SacConfig(discount=1.0, tau=1.0, ensemble=1, subset=1, batch_size=2, cloning_steps=0)
    TrainConfig(steps=1, num_envs=64, capacity=256, greedy_share=1, demonstrations=0, seed=0)
    ResumeConfig(HERE, steps=None)


@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        ("train --num-envs -3", "num_envs is -3; give at least 1"),
        ("train --sac.discount 3", "discount is 3.0; give a number above 0, at most 1"),
        ("train --sac.hidden", "hidden is (); give one or more, each at least 1"),
        ("replay data --episode -1", "episode is -1; give at least 0"),
        ("train --env peg_insert --options clearance=-1", "clearance is -1; give a number above 0"),
    ],
)
def test_the_command_line_answers_with_that_line_alone(
    typed: str, answer: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(typed.split()) == 1
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("", f"robot-rl: {answer}\n")


def test_a_settings_file_says_where_the_setting_stands() -> None:
    with pytest.raises(SettingsError, match=r"^settings\.sac: discount is 3\.0; give"):
        from_json(TrainConfig, {"sac": {"discount": 3.0}})
