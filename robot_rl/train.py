"""Learning in simulation: demonstrations, their clone, then actor and critics beside the worlds."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import numpy as np
import torch

from robot_rl.agent_config import ConfigT
from robot_rl.agents import make_agent
from robot_rl.config import Products, TrainConfig
from robot_rl.demonstrations import (
    demonstrator,
    load_or_record,
    require_demonstrations,
    start_from_demonstrations,
    summarise,
)
from robot_rl.env import (
    IMAGES,
    Act,
    ArraySpec,
    Closing,
    Env,
    HasReturnRange,
    Info,
    Observation,
    Step,
)
from robot_rl.environments import BASE, make_env, options_without, parse_options
from robot_rl.episodes import Episodes, fill
from robot_rl.interruption import Interruption
from robot_rl.judge import Judge
from robot_rl.learner import Learner
from robot_rl.log import Log
from robot_rl.recorded import useful
from robot_rl.recorded_cameras import RecordedCameras, looked_at
from robot_rl.replay import Replay
from robot_rl.run import FACTS, Run, resumable
from robot_rl.schema import Schema
from robot_rl.transition import WorldIds


@dataclass(frozen=True)
class Progress:
    """Where a run stands; given to whoever watches."""

    step: int
    steps: int
    seconds: float
    """Wall clock of acting, updating and evaluating so far; films and checkpoints do not count."""
    metrics: dict[str, float]
    """The newest value of everything measured."""
    evaluated: bool = False
    """Whether the policy was evaluated just now."""

    @property
    def rate(self) -> float:
        """Environment steps per second, updates and evaluations included."""
        return self.step / max(self.seconds, 1e-9)

    @property
    def remaining(self) -> float:
        """Expected seconds to the end."""
        return (self.steps - self.step) / max(self.rate, 1e-9)


REPLAY = "replay.npz"
KEPT = "demonstrations.npz"
"""Demonstrations, and the successes that count among them, if any do."""
BASE_FILE = "base.policy"
"""File of a run with what it corrects."""
DEMONSTRATIONS = "demonstrations"
"""Folder of a run with the episodes that it began with."""
Watch = Callable[[Progress], None]


def train(config: TrainConfig, watch: Watch = lambda progress: None) -> Run:
    """Runs a whole training.

    Args:
        config: What to learn and how.
        watch: Called after each step of all worlds and each evaluation.

    Returns:
        The run, with checkpoint, log, settings and demonstrations in its folder.

    Raises:
        ValueError: If the environment or an option does not exist, or a number makes no sense.
        CameraError: If a camera of a dataset was covered, frozen or swapped.
        FileExistsError: If the run folder is taken.
        KeyboardInterrupt: If a person or a scheduler ended it, after a last checkpoint.
    """
    config = _with_own_base(config)
    with Training(config, watch) as training:
        if config.teacher is not None:  # Said before anything is on disk.
            demonstrator(config).close()
        training.load_encoder()
        training.look_at_cameras()
        run = Run.create(config.folder or default_folder(config.env), config, config.seed)
        with resumable(run):
            training.start(run)
            training.learn()
    return run


def resume(folder: Path, steps: int | None = None, watch: Watch = lambda progress: None) -> Run:
    """Goes on with a run from its last checkpoint, or from its start if it has none.

    Args:
        folder: Of the run.
        steps: New number of environment steps; None keeps the run's own.
        watch: As for ``train``.

    Raises:
        FileNotFoundError: If the folder holds no run.
        BlockingIOError: If somebody trains there.
        ValueError: If the run has all its steps already.
        KeyboardInterrupt: As ``train``.
    """
    run = Run.open(folder)
    config = run.config(TrainConfig)
    config = replace(config, steps=steps or config.steps)
    run.require_more(config.steps)
    with Training(config, watch) as training, resumable(run):
        run.save_config(config)
        if run.steps:
            training.resume(run)
        else:
            training.load_encoder()
            training.start(run)
        training.learn()
    return run


def _with_own_base(config: TrainConfig) -> TrainConfig:
    """The settings with a copy of the base in the run's folder: what it was made of may change."""
    options = parse_options(config.options)
    if not options.get(BASE):
        return config
    from robot_rl.with_base import load_base  # A policy comes of a training.

    folder = config.folder or default_folder(config.env)
    own = (folder / BASE_FILE).resolve()  # It is looked for from wherever the run is used.
    if not (folder / FACTS).exists():
        load_base(Path(options[BASE])).save(own)
    kept = options_without(BASE, config.options)
    return replace(config, folder=folder, options=(*kept, f"{BASE}={own}"))


def default_folder(env: str) -> Path:
    """``runs/<env>-<date>-<time>``."""
    name = "".join(c if c.isalnum() else "-" for c in env)
    return Path("runs") / f"{name}-{datetime.now():%Y%m%d-%H%M%S}"


