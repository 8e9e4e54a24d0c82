"""A policy that plans learns from what a script has shown, and goes on where it was interrupted."""

from __future__ import annotations

import json
import shutil
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from robot_rl.agents import agent_to_json
from robot_rl.chunk_config import DiffusionConfig, RegressionConfig
from robot_rl.cli import main
from robot_rl.config import EvaluateConfig, ImitateConfig
from robot_rl.environments import make_env
from robot_rl.episodes import Episodes
from robot_rl.evaluate_run import evaluate_run
from robot_rl.evaluation import evaluate
from robot_rl.imitation import Imitated, imitate, reported, resume_imitation
from robot_rl.log import read_log
from robot_rl.message import decode, encode
from robot_rl.offer import Offer
from robot_rl.planner import Planner
from robot_rl.policy import Policy, PolicyError
from robot_rl.ranges import RangeError
from robot_rl.run import Run
from robot_rl.settings import SettingsError
from robot_rl.teacher import taught
from robot_rl.toy import PointEnv
from tests.robot_rl.remembers import Remembers

CONFIG = ImitateConfig(
    env="reach",
    demonstrations=6,
    updates=60,
    evaluate_every=20,
    evaluation_episodes=4,
    evaluation_envs=4,
    products="float32",
    diffusion=DiffusionConfig(
        horizon=8, steps=4, widths=(8, 16), embedding=8, batch_size=32, evaluations=3, warmup=5
    ),
)

pytestmark = pytest.mark.usefixtures("exact")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    torch.set_num_threads(1)
    return imitate(replace(CONFIG, folder=tmp_path_factory.mktemp("run") / "run"))


def test_it_is_judged_now_and_then_and_reports_the_mean(run: Run) -> None:
    rows = read_log(run.folder)
    assert [row["step"] for row in rows] == [20, 40, 60]
    assert rows[-1].keys() >= {"loss", "seconds", "greedy_success", "demonstrations"}
    assert reported(rows) == np.mean([row["greedy_success"] for row in rows])
    many = [{"greedy_success": float(one > 2)} for one in range(13)]
    assert reported(many) == 1.0  # Of the last ten alone.


def test_it_goes_on_as_if_nothing_had_happened(run: Run, tmp_path: Path) -> None:
    dataset = Path(run.folder / "demonstrations")
    whole = imitate(replace(CONFIG, dataset=dataset, updates=40, folder=tmp_path / "whole"))
    with pytest.raises(KeyboardInterrupt, match="go on with: robot-rl resume"):
        imitate(
            replace(CONFIG, dataset=dataset, updates=40, folder=tmp_path / "half"), _interrupt_at_25
        )
    half = Run.open(tmp_path / "half")
    assert half.steps == [20, 25]
    resume_imitation(half.folder)
    for name in ("policy", "average"):
        one, other = (
            each.load_checkpoint(Episodes(dataset).schema).state[name] for each in (whole, half)
        )
        for key, value in one.items():
            assert torch.equal(value, other[key]), key
    measured = [read_log(each.folder) for each in (whole, half)]
    success = [[row["greedy_success"] for row in rows] for rows in measured]
    assert success[0] == success[1]


def test_a_finished_run_is_told_to_take_more_updates(run: Run) -> None:
    with pytest.raises(ValueError, match="has 60 of 60 updates; to train on give more"):
        resume_imitation(run.folder)


def test_regression_learns_to_reach(tmp_path: Path) -> None:
    learned = imitate(
        replace(
            CONFIG,
            policy="regression",
            diffusion=DiffusionConfig(),
            regression=RegressionConfig(horizon=8, steps=4, hidden=(128, 128), warmup=5),
            demonstrations=20,
            updates=400,
            evaluate_every=400,
            evaluation_episodes=20,
            evaluation_envs=20,
            folder=tmp_path / "run",
        )
    )
    assert reported(read_log(learned.folder)) > 0.5


def test_evaluation_tells_of_beginnings_what_acts_by_memory() -> None:
    with PointEnv(2, max_steps=3) as env:
        evaluate(env, act := Remembers(), 2)
    assert act.told == [[True, True]]
    assert act.asked == 3


def test_its_policy_acts_from_a_file_as_it_did(run: Run, tmp_path: Path) -> None:
    policy = Policy.of_run(run.folder)
    loaded = Policy.load(policy.save(tmp_path / "reach.policy"))
    lengths = []
    for one in (policy, loaded):
        torch.manual_seed(1)
        with make_env("reach", 4) as env:
            one.require_fit(env)
            lengths.append(evaluate(env, one, 8).length)
    np.testing.assert_array_equal(*lengths)
    assert loaded.task == "reach"


def test_nothing_to_imitate_is_answered() -> None:
    with pytest.raises(RangeError, match="nothing else to imitate"):
        ImitateConfig(demonstrations=0)


def test_settings_of_the_other_policy_are_refused() -> None:
    with pytest.raises(RangeError, match="policy is regression, and there are settings of diff"):
        replace(CONFIG, policy="regression")


