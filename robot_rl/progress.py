"""What a person sees while a run or a deployment goes on: one live line, and rows of results."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from robot_rl.actor import RECENT, Acted
from robot_rl.deployment import Deployed
from robot_rl.imitation import Imitated
from robot_rl.remote_learner import Standing
from robot_rl.train import Progress


class Monitor:
    """Watches a training on the terminal; call it with each ``Progress``."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console()
        self._live = Live(console=self._console, refresh_per_second=4, transient=True)
        self._printed_header = False

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._live.stop()

    def __call__(self, progress: Progress) -> None:
        """Shows where the run stands."""
        if progress.evaluated:
            self._print_row(progress)
        self._live.update(self._line(progress))

    def _print_row(self, progress: Progress) -> None:
        if not self._printed_header:
            self._console.print("    step  minutes   greedy  sampled  episode", style="bold")
            self._printed_header = True
        metrics = progress.metrics
        self._console.print(
            f"{progress.step:8,d} {progress.seconds / 60:8.1f} {score(metrics, 'greedy'):>8} "
            f"{score(metrics, 'sampled'):>8} {_number(metrics['greedy_length']):>8}"
        )

    def _line(self, progress: Progress) -> Table:
        width = 30
        full = round(width * progress.step / progress.steps)
        line = Table.grid(padding=(0, 1))
        line.add_row(
            Text("━" * full, style="green") + Text("━" * (width - full), style="dim"),
            f"{progress.step:,} of {progress.steps:,} steps",
            f"{progress.rate:.0f} steps/s",
            f"{_clock(progress.remaining)} left",
            f"greedy {score(progress.metrics, 'greedy')}",
        )
        return line


class _StatusLine:
    """One line that is written again and again."""

    def __init__(self, text: str, console: Console | None = None) -> None:
        self._status = (console or Console()).status(text)

    def __enter__(self) -> Self:
        self._status.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._status.stop()


class DeploymentMonitor(_StatusLine):
    """Watches episodes on a robot; call it with what has been measured so far.

    Attributes:
        deployed: What was measured; None before the first episode has ended.
    """

    def __init__(self, episodes: int, console: Console | None = None) -> None:
        super().__init__("waiting for the robot", console)
        self._episodes = episodes
        self.deployed: Deployed | None = None

    def __call__(self, deployed: Deployed) -> None:
        """Shows where the deployment stands."""
        self.deployed = deployed
        done = len(deployed.success)
        self._status.update(
            f"{done} of {self._episodes} episodes, {sum(deployed.success)} successes, "
            f"{deployed.rate:.1f} steps/s"
        )


class ActorMonitor(_StatusLine):
    """Watches a robot that learns; call it with what was done so far."""

    def __init__(self, steps: int, console: Console | None = None) -> None:
        super().__init__("waiting for learner and robot", console)
        self._steps = steps

    def __call__(self, acted: Acted) -> None:
        """Shows how far it is, and how well it has done lately."""
        self._status.update(
            f"{acted.steps:,} of {self._steps:,} steps, {len(acted.success)} episodes, "
            f"{acted.recent():.0%} of the last {RECENT} succeed, weights {acted.version}"
            + (f"; waited {acted.waited:.0f} s for the learner" if acted.waited >= 1 else "")
        )


class LearnerMonitor(_StatusLine):
    """Watches a learner; call it with how learning stands."""

    def __init__(self, console: Console | None = None) -> None:
        super().__init__("waiting for actors", console)

    def __call__(self, standing: Standing) -> None:
        """Shows steps, updates, and which side waits for the other."""
        achieved = standing.updates / standing.steps if standing.steps else 0.0
        waits = f"{standing.owed:.0f} owed" if standing.owed >= 1 else "waiting for steps"
        self._status.update(
            f"{standing.steps:,} steps, {standing.updates:,} updates ({achieved:.2f} per step, "
            f"{waits}), weights {standing.version}"
        )


class ImitationMonitor(_StatusLine):
    """Watches a policy that imitates; call it with how it stands."""

    def __init__(self, console: Console | None = None) -> None:
        super().__init__("reading or recording demonstrations", console)

    def __call__(self, imitated: Imitated) -> None:
        """Shows how far it is, and its success."""
        success = "" if math.isnan(imitated.success) else f", {imitated.success:.0%} succeed"
        done = f"{imitated.update:,} of {imitated.updates:,} updates"
        self._status.update(f"{done}, loss {imitated.loss:.4f}{success}")


class UpdateMonitor(_StatusLine):
    """Watches a network learn from episodes; call it with the number of updates and the loss."""

    def __init__(self, updates: int, console: Console | None = None) -> None:
        super().__init__("reading episodes", console)
        self._updates = updates

    def __call__(self, update: int, loss: float) -> None:
        """Shows how far it is."""
        self._status.update(f"{update:,} of {self._updates:,} updates, loss {loss:.3f}")


def score(metrics: Mapping[str, float], policy: str) -> str:
    """Success of a policy, or its mean return where the task knows no success."""
    success = metrics.get(f"{policy}_success", math.nan)
    if not math.isnan(success):
        return f"{success:.0%}"
    return _number(metrics.get(f"{policy}_return", math.nan))


def _number(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.1f}"


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
