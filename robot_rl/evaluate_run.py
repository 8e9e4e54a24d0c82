"""``robot-rl evaluate``: measure the policy of a run, or compare two."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from robot_rl.agent import Agent
from robot_rl.agents import make_agent
from robot_rl.config import EvaluateConfig, TrainConfig
from robot_rl.env import Env
from robot_rl.environments import make_env, parse_options
from robot_rl.evaluation import Evaluation, evaluate
from robot_rl.film import film
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
    settings = Run.open(folder).config(TrainConfig)
    options = parse_options(settings.options)
    prepare_torch(settings.threads, settings.products)
    with make_env(settings.env, settings.evaluation_envs, config.seed, **options) as env:
        agent = load_policy(folder, env, settings.env)
        greedy = partial(agent.act, greedy=True)
        outcomes = {
            f"{folder} greedy": evaluate(env, greedy, config.episodes, config.seed),
            f"{folder} sampled": evaluate(env, agent.act, config.episodes, config.seed),
        }
    if config.video is not None and folder == config.run:
        film(settings.env, options, greedy, config.video, seed=config.seed)
    return outcomes


def _require_same_task(*folders: Path) -> None:
    """Comparing needs two runs of one environment, judged on the same episodes.

    Raises:
        ValueError: If they are the same run, or their environments differ.
    """
    if len({folder.resolve() for folder in folders}) < len(folders):
        raise ValueError(f"{folders[0]} cannot be compared with itself; name another run")
    tasks = []
    for folder in folders:
        settings = Run.open(folder).config(TrainConfig)
        tasks.append((settings.env, *settings.options, f"{settings.evaluation_envs} worlds"))
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