def prepare_torch(threads: int, products: Products, device: str = "cpu") -> None:
    """Sets, for the whole process, torch's threads, the precision of its products, and where it is.

    A processor that has no kernels for bfloat16 computes convolutions in it many times slower, and
    so goes on with float32.

    Raises:
        ValueError: There is no such device here.
    """
    torch.set_num_threads(threads)
    narrow = products == "bfloat16" and (device != "cpu" or _has_bfloat16())
    torch.set_float32_matmul_precision("medium" if narrow else "highest")
    try:
        # None and not "cpu", which would cost each call of torch some time.
        torch.set_default_device(None if device == "cpu" else device)
        torch.zeros(1)
    except (RuntimeError, AssertionError) as error:
        torch.set_default_device(None)
        reason = str(error).partition("\n")[0]
        raise ValueError(f"device is {device!r}, and {reason}; choose cpu") from error


def _has_bfloat16() -> bool:
    """Whether products in bfloat16 have kernels for this processor."""
    return torch.backends.mkldnn.is_available() and torch.ops.mkldnn._is_mkldnn_bf16_supported()


def known_returns(config: ConfigT, env: Env) -> ConfigT:
    """The learner's settings with the range of returns that the environment knows of, if any."""
    if config.return_range is None and isinstance(env, HasReturnRange):
        return replace(config, return_range=env.return_range)
    return config


def _warn_of_unseen(config: TrainConfig, spec: Mapping[str, ArraySpec]) -> None:
    images = [key for key in spec if key.startswith(IMAGES)]
    if images and config.algorithm == "sac":  # Beside a residual a base may see them.
        warnings.warn(
            f"algorithm sac sees the state alone, and {', '.join(images)} are drawn for nobody; "
            "choose --algorithm drq, or leave cameras out",
            stacklevel=3,
        )


