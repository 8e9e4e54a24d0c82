"""Policies that plan, learned from demonstrations alone: which one, and how fast it may be.

``python -m benchmarks.imitation``: an obstacle that is passed on either side, peg insertion and
picking from 50 demonstrations; diffusion, flow, and plain behaviour cloning by a mean and by a
mixture; three seeds, as many runs side by side as there are cores. Success is the mean of the last
ten evaluations. Then the success and the time of a plan with fewer and with more evaluations of the
same networks. Interrupted, it goes on where it was. Writes ``build/imitation.json``.
"""

from __future__ import annotations

import argparse
import multiprocessing
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import replace
from pathlib import Path
from statistics import median

import numpy as np
import torch
from rich.console import Console

from benchmarks.table import BUILD, Row, show_rows, write_rows
from robot_rl.chunk_config import RegressionConfig
from robot_rl.config import ImitateConfig
from robot_rl.detour import PASSED
from robot_rl.env import Act, Env, forgetting
from robot_rl.environments import make_env
from robot_rl.evaluation import EVALUATION_SEED, evaluate
from robot_rl.imitation import imitate, reported, resume_imitation
from robot_rl.log import read_log
from robot_rl.machine import usable_cores
from robot_rl.plan_times import plan_times
from robot_rl.planner import Planner
from robot_rl.policy import Policy
from robot_rl.run import FACTS, Run
from robot_rl.statistics import mean_interval
from robot_rl.train import prepare_torch

SUITE = "imitation"
TASKS = ("detour", "peg_insert", "pick_cube")
DIFFUSION = ImitateConfig(demonstrations=50)
_MEAN = replace(DIFFUSION, policy="regression")
POLICIES = {
    "diffusion": DIFFUSION,
    "flow": replace(DIFFUSION, diffusion=replace(DIFFUSION.diffusion, family="flow")),
    "mean": _MEAN,
    "mixture": replace(_MEAN, regression=RegressionConfig(head="mixture")),
}
EVALUATIONS = {"diffusion": (3, 5, 10, 16, 50), "flow": (2, 4, 10)}
_EPISODES, _WORLDS = 100, 50


def main() -> None:
    """Trains what is asked for, one process for each run; prints the table, writes JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=TASKS)
    parser.add_argument("--policies", nargs="+", choices=POLICIES, default=list(POLICIES))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--jobs", type=int, default=usable_cores())
    asked = parser.parse_args()
    console, rows = Console(), list[Row]()
    prepare_torch(1, "float32")  # As it plans beside a robot.
    for task in asked.tasks:
        failed = _learn_all(task, asked.policies, asked.seeds, asked.jobs, console)
        for policy in asked.policies:
            if policy not in failed:
                rows += _rows(task, policy, tuple(asked.seeds))
        write_rows(rows, SUITE)
    show_rows(rows, console)


def _learn_all(
    task: str, policies: Sequence[str], seeds: Sequence[int], jobs: int, console: Console
) -> set[str]:
    """All runs of a task, side by side; the policies of which a run has failed."""
    failed = set[str]()
    with ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn")) as pool:
        runs = {pool.submit(learn, task, p, s): (p, s) for s in seeds for p in policies}
        for run in as_completed(runs):
            policy, seed = runs[run]
            try:
                told = f"{reported(read_log(run.result())):.0%}"
            except Exception as error:  # The others go on.
                failed.add(policy)
                told = f"failed, {error!r}"
            console.print(f"{task}, {policy}, seed {seed}: {told}")
    return failed


def learn(task: str, policy: str, seed: int) -> Path:
    """One run, as ``imitated``."""
    folder = folder_of(task, policy, seed)
    return imitated(replace(POLICIES[policy], env=task, seed=seed, folder=folder))


def imitated(config: ImitateConfig) -> Path:
    """Folder of a whole run; goes on with it where it was interrupted.

    Raises:
        ValueError: If there is one with other settings.
    """
    folder = config.folder
    assert folder is not None
    if not (folder / FACTS).exists():
        shutil.rmtree(folder, ignore_errors=True)
        imitate(config)
        return folder
    run = Run.open(folder)
    if run.config(ImitateConfig) != config:
        raise ValueError(f"{folder} has other settings; delete it")
    if not run.steps or run.steps[-1] < config.updates:
        resume_imitation(folder)
    return folder


def folder_of(task: str, policy: str, seed: int) -> Path:
    """Of the run of one seed."""
    return BUILD / SUITE / f"{task}-{policy}-{seed}"


def _rows(task: str, policy: str, seeds: tuple[int, ...]) -> Iterator[Row]:
    name, folders = f"{task}, {policy}", [folder_of(task, policy, seed) for seed in seeds]
    success = [reported(read_log(folder)) for folder in folders]
    yield Row(f"{name}: success, mean of seeds", float(np.mean(success)), "share", None, seeds)
    if len(seeds) > 1:
        low = max(mean_interval(success).low, 0.0)
        yield Row(f"{name}: its 95 % interval, low end", low, "share", None, seeds)
    if task == "detour":
        shares = [_rarer_side(folder) for folder in folders]
        yield Row(f"{name}: the rarer way, least of seeds", min(shares), "share", 0.2, seeds)
    for evaluations in EVALUATIONS.get(policy, ()):
        yield from _with_evaluations(name, task, folders, evaluations, seeds)


def _with_evaluations(
    name: str, task: str, folders: Sequence[Path], evaluations: int, seeds: tuple[int, ...]
) -> Iterator[Row]:
    """Success of the last checkpoints with so many evaluations of the network, and their time."""
    rates, times = list[float](), list[float]()
    for folder in folders:
        policy = Policy.of_run(folder).with_evaluations(evaluations)
        assert isinstance(policy.agent, Planner)
        torch.manual_seed(EVALUATION_SEED)
        with make_env(task, _WORLDS) as env:
            rates.append(evaluate(env, policy, _EPISODES).rate.estimate)
            times += plan_times(policy.agent.policy, env.reset(0).observation).tolist()
    what = f"{name}, {evaluations} evaluations"
    yield Row(f"{what}: success, mean of seeds", float(np.mean(rates)), "share", None, seeds)
    yield Row(f"{what}: a plan, median", 1e3 * median(times), "ms")
    yield Row(f"{what}: a plan, p99", 1e3 * float(np.percentile(times, 99)), "ms")


def _rarer_side(folder: Path) -> float:
    """Share of the episodes that succeed on the side on which fewer do."""
    task = Run.open(folder).config(ImitateConfig).env
    torch.manual_seed(EVALUATION_SEED)
    with make_env(task, _EPISODES) as env:
        sides = _sides(env, Policy.of_run(folder))
    return min((sides == side).sum() for side in (-1, 1)) / _EPISODES


def _sides(env: Env, act: Act) -> np.ndarray:
    """Side of each world's first episode, if it succeeds. Shape (n,)."""
    forget, sides = forgetting(act), list[int]()
    step, running = env.reset(EVALUATION_SEED), np.ones(env.num_envs, bool)
    forget(running)
    while running.any():
        step = env.step(act(step.observation))
        forget(step.done)
        sides += step.info[PASSED][running & step.done & step.info["success"]].tolist()
        running &= ~step.done
    return np.array(sides)


if __name__ == "__main__":
    main()
