"""``robot-rl imitate``: a policy that plans learns from recorded episodes alone.

What acts, and is judged, is the running average of its weights. The figure to report is the mean of
the last ten evaluations: the best of them is luck.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from robot_rl.chunk_policies import make_chunk_policy
from robot_rl.config import ImitateConfig
from robot_rl.demonstrations import (
    demonstrator,
    load_or_record,
    require_demonstrations,
    schema_of,
    summarise,
)
from robot_rl.descent import descend
from robot_rl.env import IMAGES, Closing
from robot_rl.environments import ROBOT, make_env, parse_options
from robot_rl.episode import Episode
from robot_rl.episodes import Episodes
from robot_rl.held_out import HeldOut, hold_out
from robot_rl.interruption import Interruption
from robot_rl.judge import Judge
from robot_rl.log import Log, Row, read_log
from robot_rl.recorded import demonstrated, learnable, useful
from robot_rl.run import Run, resumable
from robot_rl.running_average import RunningAverage
from robot_rl.schema import Schema
from robot_rl.train import DEMONSTRATIONS, default_folder, prepare_torch
from robot_rl.windows import Windows

LAST = 10
"""Evaluations whose mean is reported."""
_SAID_EVERY = 25
"""Updates between two looks of whoever watches."""


@dataclass(frozen=True)
class Imitated:
    """Where it stands; given to whoever watches."""

    update: int
    updates: int
    loss: float
    """Mean since the last evaluation."""
    success: float
    """Mean of the last evaluations; NaN before the first, and where nobody knows success."""


Watch = Callable[[Imitated], None]


def imitate(config: ImitateConfig, watch: Watch = lambda imitated: None) -> Run:
    """Runs a whole training.

    Args:
        config: What to learn from, and how.
        watch: Called now and then.

    Returns:
        The run, with checkpoint, log, settings and demonstrations in its folder.

    Raises:
        ValueError: If the environment or an option does not exist, or nothing was recorded.
        SchemaError: If a dataset was recorded in an environment with other specs.
        FileExistsError: If the run folder is taken.
        KeyboardInterrupt: If a person or a scheduler ended it, after a last checkpoint.
    """
    with Imitation(config, watch) as imitation:
        if config.teacher is not None:  # Said before anything is on disk.
            demonstrator(config).close()
        run = Run.create(config.folder or default_folder(config.env), config, config.seed)
        with resumable(run):
            imitation.start(run)
            imitation.learn()
    return run


def resume_imitation(
    folder: Path, updates: int | None = None, watch: Watch = lambda imitated: None
) -> Run:
    """Goes on with a run from its last checkpoint, or from its start if it has none.

    Args:
        folder: Of the run.
        updates: New number of updates; the step size goes on as if it had been so many from the
            start. None keeps the run's own.
        watch: As for ``imitate``.

    Raises:
        FileNotFoundError: If the folder holds no run.
        ValueError: If the run has all its updates already.
    """
    run = Run.open(folder)
    config = run.config(ImitateConfig)
    config = replace(config, updates=updates or config.updates)
    run.require_more(config.updates, "updates")
    with Imitation(config, watch) as imitation, resumable(run):
        run.save_config(config)
        imitation.start(run)
        imitation.learn()
    return run


class Imitation(Closing):
    """The state of one run: policy, average, optimiser, log.

    Args:
        config: What to learn from, and how.
        watch: Called now and then.

    Raises:
        ValueError: If the environment or an option does not exist, or shows pictures.
    """

    def __init__(self, config: ImitateConfig, watch: Watch) -> None:
        prepare_torch(config.threads, config.products, config.device)
        self.config, self._watch = config, watch
        self.schema = _schema(config)
        torch.manual_seed(config.seed)
        chunk = config.chunk
        self.policy = make_chunk_policy(self.schema.observation, self.schema.action, chunk)
        self.average = RunningAverage(self.policy, chunk.average_power, chunk.average_limit)
        self._optimizer = torch.optim.AdamW(
            self.policy.parameters(),
            chunk.learning_rate,
            betas=(0.95, 0.999),
            weight_decay=chunk.weight_decay,
        )
        self._rng = np.random.default_rng(config.seed)
        self._update, self._seconds = 0, 0.0
        self._losses: list[Tensor] = []
        self._metrics: dict[str, float] = {}
        self._rows: list[Row] = []
        self._run: Run | None = None
        self._windows: Windows | None = None
        self._log: Log | None = None
        self._recorded = list[Episode]()
        self.judge = self._judge()

    def start(self, run: Run) -> None:
        """Brings in the episodes, and the last checkpoint if there is one."""
        self._run, chunk = run, self.config.chunk
        episodes = self._recorded or load_or_record(self.config, run.folder / DEMONSTRATIONS)
        self._metrics |= summarise(episodes)
        keys, trim = self.policy.KEYS, self.config.trim_idle
        self._windows = Windows(episodes, keys, self.schema.action, chunk, trim)
        for policy in (self.policy, self.average.network):
            policy.fit(self._windows)
        if run.steps:
            self._restore(run.load_checkpoint(self.schema).state)
        self._log = Log(run.folder, resume_step=self._update if run.steps else -1)
        self._rows = read_log(run.folder)

    def learn(self) -> None:
        """Updates until all of them are done.

        Raises:
            KeyboardInterrupt: If it was asked to stop; there is a checkpoint of the last update.
        """
        with Interruption() as interruption:
            while self._update < self.config.updates:
                self._improve()
                due = self._update % self.config.evaluate_every == 0
                if due or self._update == self.config.updates:
                    self._evaluate()
                elif interruption.asked:
                    self._checkpoint()
                if interruption.asked:
                    raise KeyboardInterrupt

    def close(self) -> None:
        """Closes worlds and log; safe to call twice."""
        for part in (self.judge, self._log):
            if part is not None:
                part.close()

    def _judge(self) -> Judge | HeldOut:
        """Worlds, or, where there is only a robot, episodes that are not learned from."""
        if self.config.env != ROBOT:
            return Judge(self.config)
        assert self.config.dataset is not None
        keys = self.schema.observation  # Pictures of all episodes would take the memory.
        episodes = [
            replace(one, observation={key: one.observation[key] for key in keys}, extra={})
            for one in useful(demonstrated(self.config.dataset))
        ]
        self._recorded, held = hold_out(episodes)
        return HeldOut(held)

    def _improve(self) -> None:
        assert self._windows is not None
        began, chunk = time.perf_counter(), self.config.chunk
        drawn = self._rng.integers(len(self._windows), size=chunk.batch_size)
        loss = self.policy.loss(self._windows.gather(drawn))
        for group in self._optimizer.param_groups:
            group["lr"] = chunk.learning_rate * self._rate
        descend(self._optimizer, loss)
        self.average.update(self.policy)
        self._losses.append(loss.detach())
        self._update += 1
        self._seconds += time.perf_counter() - began
        if self._update % _SAID_EVERY == 0:
            self._tell()

    @property
    def _rate(self) -> float:
        """Factor on the step size: up to 1 in the warm-up, then down to 0 along a cosine."""
        warmup = self.config.chunk.warmup
        if self._update < warmup:
            return (self._update + 1) / warmup
        passed = (self._update - warmup) / max(self.config.updates - warmup, 1)
        return 0.5 * (1 + math.cos(math.pi * passed))

    @property
    def _loss(self) -> float:
        """Mean since the last evaluation; NaN right after it."""
        return torch.stack(self._losses).mean().item() if self._losses else math.nan

    def _evaluate(self) -> None:
        """Judges the average, writes log and checkpoint."""
        assert self._run is not None
        assert self._log is not None
        chunks = self.average.network.chunks()
        self._metrics |= self.judge.measure("greedy", chunks)
        self._metrics |= {"loss": self._loss, "seconds": self._seconds}
        self._log.write(self._update, self._metrics)
        self._rows.append({"step": self._update, **self._metrics})
        if isinstance(self.judge, Judge):
            self.judge.film(chunks, self._run.folder / "videos" / f"{self._update:07d}.webp")
        self._checkpoint()
        self._tell()
        self._losses.clear()

    def _tell(self) -> None:
        done = self._update, self.config.updates
        self._watch(Imitated(*done, self._loss, reported(self._rows)))

    def _checkpoint(self) -> None:
        assert self._run is not None
        state = {
            "policy": self.policy.state_dict(),
            "average": self.average.network.state_dict(),
            "averaged": self.average.updates,
            "optimizer": self._optimizer.state_dict(),
            "generator": json.dumps(self._rng.bit_generator.state),
            "torch_generator": torch.get_rng_state(),
            "seconds": self._seconds,
        }
        self._run.save_checkpoint(state, self._update, self.schema)

    def _restore(self, state: dict[str, Any]) -> None:
        self.policy.load_state_dict(state["policy"])
        self.average.network.load_state_dict(state["average"])
        self._update = self.average.updates = state["averaged"]
        self._optimizer.load_state_dict(state["optimizer"])
        self._rng.bit_generator.state = json.loads(state["generator"])
        torch.set_rng_state(state["torch_generator"])
        self._seconds = state["seconds"]


def reported(rows: Sequence[Row], name: str = "greedy_success") -> float:
    """What to report of a log: the mean of its last evaluations; NaN without any."""
    found = [row[name] for row in rows if name in row][-LAST:]
    return float(np.mean(found)) if found else math.nan


def _schema(config: ImitateConfig) -> Schema:
    """Of the task, which somebody can show, or has shown on a robot."""
    if config.env == ROBOT:
        assert config.dataset is not None
        return learnable(Episodes(config.dataset).schema, sees=False)
    with make_env(config.env, 1, config.seed, **parse_options(config.options)) as env:
        require_demonstrations(config, env, _WITHOUT_EXPERT)
        images = [key for key in env.observation_spec if key.startswith(IMAGES)]
        if images:
            raise ValueError(
                f"imitate looks at the state alone, and {', '.join(images)} would be drawn for "
                "nobody; leave cameras out of --options"
            )
        return schema_of(env, config.env, config.options)


_WITHOUT_EXPERT = "give --dataset DATASET to learn from what somebody else recorded, or "
