"""``robot-rl finetune``: a policy from the simulator goes on learning on a robot.

The learner is a process of its own, so that no update delays a step, and may be killed: the robot
goes on with the policy that it has. This process is the actor.
"""

from __future__ import annotations

import contextlib
import importlib
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from robot_rl.acting_options import acting_options, robot_task, task_of
from robot_rl.actor import Acted, Actor, Watch
from robot_rl.actor_link import ActorLink
from robot_rl.agents import make_agent
from robot_rl.config import FinetuneConfig, TrainConfig, UpConfig
from robot_rl.demonstrations import schema_of, seed_beside
from robot_rl.env import Env
from robot_rl.environments import BASE, ROBOT, make_env, parse_options
from robot_rl.episodes import Episodes
from robot_rl.learner_process import LearnerElsewhere, LearnerProcess
from robot_rl.lock import alone_in
from robot_rl.log import Log, read_log
from robot_rl.metadata import Metadata
from robot_rl.offer import Offer
from robot_rl.outbox import Outbox
from robot_rl.policy import POLICY
from robot_rl.presses import presses
from robot_rl.remote_learner import require_same_reward
from robot_rl.rlif import rlif_rewards
from robot_rl.robot_options import robot_options
from robot_rl.robot_processes import running
from robot_rl.run import FACTS, Run
from robot_rl.schema import Schema
from robot_rl.statistics import wilson_interval
from robot_rl.telling import telling
from robot_rl.train import prepare_torch
from robot_rl.with_base import WithBase

ROBOTS = "robots"
"""Folder of a run with a folder for each robot: ``episodes``, ``outbox`` and its log."""
_PATIENCE = 60.0
"""Until the learner has caught up at the end [s]."""


