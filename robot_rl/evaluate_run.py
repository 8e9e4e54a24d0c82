"""``robot-rl evaluate``: measure the policy of a run, or compare two."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from robot_rl.agent import Agent
from robot_rl.agents import make_agent
from robot_rl.config import EvaluateConfig, ImitateConfig, TrainConfig
from robot_rl.env import Act, Env
from robot_rl.environments import BASE, ROBOT, make_env, options_without, parse_options
from robot_rl.evaluation import Evaluation, evaluate
from robot_rl.film import film
from robot_rl.policy import Policy
from robot_rl.run import Run
from robot_rl.schema import Schema
from robot_rl.statistics import adastop
from robot_rl.train import known_returns, prepare_torch
from robot_rl.video import require_format


@dataclass(frozen=True)
class Measured:
    """Greedy and sampled outcome of one run, and the other's if there is one."""

    outcomes: dict[str, Evaluation]
    verdict: str = ""

    def __str__(self) -> str:
        lines = [f"{name}: {_sentence(outcome)}" for name, outcome in self.outcomes.items()]
        return "\n".join([*lines, self.verdict] if self.verdict else lines)


def evaluate_run(config: EvaluateConfig) -> Measured:
    """Runs the episodes and, with a second run, the AdaStop test on their success."""
    if config.video is not None:
        require_format(config.video)
    outcomes = _measure(config.run, config)
    if config.against is None:
        return Measured(outcomes)
    _require_same_task(config.run, config.against)
    outcomes |= _measure(config.against, config)
    return Measured(outcomes, _compare(outcomes, config.episodes))


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


def _measure(folder: Path, config: EvaluateConfig) -> dict[str, Evaluation]:
    settings = _settings(folder)
    options = parse_options(settings.options)
    prepare_torch(settings.threads, settings.products)
    torch.manual_seed(config.seed)
    with make_env(settings.env, settings.evaluation_envs, config.seed, **options) as env:
        policies = _policies(folder, settings, env)
        outcomes = {
            f"{folder} {name}": evaluate(env, act, config.episodes, config.seed)
            for name, act in policies.items()
        }
    if config.video is not None and folder == config.run:
        film(settings.env, options, policies["greedy"], config.video, seed=config.seed)
    return outcomes


def _settings(folder: Path) -> TrainConfig | ImitateConfig:
    run = Run.open(folder)
    settings = run.config(ImitateConfig if run.is_of(ImitateConfig) else TrainConfig)
    if settings.env == ROBOT:
        raise ValueError(
            f"{folder} was learned from what a robot recorded, and there is no simulation of it; "
            f"let it act there: robot-rl deploy {folder}"
        )
    return settings


def _policies(folder: Path, settings: TrainConfig | ImitateConfig, env: Env) -> dict[str, Act]:
    """Greedy, and of a learner sampled as well."""
    if isinstance(settings, ImitateConfig):
        policy = Policy.of_run(folder)
        policy.require_fit(env)
        return {"greedy": policy}
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
