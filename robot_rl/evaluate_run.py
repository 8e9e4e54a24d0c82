"""``robot-rl evaluate``: measure the policy of a run, or compare two."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import torch

from robot_rl.agent import Agent
from robot_rl.agents import make_agent
from robot_rl.config import EvaluateConfig, ImitateConfig, TrainConfig
from robot_rl.env import Act, Env
from robot_rl.environments import BASE, ROBOT, make_env, options_without, parse_options
from robot_rl.evaluation import Evaluation, evaluate
from robot_rl.film import film
from robot_rl.plan_times import plan_times
from robot_rl.planner import Planner
from robot_rl.policy import Policy
from robot_rl.run import Run
from robot_rl.schema import Schema
from robot_rl.statistics import adastop
from robot_rl.train import known_returns, prepare_torch
from robot_rl.video import require_format


@dataclass(frozen=True)
class Measured:
    """Outcomes of one run, and the other's if there is one: greedy, sampled, or by evaluations."""

    outcomes: dict[str, Evaluation]
    verdict: str = ""
    plans: dict[str, np.ndarray] = field(default_factory=dict)
    """How long plans take, of those that plan. Shape (plans,) [s] each."""

    def __str__(self) -> str:
        lines = [f"{name}: {_sentence(it)}{self._plan(name)}" for name, it in self.outcomes.items()]
        return "\n".join([*lines, self.verdict] if self.verdict else lines)

    def _plan(self, name: str) -> str:
        if name not in self.plans:
            return ""
        middle, late = 1e3 * np.percentile(self.plans[name], (50, 99))
        return f"; a plan takes {middle:.1f} ms, 99 %: {late:.1f}"


def evaluate_run(config: EvaluateConfig) -> Measured:
    """Runs the episodes and, with a second run, the AdaStop test on their success."""
    if config.video is not None:
        require_format(config.video)
    measured = _measure(config.run, config)
    if config.against is None:
        return measured
    _require_same_task(config.run, config.against)
    other = _measure(config.against, config)
    outcomes = measured.outcomes | other.outcomes
    return Measured(outcomes, _compare(outcomes, config.episodes), measured.plans | other.plans)


def load_policy(folder: Path, env: Env, name: str) -> Agent:
    """The learner of a run's last checkpoint.

    Raises:
        CheckpointError: If it was learned in another environment.
    """
    run = Run.open(folder)
    config = known_returns(run.config(TrainConfig).agent, env)
    agent = make_agent(env.observation_spec, env.action_spec, config)
    agent.load_state_dict(run.load_checkpoint(Schema.of(env, name)).state["agent"])
    return agent


def _measure(folder: Path, config: EvaluateConfig) -> Measured:
    settings = _settings(folder)
    options = parse_options(settings.options)
    prepare_torch(settings.threads, settings.products)
    torch.manual_seed(config.seed)
    with make_env(settings.env, settings.evaluation_envs, config.seed, **options) as env:
        policies = _policies(folder, settings, env, config.evaluations)
        outcomes = {
            f"{folder} {name}": evaluate(env, act, config.episodes, config.seed)
            for name, act in policies.items()
        }
        if config.video is not None and folder == config.run:
            first = next(iter(policies.values()))
            film(settings.env, options, first, config.video, seed=config.seed)
        times = _plan_times(policies, env)
    return Measured(outcomes, plans={f"{folder} {name}": each for name, each in times.items()})


def _plan_times(policies: dict[str, Act], env: Env) -> dict[str, np.ndarray]:
    """Of those that plan: on one thread in full precision, as beside a robot."""
    planners = {
        name: act.agent.policy
        for name, act in policies.items()
        if isinstance(act, Policy) and isinstance(act.agent, Planner)
    }
    if not planners:
        return {}
    prepare_torch(1, "float32")
    seen = env.reset().observation
    return {name: plan_times(policy, seen) for name, policy in planners.items()}


def _settings(folder: Path) -> TrainConfig | ImitateConfig:
    run = Run.open(folder)
    settings = run.config(ImitateConfig if run.is_of(ImitateConfig) else TrainConfig)
    if settings.env == ROBOT:
        raise ValueError(
            f"{folder} was learned from what a robot recorded, and there is no simulation of it; "
            f"let it act there: robot-rl deploy {folder}"
        )
    return settings


def _policies(
    folder: Path,
    settings: TrainConfig | ImitateConfig,
    env: Env,
    evaluations: tuple[int, ...] | None,
) -> dict[str, Act]:
    """Greedy, and of a learner sampled as well; or one for each number of evaluations."""
    if isinstance(settings, ImitateConfig) or evaluations:
        policy = Policy.of_run(folder)
        policy.require_fit(env)
        if not evaluations:
            return {"greedy": policy}
        return {f"greedy, {n} evaluations": policy.with_evaluations(n) for n in evaluations}
    agent = load_policy(folder, env, settings.env)
    return {"greedy": partial(agent.act, greedy=True), "sampled": agent.act}


def _require_same_task(*folders: Path) -> None:
    """Comparing needs two runs of one environment, judged on the same episodes.

    Raises:
        ValueError: If they are the same run, or their environments differ.
    """
    if len({folder.resolve() for folder in folders}) < len(folders):
        raise ValueError(f"{folders[0]} cannot be compared with itself; name another run")
    tasks = []
    for folder in folders:
        settings = _settings(folder)
        options = options_without(BASE, settings.options)
        tasks.append((settings.env, *options, f"{settings.evaluation_envs} worlds"))
    if len(set(tasks)) > 1:
        lines = (f"{f} is {', '.join(t)}" for f, t in zip(folders, tasks, strict=True))
        raise ValueError(f"only runs of one task can be compared, but {'; '.join(lines)}")


def _compare(outcomes: dict[str, Evaluation], episodes: int) -> str:
    """AdaStop on the episodes' scores, in five looks."""
    scores = {name: each.score for name, each in outcomes.items() if name.endswith("greedy")}
    comparisons = adastop(scores, group_size=max(1, episodes // 5))
    return "\n".join(str(comparison) for comparison in comparisons)


def _sentence(outcome: Evaluation) -> str:
    count, rate = len(outcome.length), outcome.rate
    mean = f"mean return {outcome.episode_return.mean():.4g}"
    if outcome.success is None:
        return f"{mean} over {count} episodes"
    steps = f", in {outcome.success_length:.1f} steps" if outcome.success.any() else ""
    return (
        f"{rate.estimate:.0%} of {count} episodes succeed "
        f"(95 % interval {rate.low:.0%} to {rate.high:.0%}){steps}; {mean}"
    )