@dataclass(frozen=True)
class Finetuned:
    """How it went."""

    run: Path
    acted: Acted
    dt: float
    """Time between two steps [s]."""
    elapsed: float
    """From the first step to the last, with starts of episodes and waits for the learner [s]."""

    @property
    def minutes(self) -> float:
        """Time in which the robot acted [min]."""
        return self.acted.steps * self.dt / 60

    def __str__(self) -> str:
        acted, half = self.acted, max(1, len(self.acted.success) // 2)
        first, last = (
            wilson_interval(sum(part), len(part))
            for part in (acted.success[:half], acted.success[-half:])
        )
        return (
            f"{acted.steps:,} steps in {len(acted.success)} episodes, "
            f"{self.minutes:.1f} minutes of robot time, {self.elapsed / 60:.1f} with all between; "
            f"success in the first half {first}, in the second {last}\n{self._takeovers(half)}"
            f"policy: {self._policy()}"
        )

    def _policy(self) -> str:
        ours = self.run / POLICY
        return str(ours) if ours.exists() else f"{POLICY} in the folder of the learner"

    def _takeovers(self, half: int) -> str:
        """How often a person took over; nothing if nobody did."""
        first, last = self.acted.takeover_rate(0, half), self.acted.takeover_rate(-half)
        if not any(self.acted.takeovers):
            return ""
        return (
            f"takeovers per 1,000 steps: {first:.1f} in the first half, {last:.1f} in the second\n"
        )


def finetune(config: FinetuneConfig, watch: Watch = lambda acted: None) -> Finetuned:
    """Acts and learns for so many steps; a later call goes on there.

    Raises:
        BlockingIOError: This robot learns there already.
        FileNotFoundError: There is nothing to start from.
        ConnectionError: Learner or robot is not there.
        ValueError: The run was begun with other rewards.
        SchemaError: The robot observes or does something else than what was learned.
    """
    prepare_torch(1, "float32")  # Beside the learner and the robot's processes more would crawl.
    if (config.run / FACTS).exists():
        require_same_reward(Run.open(config.run), config.rlif)
    task = config.task or ("" if config.learner else _task_of(config))
    space = config.namespace.replace("/", "-")
    name = "-".join(filter(None, (Path(config.robot).stem, space)))
    folder = config.run / ROBOTS / name
    with contextlib.ExitStack() as stack:
        stack.enter_context(alone_in(folder))
        learner = stack.enter_context(
            LearnerElsewhere(config.learner) if config.learner else LearnerProcess(config)
        )
        link = stack.enter_context(ActorLink(name, Outbox(folder / "outbox"), learner.address))
        if config.learner and not task:
            task = task_of(Offer.of_message(learner.offer(link)).schema)
        if config.start:
            stack.enter_context(running(_robot(config, task)))
        offer = Offer.of_message(learner.offer(link))
        before = max((round(row["step"]) for row in read_log(folder)), default=0)
        config = replace(config, seed=seed_beside(config.seed, before))
        env = stack.enter_context(_environment(config, task, offer))
        offer.require_fit(env)
        specs = offer.schema.observation, offer.schema.action
        agent = make_agent(*specs, offer.agent, config.seed)
        log = stack.enter_context(Log(folder, resume_step=before))
        tell = telling(env, link, before)
        actor = stack.enter_context(
            Actor(
                env,
                agent,
                link,
                Episodes(folder / "episodes", _schema(env, config, task, offer)),
                Metadata(task=task, operator="policy"),
                config.greedy_share,
                config.exploration,
                config.seed,
                _all(_logging(log, before), tell, watch, lambda acted: learner.look()),
                _all(tell, lambda acted: learner.look()),
                paused=getattr(env, "offer_pause", lambda: lambda: False)(),
                reward=rlif_rewards() if offer.rlif else None,
                pressed=stack.enter_context(presses(env)),
                label=_label(env),
            )
        )
        said = stack.enter_context(_punctual(config))  # All threads of a step are there now.
        print(said, end="\n" if said else "", file=sys.stderr)
        began = time.monotonic()
        acted = actor.act(lambda acted: acted.steps >= config.steps)
        elapsed = time.monotonic() - began
        _deliver(link, learner.look, actor.rest)
        return Finetuned(config.run, acted, env.dt, elapsed)


def _robot(config: FinetuneConfig, task: str) -> UpConfig:
    where = config.robot, config.namespace
    return UpConfig(*where, task=task, gap=config.gap, person=config.person)


def _task_of(config: FinetuneConfig) -> str:
    """What was trained, or demonstrated; empty if a person demonstrated without a task."""
    if config.source is not None:
        return robot_task(Run.open(config.source).config(TrainConfig).env)
    assert config.demonstrations is not None
    store = Episodes(config.demonstrations)
    return next((one.task for one in store.metadata() if one.task), task_of(store.schema))


def _environment(config: FinetuneConfig, task: str, offer: Offer) -> Env:
    learned = acting_options(offer.schema)
    if config.env != ROBOT:
        options = learned | parse_options(config.options)
        base = options.pop(BASE, "")
        env = make_env(config.env, 1, config.seed, **options)
        env = _with_person(env, config) if config.person else env
        return WithBase(env, Path(base)) if base else env
    learned |= {"backward": config.backward} if config.backward else {}
    return make_env(ROBOT, 1, config.seed, **robot_options(config, task, **learned))


def _punctual(config: FinetuneConfig) -> contextlib.AbstractContextManager[str]:
    """Real-time scheduling of who acts on a robot; a simulator has time."""
    if config.env != ROBOT or not config.realtime:
        return contextlib.nullcontext("")
    # By name: robot_rl knows no hardware until somebody asks for it.
    return importlib.import_module("hardware.pacer").punctual()


def _label(env: Any) -> Callable[[bool], None]:
    """Takes a person's word on the running episode, where that is a reward."""
    return env.label if getattr(env, "takes_labels", False) else lambda success: None


def _schema(env: Env, config: FinetuneConfig, task: str, offer: Offer) -> Schema:
    robot = (f"robot={config.robot}", f"task={task}") if config.env == ROBOT else ()
    base = acting_options(offer.schema).get(BASE)
    told = (f"{BASE}={base}",) if base and BASE not in parse_options(config.options) else ()
    return schema_of(env, config.env, (*robot, *told, *config.options))


def _with_person(env: Env, config: FinetuneConfig) -> Env:
    # By name: robot_rl knows no hardware until somebody asks for it.
    person_env = importlib.import_module("hardware.person_env")
    return person_env.with_person(env, config.person, config.seed)


def _logging(log: Log, before: int) -> Watch:
    """Writes a row after each episode; ``before`` are the steps of earlier calls."""

    def write(acted: Acted) -> None:
        log.write(
            before + acted.steps,
            {
                "success": acted.success[-1],
                "greedy": acted.greedy[-1],
                "length": acted.length[-1],
                "version": acted.version,
                "interventions": acted.interventions,
                "takeovers": acted.takeovers[-1],
                "takeovers_per_1000": acted.takeover_rate(),
                "waited": acted.waited,
            },
        )

    return write


def _all(*watches: Watch) -> Watch:
    def watch(acted: Acted) -> None:
        for each in watches:
            each(acted)

    return watch


def _deliver(link: ActorLink, look: Callable[[], None], rest: Callable[[], None]) -> None:
    """Waits until the learner has everything and has made the updates that it owes."""
    deadline = time.monotonic() + _PATIENCE
    while link.waiting and time.monotonic() < deadline:
        look()
        rest()
    taken = time.monotonic()  # What it said before does not count the last steps.
    while link.heard < taken or link.said().get("owed", 0) >= 1:
        if time.monotonic() > deadline:
            return
        look()
        rest()
