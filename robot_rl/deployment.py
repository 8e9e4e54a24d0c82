"""A policy acts on a robot, and what is measured: success, rate, and the age of what it acts on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np

from robot_rl.env import Act, Env, Info, Step, forgetting
from robot_rl.evaluation import EVALUATION_SEED, Evaluation
from robot_rl.robot_step import stamps_of


@runtime_checkable
class HasScene(Protocol):
    """A robot whose surroundings somebody knows well enough to draw them."""

    def scene(self) -> np.ndarray | None:
        """Positions of everything; None if nobody knows."""
        ...


@dataclass
class Deployed:
    """What happened in the episodes so far."""

    success: list[bool] = field(default_factory=list)
    length: list[int] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)
    """Steps per second of each episode, by the clock of the robot."""
    latency: list[float] = field(default_factory=list)
    """From the stamp of the observation to the command, of each step [s]."""
    scenes: list[list[np.ndarray]] = field(default_factory=list)
    """Of each step of each episode, to be drawn later."""
    reasons: int = 0
    """Bit mask of what the safety node has done to commands."""

    @property
    def evaluation(self) -> Evaluation:
        """As simulators are evaluated."""
        success = np.array(self.success)
        return Evaluation(success, np.array(self.length), success.astype(float))

    @property
    def rate(self) -> float:
        """Median of the episodes' rates; NaN before one of two steps [Hz]."""
        return float(np.median(self.rates)) if self.rates else float("nan")

    def latency_percentile(self, percent: float) -> float:
        """Of the time from the observation's stamp to the command [s]."""
        return float(np.percentile(self.latency, percent)) if self.latency else float("nan")

    def __str__(self) -> str:
        rate = self.evaluation.rate
        return (
            f"{rate.estimate:.0%} of {len(self.success)} episodes succeed "
            f"(95 % interval {rate.low:.0%} to {rate.high:.0%}), "
            f"in {np.mean(self.length):.1f} steps; {self.rate:.1f} steps/s; "
            f"sensor to command median {1e3 * self.latency_percentile(50):.1f} ms, "
            f"99 % {1e3 * self.latency_percentile(99):.1f} ms"
        )


Watch = Callable[[Deployed], None]


def deploy(
    env: Env,
    act: Act,
    episodes: int,
    seed: int = EVALUATION_SEED,
    watch: Watch = lambda deployed: None,
    filmed: bool = False,
) -> Deployed:
    """Runs episodes on a robot, one after the other.

    Args:
        env: One robot.
        act: Observation -> action, shape (1, action).
        episodes: How many.
        seed: Decides where they start.
        watch: Called after each.
        filmed: Whether the first is to be drawn later.

    Raises:
        ValueError: It cannot be drawn, for nobody knows what was where; said after the first.
    """
    deployed, step = Deployed(), env.reset(seed)
    forgetting(act)(np.ones(1, bool))
    while len(deployed.success) < episodes:
        step = _episode(env, act, step, deployed)
        watch(deployed)
        if filmed and not deployed.scenes[0]:
            raise ValueError("only a twin can be filmed, for it knows what is where; no video then")
    return deployed


def _episode(env: Env, act: Act, step: Step, deployed: Deployed) -> Step:
    """One episode; returns the first step of the next."""
    length, scenes, forget = 0, [], forgetting(act)
    deployed.scenes.append(scenes)
    sent: list[float] = []
    while True:
        step, length = env.step(act(step.observation)), length + 1
        forget(step.done | step.info.get(Info.INTERVENED, False))  # A person went elsewhere.
        _note(step.info, deployed, sent)
        if step.done[0]:
            break  # What is seen now belongs to the next episode.
        if isinstance(env, HasScene) and (scene := env.scene()) is not None:
            scenes.append(scene)
    said = step.measured_success
    deployed.success.append(bool((step.terminated if said is None else said)[0]))
    deployed.length.append(length)
    if len(sent) > 1:
        deployed.rates.append((len(sent) - 1) / (sent[-1] - sent[0]))
    return step


def _note(info: dict[str, Any], deployed: Deployed, sent: list[float]) -> None:
    deployed.reasons |= int(info["reasons"][0]) if "reasons" in info else 0
    if (stamps := stamps_of(info)) is not None:
        sensor, command = stamps
        deployed.latency.append(command - sensor)
        sent.append(command)