def test_pictures_that_nobody_would_look_at_are_refused(tmp_path: Path) -> None:
    config = replace(CONFIG, options=("cameras=front",), folder=tmp_path / "run")
    with pytest.raises(ValueError, match="looks at the state alone, and images/front would be"):
        imitate(config)
    assert not (tmp_path / "run").exists()


def test_who_has_no_expert_is_told_what_to_type(tmp_path: Path) -> None:
    config = replace(CONFIG, env="point", folder=tmp_path / "run")
    with pytest.raises(TypeError, match=r"give --dataset DATASET .*choose reach"):
        imitate(config)


def test_a_run_may_be_given_more_updates(run: Run, tmp_path: Path) -> None:
    shutil.copytree(run.folder, tmp_path / "run")
    longer = resume_imitation(tmp_path / "run", 70)
    assert longer.steps[-1] == 70
    assert longer.config(ImitateConfig).updates == 70


def test_it_is_evaluated_as_any_other_run(run: Run) -> None:
    told = str(evaluate_run(EvaluateConfig(run.folder, episodes=4)))
    assert "greedy: " in told
    assert "sampled" not in told
    assert "of 4 episodes succeed" in told


def test_a_policy_that_plans_may_teach(run: Run) -> None:
    with taught("reach", {}, run.folder) as env:
        step = env.reset(3)
        while not step.done[0]:
            step = env.step(env.expert_action())
        env.expert_action()
        planner = env._teacher.agent
    assert isinstance(planner, Planner)
    assert planner._chunks.cursor[0] == 1  # Of a plan of the new episode's.


def test_fewer_evaluations_are_measured_beside_the_time_of_a_plan(run: Run) -> None:
    measured = evaluate_run(EvaluateConfig(run.folder, episodes=4, evaluations=(1, 40)))
    few, many = (f"{run.folder} greedy, {number} evaluations" for number in (1, 40))
    assert list(measured.outcomes) == list(measured.plans) == [few, many]
    assert all((times > 0).all() for times in measured.plans.values())
    assert str(measured).count("; a plan takes") == 2


def test_a_policy_with_other_evaluations_is_the_same_but_for_its_plans(
    run: Run, tmp_path: Path
) -> None:
    path = tmp_path / "fast.policy"
    assert main(["export", str(run.folder), str(path), "--evaluations", "1"]) == 0
    own, fast = Policy.of_run(run.folder), Policy.load(path)
    plans = []
    with make_env("reach") as env:
        seen = env.reset(0).observation
    for policy in (own, fast, own.with_evaluations(1)):
        torch.manual_seed(0)
        plans.append(policy.act(seen))
    assert not np.array_equal(plans[0], plans[1])
    np.testing.assert_array_equal(plans[1], plans[2])
    for name, weights in own.agent.acting_state()["policy"].items():
        torch.testing.assert_close(fast.agent.acting_state()["policy"][name], weights)


def test_evaluations_that_nobody_makes_are_answered(run: Run, tmp_path: Path) -> None:
    with pytest.raises(RangeError, match=r"evaluations is 101; give a number from 1 to 100"):
        Policy.of_run(run.folder).with_evaluations(101)
    with pytest.raises(RangeError, match=r"leave one out"):
        EvaluateConfig(run.folder, against=tmp_path, evaluations=(3,))
    kind = RegressionConfig(horizon=8, steps=4, hidden=(8,))
    other = replace(CONFIG, policy="regression", diffusion=DiffusionConfig(), regression=kind)
    plain = imitate(replace(other, updates=1, folder=tmp_path / "other"))
    with pytest.raises(PolicyError, match="of a diffusion policy, and this one is regression"):
        evaluate_run(EvaluateConfig(plain.folder, episodes=4, evaluations=(3,)))


def test_robots_offer_no_policy_that_plans(run: Run) -> None:
    policy = Policy.of_run(run.folder)
    message = encode(
        {
            "schema": policy.schema.to_json(),
            "agent": agent_to_json(policy.agent.config),
            "rlif": False,
            "takeover_cost": 0.0,
        }
    )
    with pytest.raises(SettingsError, match="diffusion does not learn from what robots do"):
        Offer.of_message(decode(message))


def test_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "run"
    words = ["imitate", "--env", "reach", "--demonstrations", "3", "--updates", "4"]
    words += ["--evaluate-every", "2", "--evaluation-episodes", "2", "--evaluation-envs", "2"]
    words += ["--policy", "regression", "--regression.hidden", "16", "--folder", str(folder)]
    assert main(words) == 0
    assert "mean of the last evaluations" in capsys.readouterr().out
    assert main(["resume", str(folder), "--steps", "6"]) == 0
    assert json.loads((folder / "config.json").read_text())["updates"] == 6
    assert main(["resume", str(folder)]) == 1
    assert "has 6 of 6 updates" in capsys.readouterr().err


def _interrupt_at_25(imitated: Imitated) -> None:
    """As a person does."""
    if imitated.update == 25:
        signal.raise_signal(signal.SIGINT)