class Training(Closing):
    """The state of one run: worlds, learner, replay, log, clock."""

    def __init__(self, config: TrainConfig, watch: Watch) -> None:
        prepare_torch(config.threads, config.products, config.device)
        self.config = config
        options = parse_options(config.options)
        self.env = make_env(config.env, config.num_envs, config.seed + 1, **options)
        require_demonstrations(config, self.env)
        self.judge = Judge(config)
        specs = self.env.observation_spec, self.env.action_spec
        _warn_of_unseen(config, specs[0])
        self.schema = Schema.of(self.env, config.env)
        agent = make_agent(*specs, known_returns(config.agent, self.env), config.seed)
        replays = Replay(*specs, config.capacity), Replay(*specs, config.capacity)
        self.learner = Learner(agent, *replays, config.seed)
        self._ids = WorldIds(config.num_envs)
        self._greedy = self._draw_greedy()
        self._watch = watch
        self._step, self._seconds = 0, 0.0
        self._metrics: dict[str, float] = {}
        self._log: Log | None = None

    def load_encoder(self) -> None:
        """Before it starts: what sees begins with the weights of a file, if there is one.

        Raises:
            FileNotFoundError: If it does not exist.
            CheckpointError: If it is damaged.
            ValueError: If it does not fit.
        """
        if self.config.encoder_file is not None:
            self.learner.agent.load_encoder(self.config.encoder_file)

    def start(self, run: Run) -> None:
        """Brings in the demonstrations and clones them."""
        self.run, self._log = run, Log(run.folder, resume_step=-1)
        if self._is_shown:
            self._metrics |= self.judge.measure("untrained", self.learner.agent.act)
            self.judge.film(self.learner.agent.act, self._video("untrained"))
            began = time.perf_counter()
            self._load_demonstrations()
            self._metrics |= self.learner.clone()
            self._seconds = time.perf_counter() - began
        self._evaluate()

    def look_at_cameras(self) -> None:
        """Those of a dataset, if anybody learns from them.

        Raises:
            CameraError: One was covered, frozen or swapped.
        """
        images = looked_at(self.config.agent, self.schema.observation)
        if (path := self.config.dataset) and images:
            cameras = RecordedCameras(images)
            for episode in useful(Episodes(path)):
                cameras.see(episode)
            cameras.require(path)

    def resume(self, run: Run) -> None:
        """Goes back to the last checkpoint; the worlds start new episodes."""
        self.run = run
        checkpoint = run.load_checkpoint(self.schema)
        state = checkpoint.state
        self.learner.load_state_dict(state)
        self._step = checkpoint.step
        self._seconds, self._metrics = state["seconds"], state["metrics"]
        # No number of an episode before the interruption comes again.
        self._ids.episode += self._step
        self._load_replay()
        if self._is_shown:
            self._load_demonstrations()
        if (kept := run.folder / KEPT).exists():
            self.learner.demonstrations = Replay.load(kept)
        self._log = Log(self.run.folder, resume_step=self._step)

    def _load_replay(self) -> None:
        path = self.run.folder / REPLAY
        if path.exists():
            self.learner.replay = Replay.load(path)
        else:
            warnings.warn(f"{path} is missing: the online data begin anew", stacklevel=3)

    def learn(self) -> None:
        """Acts and updates until all steps are done.

        Raises:
            KeyboardInterrupt: If it was asked to stop; there is a checkpoint of the last step.
        """
        step = self.env.reset(self.config.seed + 1 + self._step)
        with Interruption() as interruption:
            while self._step < self.config.steps:
                step = self._act_and_update(step)
                if self._is_due(self.config.evaluate_every) or self._step >= self.config.steps:
                    self._evaluate()
                elif interruption.asked:
                    self._checkpoint()
                if interruption.asked:
                    raise KeyboardInterrupt

    def _act_and_update(self, step: Step) -> Step:
        began = time.perf_counter()
        step = self._act(step)
        self._update()
        self._seconds += time.perf_counter() - began
        self._watch(self.progress)
        return step

    @property
    def progress(self) -> Progress:
        """Where the run stands."""
        return Progress(self._step, self.config.steps, self._seconds, dict(self._metrics))

    def close(self) -> None:
        """Closes worlds and log; safe to call twice."""
        for part in (self.env, self.judge, self._log):
            if part is not None:
                part.close()

    def _act(self, step: Step) -> Step:
        """One step of all worlds, into the replay."""
        action = self._choose(step)
        after = self.env.step(action)
        self.learner.replay.append_step(self._ids, step.observation, action, after)
        if self.config.keep_successes:
            self._keep_successes(after)
        self._ids.advance(after.done)
        self._greedy = np.where(after.done, self._draw_greedy(), self._greedy)
        if self._explores:
            self.learner.agent.observe(after.final_observation)
        self._step += self.config.num_envs
        return after

    def _keep_successes(self, after: Step) -> None:
        """Copies the episodes that have just ended well to the demonstrations."""
        won = after.done & after.info.get(Info.SUCCESS, np.zeros_like(after.done))
        for world in np.flatnonzero(won):
            ids = self._ids.stream[world], self._ids.episode[world]
            replay = self.learner.replay
            self.learner.demonstrations.absorb(replay, replay.episode(*ids))

    def _choose(self, step: Step) -> np.ndarray:
        if not self._explores or self.learner.agent.has_clone:
            return self.learner.agent.act(step.observation, self._greedy)
        shape = (self.config.num_envs, *self.env.action_spec.shape)
        return self.learner.rng.uniform(-1, 1, shape).astype(np.float32)

    def _draw_greedy(self) -> np.ndarray:
        """Which worlds act without noise in their next episode. Shape (num_envs,), bool."""
        return self.learner.rng.random(self.config.num_envs) < self.config.greedy_share

    @property
    def _is_shown(self) -> bool:
        """Whether there are demonstrations to begin with."""
        return bool(self.config.demonstrations or self.config.dataset)

    @property
    def _explores(self) -> bool:
        """Whether nobody has shown anything, and the first steps are still to say what is seen."""
        return not self._is_shown and self._step < self.config.random_steps

    def _update(self) -> None:
        if self._step >= self.config.learning_starts:
            self.learner.owe(self.config.num_envs)
            self._metrics |= self.learner.pay()

    def _load_demonstrations(self) -> None:
        episodes = load_or_record(self.config, self.run.folder / DEMONSTRATIONS)
        fill(self.learner.demonstrations, episodes)
        self._metrics |= summarise(episodes)
        if self.config.snapshot_share > 0:
            start_from_demonstrations(self.env, episodes, self.config.snapshot_share)

    def _is_due(self, period: int) -> bool:
        return self._step % period < self.config.num_envs

    def _evaluate(self) -> None:
        """Judges the policy, writes log and checkpoint."""
        began = time.perf_counter()
        for name, act in self._policies().items():
            self._metrics |= self.judge.measure(name, act)
        self._seconds += time.perf_counter() - began
        assert self._log is not None
        self._log.write(self._step, self._metrics | {"seconds": self._seconds})
        self.judge.film(self._act_greedily, self._video(f"{self._step:07d}"))
        self._checkpoint()
        self._watch(replace(self.progress, evaluated=True))

    def _act_greedily(self, observation: Observation) -> np.ndarray:
        return self.learner.agent.act(observation, greedy=True)

    def _video(self, name: str) -> Path:
        return self.run.folder / "videos" / f"{name}.webp"

    def _policies(self) -> dict[str, Act]:
        """Greedy and sampled; at the start also the clone, which is the floor."""
        policies: dict[str, Act] = {
            "greedy": self._act_greedily,
            "sampled": self.learner.agent.act,
        }
        if self._step == 0 and self.learner.agent.has_clone:
            policies["cloned"] = self.learner.agent.act_cloned
        return policies

    def _checkpoint(self) -> None:
        self.learner.replay.save(self.run.folder / REPLAY)
        if self.config.keep_successes:
            self.learner.demonstrations.save(self.run.folder / KEPT)
        state = {**self.learner.state_dict(), "seconds": self._seconds, "metrics": self._metrics}
        self.run.save_checkpoint(state, self._step, self.schema)
